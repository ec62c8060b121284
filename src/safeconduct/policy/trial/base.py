"""The call that the cases of a matrix start from, and times that are written for people."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from safeconduct.policy.trial.shape import Tree

NOW_MS: Final = 1_794_821_400_000
"""2026-11-16T09:30:00Z, a Monday."""

BASE: Final[Tree] = {
    "call": {
        "tool": "crm.get_case",
        "upstream": "crm",
        "effect": "read",
        "scopes": [],
        "digest": "this-call",
        "fields": [],
        "sizes": {"arguments": 64},
    },
    "agent": {
        "id": "spiffe://crm.example/agents/sales-copilot",
        "tier": 2,
        "zone": "tier2-sales",
        "attested_at": "now-10m",
        "stateless": True,
    },
    "user": {
        "id": "jane@crm.example",
        "kind": "person",
        "groups": [],
        "acr": None,
        "amr": ["pwd"],
        "auth_time": "now-10m",
        "device": [],
    },
    "task": {
        "id": "task-1",
        "purpose_source": "user",
        "profile": "triage-case",
        "tenant": "crm.example",
        "started_at": "now-5m",
        "counts": {},
    },
    "labels": {"integrity": "trusted", "confidentiality": "internal", "categories": []},
    "provenance": {},
    "facts": {},
    "findings": [],
    "now_ms": "2026-11-16T09:30:00Z",
}
"""In order in all respects, and without anything that a rule could be waiting for."""

TIMES: Final = {
    ("agent", "attested_at"): 1,
    ("user", "auth_time"): 1000,
    ("task", "started_at"): 1,
    ("approval", "granted_at_ms"): 1,
}
"""Where the input has a time besides `now_ms`, and its unit in ms."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_FROM_NOW: Final = re.compile(r"now(?:(?P<sign>[+-])(?P<parts>(?:[0-9]{1,9}(?:ms|[dhms]))+))?")
_PART: Final = re.compile(r"([0-9]+)(ms|[dhms])")


def base() -> Tree:
    """The call to start from, whose times are still text."""
    return copy.deepcopy(BASE)


def settle(value: Tree) -> Tree:
    """Turn the times that are text into numbers. What is no time stays as it is."""
    if "now_ms" in value:
        value["now_ms"] = _moment(value["now_ms"], None)
    now_ms = time_of(value)
    for (member, name), unit in TIMES.items():
        found = value.get(member)
        holder = cast("Tree", found) if isinstance(found, dict) else {}
        if isinstance(holder.get(name), str):
            moment = _moment(holder[name], now_ms)
            holder[name] = moment // unit if isinstance(moment, int) else moment
    return value


def time_of(value: Tree) -> int:
    """The time at which a call is decided, in ms, also where its input has none."""
    now_ms = value.get("now_ms")
    return now_ms if type(now_ms) is int else NOW_MS


def _moment(written: object, now_ms: int | None) -> object:
    """A time in ms where the text is one; anything else unchanged."""
    if not isinstance(written, str):
        return written
    relative = _FROM_NOW.fullmatch(written)
    if relative is not None and now_ms is not None:
        parts = _PART.findall(relative["parts"] or "")
        span = sum(int(number) * _UNITS[unit] for number, unit in parts)
        return now_ms - span if relative["sign"] == "-" else now_ms + span
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return written
    if moment.tzinfo is None:
        return written
    return (moment - _EPOCH) // timedelta(milliseconds=1)
