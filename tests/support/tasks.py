"""Records of tasks, as the log hands them to the state."""

from __future__ import annotations

from typing import Any, Final

from safeconduct.core.labels import BOTTOM, Label
from safeconduct.core.provenance import value_digest
from safeconduct.core.record import label_value

AGENT: Final = "spiffe://crm.example/agents/copilot"
DIGEST: Final = "sha256:" + "1" * 64

Record = dict[str, Any]


def started(
    task: str = "t_1", *, stateless: bool = False, agent: str = AGENT, **changed: Any
) -> Record:
    """A task begins."""
    return {
        "kind": "task",
        "phase": "started",
        "task": task,
        "tenant": "crm.example",
        "profile": "triage",
        "purpose": "Triage case C-1.",
        "purpose_source": "user",
        "scopes": ["case:read"],
        "obtainable": ["case:read", "deal:update"],
        "budgets": {"calls": 3},
        "max_refusals": 2,
        "started_ms": 1_000,
        "expires_ms": 9_000,
        "agent": {
            "id": agent,
            "tier": 2,
            "zone": "office",
            "attested_ms": 500,
            "stateless": stateless,
            "approval_scopes": ["deal:update"],
        },
        "user": {
            "id": "jane@crm.example",
            "kind": "workflow",
            "groups": ["sales"],
            "acr": "mfa",
            "amr": ["otp"],
            "auth_time_s": 1,
            "device": ["managed"],
        },
        "consumes": [f"token {task}"],
        **changed,
    }


def permit(decision: str = "d_1", version: int = 0, **changed: Any) -> Record:
    """A call is permitted, and what it needs is reserved."""
    return {
        "kind": "decision",
        "decision": decision,
        "task": "t_1",
        "version": version,
        "verdict": "permit",
        "tool": "crm.update_deal",
        "digest": DIGEST,
        "spends": {"calls": 1},
        "changes_state": True,
        **changed,
    }


def deny(reason: str = "policy-denied", task: str = "t_1") -> Record:
    """A call is refused."""
    return {
        "kind": "decision", "decision": "d_0", "task": task, "verdict": "deny", "reason": reason,
        "tool": "crm.update_deal", "digest": DIGEST,
    }  # fmt: skip


def outcome(
    decision: str = "d_1", status: str = "ok", *, may_have_happened: bool = False
) -> Record:
    """What became of a call."""
    return {
        "kind": "outcome",
        "decision": decision,
        "status": status,
        "may_have_happened": may_have_happened,
    }


def memory(label: Label = BOTTOM, task: str = "t_1", at_ms: int = 2_000, **vouched: str) -> Record:
    """What a task has read; `vouched` are values by the place that vouches for them."""
    return {
        "kind": "memory",
        "task": task,
        "at_ms": at_ms,
        "labels": label_value(label),
        "vouched": [
            {"key": "recipient", "values": [value_digest(value)], "where": where}
            for where, value in vouched.items()
        ],
    }


def requested(approval: str = "a_1", **changed: Any) -> Record:
    """A person is asked."""
    return {
        "kind": "approval",
        "phase": "requested",
        "approval": approval,
        "task": "t_1",
        "digest": DIGEST,
        "at_ms": 2_000,
        "ttl_s": 120,
        "requires": ["policy:discount"],
        "labels": label_value(BOTTOM),
        **changed,
    }


def answered(approval: str = "a_1", phase: str = "granted", at_ms: int = 3_000) -> Record:
    """A person says yes or no."""
    return {"kind": "approval", "phase": phase, "approval": approval, "by": "jane", "at_ms": at_ms}


def revoked(what: str, name: str) -> Record:
    """An operator revokes."""
    return {"kind": "revocation", "what": what, "id": name, "at_ms": 4_000}


def child(task: str = "t_2", **changed: Any) -> Record:
    """A part of the task `t_1` is passed on."""
    changed.setdefault("agent", "spiffe://crm.example/agents/helper")
    changed.setdefault("parent", "t_1")
    return started(task, **changed)


def continued(phase: str = "renewed", **changed: Any) -> Record:
    """The task `t_1` is renewed or amended."""
    record = started("t_1", stateless=changed.pop("stateless", False))
    del record["budgets"], record["max_refusals"], record["started_ms"], record["expires_ms"]
    record["agent"] |= {"attested_ms": changed.pop("attested_ms", 500)}
    record["user"] |= changed.pop("user", {})
    return {**record, "phase": phase, "consumes": [], "at_ms": 2_000, **changed}


def resumed(task: str = "t_1") -> Record:
    """An operator lets a task go on."""
    return {"kind": "resumption", "task": task, "at_ms": 2_000, "by": "uid:0", "why": "so"}
