"""Records of every kind that matters to a sink, as copies with a place in a log."""

from __future__ import annotations

from typing import Any, Final

import orjson

from safeconduct.audit.following import Copy, Cursor
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.trace import span_of, trace_of
from tests.support.logs import ORIGIN

NOW_MS: Final = 1_700_000_000_123
AGENT: Final = "spiffe://crm.example/agents/copilot"
USER: Final = "u_5f0c"
JSON = dict[str, Any]


def decision(name: str = "d_1", verdict: str = "permit", **more: Any) -> JSON:
    """A decision record, cut down to what sinks look at."""
    return {
        "kind": "decision",
        "decision": name,
        "at_ms": NOW_MS,
        "tenant": "crm.example",
        "agent": AGENT,
        "zone": "office",
        "user": USER,
        "task": "t_1",
        "method": "tools/call",
        "tool": "crm.update_deal",
        "effect": "write",
        "digest": "sha256:" + "1" * 64,
        "policy": {"bundle": "sha256:" + "2" * 64, "permit": ["all"]},
        "verdict": verdict,
        "trace": trace_of("t_1"),
        "span": span_of(name),
        **({"reason": "policy-denied"} if verdict == "deny" else {}),
        **more,
    }


def outcome(name: str = "d_1", status: str = "ok", **more: Any) -> JSON:
    """What came of a decision, 40 ms later."""
    return {
        "kind": "outcome",
        "decision": name,
        "task": "t_1",
        "at_ms": NOW_MS + 40,
        "status": status,
        **more,
    }


TASK: Final[JSON] = {
    "kind": "task",
    "phase": "started",
    "task": "t_1",
    "tenant": "crm.example",
    "agent": {"id": AGENT, "zone": "office"},
    "user": {"id": USER, "groups": []},
    "started_ms": NOW_MS,
}


def copied(record: JSON, n: int = 7, size: int = 10) -> Copy:
    """A record as the follower passes it on."""
    whole = {**record, "n": n}
    data = orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)
    place = Cursor(origin=ORIGIN, n=n, before="00" * 32 if n else "", segment=0)
    return Copy(place, leaf_hash(data).hex(), size, data, orjson.loads(data))
