"""A permitted call and the facts about it; a test changes what it is about."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from safeconduct.core.approvers import Party
from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.manifest import Argument, Effect, ToolManifest
from safeconduct.core.model import (
    AgentFacts,
    ApprovalFacts,
    Call,
    Facts,
    Followed,
    Gathered,
    TaskFacts,
    ToolFacts,
    UserFacts,
    ZoneFacts,
)
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.provenance import Origin

NOW_MS: Final = 1_700_000_000_000
HOUR_MS: Final = 3_600_000

DIGEST: Final = "sha256:" + "1" * 48 + "0123456789abcdef"
OTHER_DIGEST: Final = "sha256:" + "2" * 64

ASKED: Final = (Origin("user-request"),)
CLAIMED: Final = (Origin("agent-request"),)

BODY: Final = "mail.get:body"
"""A field where anybody may have written."""

TAINTED: Final = Label(integrity=Integrity.untrusted)

ASKING: Final = PolicyAnswer(elevate=(PolicyElevate("discount", "offer", 120),))
"""A policy that wants a person's yes for two minutes."""

_CALL: Final = Call(
    method="tools/call",
    target="crm.update_deal",
    upstream="crm",
    name="update_deal",
    arguments={"id": "D-7", "next_step": "call Dana"},
    digest=DIGEST,
    size=36,
)

_MANIFEST: Final = ToolManifest(
    effect=Effect.write,
    scopes=("deal:update",),
    arguments={
        "id": Argument(role="object-id", type="crm.deal"),
        "amount_minor": Argument(role="amount"),
        "next_step": Argument(role="content"),
        "to": Argument(role="recipient"),
        "into": Argument(role="destination"),
        "account": Argument(role="account"),
        "path": Argument(role="path"),
        "find": Argument(role="query"),
    },
)

_TOOL: Final = ToolFacts(
    manifest=_MANIFEST,
    pin="reviewed",
    destination="crm",
    source=Label(confidentiality=Confidentiality.internal),
    clearance=Confidentiality.confidential,
)

TRUSTED: Final = _TOOL.source
"""The label of what the tool returns."""

_TASK: Final = TaskFacts(
    id="t_1",
    tenant="crm.example",
    profile="triage",
    purpose="Move deal D-7 on.",
    purpose_source="user",
    scopes=frozenset({"deal:update"}),
    obtainable=frozenset({"deal:update", "deal:delete"}),
    budgets={"calls": 10},
    max_refusals=3,
    started_ms=NOW_MS - HOUR_MS,
    expires_ms=NOW_MS + HOUR_MS,
    version=4,
)

_GATHERED: Final = Gathered(
    now_ms=NOW_MS,
    tenant="crm.example",
    agent=AgentFacts(
        id="spiffe://crm.example/agents/copilot",
        registered=True,
        tier=2,
        zone="office",
        attested_ms=NOW_MS - HOUR_MS,
    ),
    user=UserFacts(
        id="jane@crm.example",
        groups=("sales",),
        acr="mfa",
        amr=("pwd", "otp"),
        auth_time_s=1_699_999_000,
        device=("managed",),
    ),
    task=_TASK,
    zone=ZoneFacts(id="office", egress=frozenset({"crm", "mail"}), deny=frozenset({"ftp"})),
    tool=_TOOL,
    token_expires_ms=NOW_MS + 2 * HOUR_MS,
)

ASKED_USER: Final = (Party(),)
"""Who is asked where nothing else is said."""

_APPROVAL: Final = ApprovalFacts(
    id="a_1",
    digest=DIGEST,
    state="granted",
    requested_ms=NOW_MS - 60_000,
    granted_ms=NOW_MS - 30_000,
    ttl_s=120,
    sources=("policy:discount",),
    parties=ASKED_USER,
)


def call(arguments: dict[str, Any] | None = None, **overrides: Any) -> Call:
    """A call of `crm.update_deal`."""
    given = _CALL.arguments if arguments is None else arguments
    return replace(_CALL, arguments=given, **overrides)


def manifest(**overrides: Any) -> ToolManifest:
    """What a reviewer said of the tool: it has an argument of each role."""
    return replace(_MANIFEST, **overrides)


def tool(**overrides: Any) -> ToolFacts:
    """A reviewed tool; members of its manifest are taken, too."""
    names = [name for name in ToolManifest.__struct_fields__ if name in overrides and name != "pin"]
    inner = {name: overrides.pop(name) for name in names}
    if inner:
        overrides["manifest"] = manifest(**inner)
    return replace(_TOOL, **overrides)


def task(**overrides: Any) -> TaskFacts:
    """A live task that a user asked for."""
    return replace(_TASK, **overrides)


def agent(**overrides: Any) -> AgentFacts:
    """A registered agent."""
    return replace(_GATHERED.agent, **overrides)


def gathered(**overrides: Any) -> Gathered:
    """What step 1 knows."""
    return replace(_GATHERED, **overrides)


def approval(**overrides: Any) -> ApprovalFacts:
    """A fresh yes to exactly this call."""
    return replace(_APPROVAL, **overrides)


def followed(**overrides: Any) -> Followed:
    """A person's yes to values of `mail.get:body`, which goes on for more calls of the task."""
    known: dict[str, Any] = {
        "wheres": frozenset({BODY}),
        "values": frozenset[str](),
        "left": 3,
        "until_ms": NOW_MS + HOUR_MS,
        "labels": TAINTED,
        **overrides,
    }
    return Followed(**known)


def facts(**overrides: Any) -> Facts:
    """What step 3 knows; members of step 1 are taken, too."""
    names = [name for name in Gathered.__struct_fields__ if name in overrides]
    local = {name: overrides.pop(name) for name in names}
    known: dict[str, Any] = {
        "gathered": gathered(**local),
        "policy": PolicyAnswer(permit=("all",)),
        "provenance": {"id": ASKED},
        **overrides,
    }
    return Facts(**known)
