"""Records in a line each, as tables show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from safeconduct.audit.index.searching import Hit

_ABOUT: Final = ("tool", "target", "purpose", "what", "id", "upstream", "client")
"""What a record may be about, the most telling first."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a line shows of a record."""

    n: int
    at_ms: int
    kind: str
    said: str
    about: str
    agent: str
    user: str
    task: str
    decision: str
    reason: str
    by: str


def row(hit: Hit, shown: Callable[[dict[str, Any]], Any]) -> Row:
    """The line of a record; `shown` turns pseudonyms in it into users."""
    record, entry = shown(hit.record), hit.entry
    about = next((text for name in _ABOUT if isinstance(text := record.get(name), str)), "")
    return Row(
        n=entry.n,
        at_ms=entry.at_ms,
        kind=entry.facet.kind,
        said=entry.facet.said,
        about=about,
        agent=entry.party.agent,
        # Records of a task need not name its user: whose it is, its start says.
        user=shown({"kind": "", "user": entry.party.user})["user"],
        task=entry.task,
        decision=_text(record, "decision"),
        reason=_text(record, "reason") or _text(record, "why"),
        by=_text(record, "by"),
    )


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""
