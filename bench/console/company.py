"""Whose day it is: a company whose agents look after cases, orders and contracts."""

from __future__ import annotations

from typing import Final, Literal

from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.manifest import Allow, Argument, Effect, Role, Sink, ToolManifest
from safeconduct.core.model import ToolFacts

AGENTS: Final = ("triage", "billing", "renewals", "dispatch", "sales-copilot")
ZONES: Final = ("desk", "finance", "field")
NAMES: Final = ("jane", "joe", "ada", "dana", "eli", "fay", "gus", "ida", "kim", "lee", "mo", "zoe")
CUSTOMERS: Final = frozenset(f"{name}@customer.example" for name in NAMES)
PURPOSES: Final = (
    "Answer case {}, and tell the customer when the engineer comes.",
    "Reconcile invoice {} with what was delivered.",
    "Prepare the renewal of contract {} for tomorrow's call.",
    "Find out why order {} is late.",
    "Refund what was charged twice on order {}.",
)

_UNTRUSTED: Final = Label(integrity=Integrity.untrusted, confidentiality=Confidentiality.internal)
_RESTRICTED: Final = Label(confidentiality=Confidentiality.restricted)
_INTERNAL: Final = Label(confidentiality=Confidentiality.internal)
_LISTS: Final[dict[Literal["recipients", "destinations"], Allow]] = {
    "recipients": Allow(values=tuple(sorted(CUSTOMERS)))
}


def _tool(upstream: str, effect: Effect, scope: str, source: Label, **roles: Role) -> ToolFacts:
    allow = _LISTS if effect is Effect.send else {}
    manifest = ToolManifest(
        effect=effect,
        scopes=(scope,),
        arguments={name: Argument(role) for name, role in roles.items()},
        sink=Sink(clearance="confidential", allow=allow),
    )
    return ToolFacts(
        manifest=manifest,
        pin="reviewed",
        destination=upstream,
        source=source,
        clearance=Confidentiality.confidential,
        credential="tool-token",
        system=upstream,
    )


_READ, _WRITE = Effect.read, Effect.write
TOOLS: Final = {
    "crm.get_case": _tool("crm", _READ, "case:read", _UNTRUSTED, id="object-id"),
    "crm.get_contract": _tool("crm", _READ, "case:read", _INTERNAL, id="object-id"),
    "erp.list_customers": _tool("erp", _READ, "customer:read", _RESTRICTED),
    "erp.get_order": _tool("erp", _READ, "order:read", _INTERNAL, id="object-id"),
    "erp.refund": _tool("erp", _WRITE, "refund:pay", _INTERNAL, id="object-id"),
    "crm.add_note": _tool("crm", _WRITE, "case:write", _INTERNAL, id="object-id", text="content"),
    "mail.send": _tool("mail", Effect.send, "mail:send", _INTERNAL, to="recipient", body="content"),
    "wiki.search": _tool("wiki", _READ, "wiki:read", _INTERNAL, query="query"),
}
WEIGHTS: Final = (6, 4, 0.3, 6, 1, 3, 3, 8)
"""How often each of these is called."""

SCOPES: Final = frozenset(
    scope for one in TOOLS.values() if one.manifest is not None for scope in one.manifest.scopes
)
SYSTEMS: Final = frozenset(one.destination for one in TOOLS.values())
UNKNOWN: Final = ToolFacts(
    manifest=None,
    pin="unreviewed",
    destination="crm",
    source=_UNTRUSTED,
    clearance=Confidentiality.public,
)
"""What there is no tool of."""
