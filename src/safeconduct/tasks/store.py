"""The reading half of task state: authoritative answers, straight from the committed file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from safeconduct.core.labels import BOTTOM
from safeconduct.core.manifest import Role
from safeconduct.core.model import AgentFacts, ApprovalFacts, TaskFacts, UserFacts
from safeconduct.core.provenance import Origin
from safeconduct.core.record import value_digest
from safeconduct.tasks.projection import connect
from safeconduct.tasks.values import label_of

STARTS_KEPT = 4096
"""How many starting records are kept decoded; they never change."""


class Start(msgspec.Struct, frozen=True):
    """What never changes about a task."""

    record: dict[str, Any]
    agent: AgentFacts
    user: UserFacts


class OpenCall(msgspec.Struct, frozen=True):
    """A permitted call whose outcome nobody knows."""

    decision: str
    task: str
    tool: str


class TaskStore:
    """Reads of task state (`safeconduct.ports.TaskState`). Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._db.execute("PRAGMA query_only = ON")
        self._starts: dict[str, Start] = {}

    def task(self, task: str) -> TaskFacts | None:
        """The state of a task right now, or None when there is no such task."""
        row = self._db.execute(
            "SELECT t.version + coalesce(l.version, 0), t.counts, t.refusals, t.state, l.label"
            " FROM tasks t LEFT JOIN labels l ON l.memory = t.memory WHERE t.id = ?",
            (task,),
        ).fetchone()
        if row is None:
            return None
        version, counts, refusals, state, label = row
        start = self._start(task).record
        return TaskFacts(
            id=task,
            tenant=start["tenant"],
            profile=start["profile"],
            purpose=start["purpose"],
            purpose_source=start["purpose_source"],
            scopes=frozenset(start["scopes"]),
            obtainable=frozenset(start["obtainable"]),
            budgets=start["budgets"],
            max_refusals=start["max_refusals"],
            started_ms=start["started_ms"],
            expires_ms=start["expires_ms"],
            version=version,
            labels=BOTTOM if label is None else label_of(json.loads(label)),
            counts=json.loads(counts),
            refusals=refusals,
            state=state,
        )

    def parties(self, task: str) -> tuple[AgentFacts, UserFacts]:
        """The agent and the user of a task that exists, as its start recorded them."""
        start = self._start(task)
        return start.agent, start.user

    def vouched(self, task: str, role: Role, value: str) -> tuple[Origin, ...]:
        """Where trusted fields vouched for a value in this task."""
        rows = self._db.execute(
            "SELECT place FROM vouched WHERE task = ? AND role = ? AND value = ?",
            (task, role, value_digest(value)),
        )
        return tuple(Origin("trusted-field", place) for (place,) in rows)

    def baseline(self, task: str, key: str) -> int | None:
        """The amount an object had before this task first changed it."""
        row = self._db.execute(
            "SELECT value FROM baselines WHERE task = ? AND key = ?", (task, key)
        ).fetchone()
        return None if row is None else int(row[0])

    def approval(self, task: str, digest: str) -> ApprovalFacts | None:
        """The newest approval of exactly this call that was not used yet."""
        rows = self._db.execute(
            "SELECT id, state, granted_ms, requested FROM approvals"
            " WHERE task = ? AND digest = ? AND state != 'used'",
            (task, digest),
        ).fetchall()
        found = [self._approval(digest, *row) for row in rows]
        return max(found, key=lambda one: (one.requested_ms, one.id), default=None)

    @staticmethod
    def _approval(
        digest: str,
        identifier: str,
        state: Literal["pending", "granted", "denied"],
        granted_ms: int,
        requested: str,
    ) -> ApprovalFacts:
        record = json.loads(requested)
        return ApprovalFacts(
            id=identifier,
            digest=digest,
            state=state,
            requested_ms=record["at_ms"],
            granted_ms=granted_ms,
            ttl_s=record["ttl_s"],
            sources=tuple(record["requires"]),
            labels=label_of(record["labels"]),
        )

    def revoked(self, *, agent: str, user: str, key: str, jti: str) -> bool:
        """Whether the agent, the user, the key or the token itself was revoked."""
        return (
            self._db.execute(
                "SELECT 1 FROM revocations WHERE (what, id) IN"
                " (VALUES ('agent', ?), ('user', ?), ('key', ?), ('jti', ?)) LIMIT 1",
                (agent, user, key, jti),
            ).fetchone()
            is not None
        )

    def outcome_unknown(self, task: str, digest: str) -> bool:
        """Whether this very call was permitted before and its outcome is not on record."""
        return (
            self._db.execute(
                "SELECT 1 FROM open_calls WHERE task = ? AND digest = ? LIMIT 1", (task, digest)
            ).fetchone()
            is not None
        )

    def open_calls(self) -> Iterator[OpenCall]:
        """Every permitted call without an outcome: after a start, those a crash left behind."""
        rows = self._db.execute("SELECT decision, task, tool FROM open_calls ORDER BY decision")
        return (OpenCall(*row) for row in rows.fetchall())

    def pin(self, target: str) -> str | None:
        """The digest under which a definition was first seen."""
        row = self._db.execute("SELECT pin FROM pins WHERE target = ?", (target,)).fetchone()
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def _start(self, task: str) -> Start:
        start = self._starts.get(task)
        if start is None:
            text = self._db.execute("SELECT start FROM tasks WHERE id = ?", (task,)).fetchone()[0]
            record: dict[str, Any] = json.loads(text)
            start = Start(record, _agent(record["agent"]), _user(record["user"]))
            if len(self._starts) >= STARTS_KEPT:
                self._starts.clear()
            self._starts[task] = start
        return start


def _agent(value: dict[str, Any]) -> AgentFacts:
    return AgentFacts(
        id=value["id"],
        registered=True,
        tier=value["tier"],
        zone=value["zone"],
        attested_ms=value["attested_ms"],
        stateless=value["stateless"],
        approval_scopes=frozenset(value["approval_scopes"]),
    )


def _user(value: dict[str, Any]) -> UserFacts:
    return UserFacts(
        id=value["id"],
        groups=tuple(value["groups"]),
        acr=value["acr"],
        auth_time_s=value["auth_time_s"],
    )
