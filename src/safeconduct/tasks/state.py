"""Task state: each record of the log, applied in order, once.

A record that the state refuses (a version that moved on, a budget that would overspend, a token
that was consumed) is not written to the log either: decision and reservation are one step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from safeconduct.core.labels import BOTTOM, Label
from safeconduct.core.manifest import Role
from safeconduct.core.model import AgentFacts, ApprovalFacts, TaskFacts, UserFacts
from safeconduct.core.provenance import Origin, PurposeSource
from safeconduct.core.record import value_digest
from safeconduct.ports import Holder
from safeconduct.tasks import kin
from safeconduct.tasks.kin import Bound, Kin
from safeconduct.tasks.rows import (
    ApprovalRow,
    LabelRow,
    OpenCall,
    PurseRow,
    StartRow,
    TaskRow,
    agent_facts,
    approval_row,
    label_of,
    start_row,
    user_facts,
)
from safeconduct.tasks.tables import Table, Tables

Record = Mapping[str, Any]

SIZE: Final = "size"
LATEST: Final = "latest"

MAX_DEPTH: Final = 4
"""How many tasks may stand above one another's children."""

UNCOUNTED: Final = frozenset({"busy", "refusals-exhausted", "reattestation-needed"})
"""Reasons that are no fault of the call's, or say only that refusals ran out."""


class TaskState:
    """The state behind all decisions (`safeconduct.ports.Projection` and `TaskState`).

    `apply` and what belongs to it are for who writes the log, one at a time; everything else reads
    what was committed, from any thread.
    """

    def __init__(self, path: Path) -> None:
        """Opens the state's file. Raises sqlite3.Error, msgspec.DecodeError."""
        self._log = Table("log", int)
        self._starts = Table("starts", StartRow)
        self._tasks = Table("tasks", TaskRow)
        self._purses = Table("purses", PurseRow)
        self._labels = Table("labels", LabelRow)
        self._vouched = Table("vouched", tuple[str, ...])
        self._baselines = Table("baselines", int)
        self._consumed = Table("consumed", str)
        self._approvals = Table("approvals", ApprovalRow)
        self._asked = Table("asked", tuple[str, ...])
        self._revoked = Table("revoked", int)
        self._signed_out = Table("signed_out", int)
        self._open = Table("open", OpenCall)
        self._locked = Table("locked", str)
        self._pins = Table("pins", str)
        tables: list[Any] = [one for one in vars(self).values() if isinstance(one, Table)]
        self._tables = Tables(path, tables)
        self._handlers: Final[dict[str, Callable[[Record], str | None]]] = {
            "task": self._task,
            "decision": self._decision,
            "outcome": self._outcome,
            "memory": self._memory,
            "approval": self._approval,
            "revocation": self._revocation,
            "svid": self._svid,
            "pin": self._pin,
            "config": self._config,
        }

    # --- the writer -------------------------------------------------------------------------------

    def applied(self) -> int:
        """How many records of the log are in the state."""
        return self._log.get(SIZE) or 0

    def begin(self) -> None:
        """A group of records begins: there is nothing to open."""

    def apply(self, seq: int, record: Record, *, replay: bool) -> str | None:
        """Applies one record, or says why not and changes nothing.

        Every handler checks before it changes, so on replay, when what stands in the log has
        happened, nothing conflicts.
        """
        del replay
        used: list[str] = record.get("consumes", [])
        if any(self._consumed.peek(key) for key in used):
            return "consumed"
        handler = self._handlers.get(record["kind"])
        conflict = None if handler is None else handler(record)
        if conflict is None:
            for key in used:
                self._consumed.put(key, record.get("task", record["kind"]))
            at_ms = record.get("at_ms") or record.get("started_ms", 0)
            if at_ms > (self._log.peek(LATEST) or 0):
                self._log.put(LATEST, at_ms)
            self._log.put(SIZE, seq + 1)
        return conflict

    def commit(self) -> None:
        """Writes the group and shows it to readers."""
        self._tables.commit()

    def rollback(self) -> None:
        """Forgets the group."""
        self._tables.rollback()

    def close(self) -> None:
        """Closes the file."""
        self._tables.close()

    def _task(self, record: Record) -> str | None:
        user = record["user"]
        signed_in_ms = user.get("signed_in_ms", user["auth_time_s"] * 1000)
        if signed_in_ms <= (self._signed_out.peek(user["id"]) or -1):
            return "signed-out"
        return self._started(record) if record["phase"] == "started" else self._continued(record)

    def _started(self, record: Record) -> str | None:
        task: str = record["task"]
        if self._starts.peek(task) is not None:
            return "task-exists"
        parent: str | None = record.get("parent")
        above = [] if parent is None else self._writers_line(parent)
        if parent is not None and not _fits(record, above):
            return "parent"
        start = start_row(record, above[0].start if above else None)
        self._starts.put(task, start)
        self._tasks.put(task, TaskRow())
        purse = self._purses.peek(start.purse)
        if start.window and (
            purse is None
            or record["started_ms"] - purse.since_ms >= record["window"]["seconds"] * 1000
        ):
            self._purses.put(start.purse, PurseRow(record["started_ms"]))
        return None

    def _continued(self, record: Record) -> str | None:
        """A renewal or an amendment: a plan narrows, or widens within what was obtainable."""
        task: str = record["task"]
        line = self._writers_line(task)
        if not line:
            return "task-unknown"
        own = line[0]
        start, amended = own.start, record["phase"] == "amended"
        scopes, obtainable = frozenset(record["scopes"]), frozenset(record["obtainable"])
        if (
            kin.state_of(line) != "active"
            or not obtainable <= start.obtainable
            or not scopes <= (obtainable if amended else start.scopes)
        ):
            return "plan"
        start = replace(
            start,
            scopes=scopes,
            obtainable=obtainable,
            agent=agent_facts(record["agent"]),
            user=user_facts(record["user"]),
        )
        if amended:
            start = _told(start, record)
        self._starts.put(task, start)
        changed = replace(
            own.row, version=own.row.version + 1, changes=own.row.changes + 1, unattested=0
        )
        self._tasks.put(task, changed)
        return None

    def _writers_line(self, task: str) -> list[Kin]:
        """A task and those above it, as the writer sees them; empty if there is no such task."""
        return _line(task, self._starts.peek, self._tasks.peek)

    def _decision(self, record: Record) -> str | None:
        task: str = record["task"]
        line = self._writers_line(task)
        if not line:
            return "task-unknown"
        if record["verdict"] == "deny":
            return self._denied(record["reason"], task, line)
        if record["verdict"] != "permit":
            return None
        start, spends = line[0].start, record["spends"]
        version = kin.version_of(line) + sum(one.version for one in self._label_rows(start))
        if kin.state_of(line) != "active" or record["version"] != version:
            return "version"
        if not all(bound.holds(spends) for bound in _bounds(line, self._purses.peek)):
            return "budget"
        if not self._consume(record.get("approval")):
            return "approval"
        for key, value in record.get("baselines", {}).items():
            if self._baselines.peek(f"{task} {key}") is None:
                self._baselines.put(f"{task} {key}", value)
        self._spend(task, line, spends)
        call = OpenCall(task, record["digest"], record["tool"], record["changes_state"])
        self._open.put(record["decision"], call)
        if call.changes_state:
            self._locked.put(f"{task} {call.digest}", record["decision"])
        return None

    def _spend(self, task: str, line: list[Kin], spends: Mapping[str, int]) -> None:
        """Counts what a permit uses up, in the task, in those above it, and beyond all of them."""
        (start, row), *elders = line
        own = replace(
            row,
            version=row.version + 1,
            unattested=row.unattested + 1,
            counts=_spent(row.counts, spends),
        )
        self._tasks.put(task, own)
        for name, (_, one) in zip(start.elders, elders, strict=True):
            self._tasks.put(name, replace(one, counts=_spent(one.counts, spends)))
        for name in {one.start.purse for one in line if one.start.window}:
            purse = self._purses.peek(name)
            if purse is not None:
                self._purses.put(name, PurseRow(purse.since_ms, _spent(purse.counts, spends)))

    def _denied(self, reason: str, task: str, line: list[Kin]) -> str | None:
        """Counts a refusal; one too many is decided again, and refused for that."""
        if reason in UNCOUNTED:
            return None
        if any(one.row.refusals >= one.start.max_refusals for one in line):
            return "refusals"
        for name, (_, row) in zip((task, *line[0].start.elders), line, strict=True):
            self._tasks.put(name, replace(row, refusals=row.refusals + 1))
        return None

    def _consume(self, approval: str | None) -> bool:
        """Uses an approval up; False when it is not there to be used."""
        if approval is None:
            return True
        row = self._approvals.peek(approval)
        if row is None or row.used or row.facts.state != "granted":
            return False
        self._approvals.put(approval, replace(row, used=True))
        return True

    def _label_rows(self, start: StartRow) -> list[LabelRow]:
        rows = [self._labels.peek(name) for name in (start.memory, *start.shared)]
        return [row for row in rows if row is not None]

    def _outcome(self, record: Record) -> str | None:
        call = self._open.peek(record["decision"])
        if call is None:
            return "no-open-call"
        self._open.put(record["decision"], None)
        known = record["status"] in ("ok", "error", "withheld") or not record["may_have_happened"]
        if call.changes_state and known:
            self._locked.put(f"{call.task} {call.digest}", None)
        return None

    def _memory(self, record: Record) -> str | None:
        task: str = record["task"]
        start = self._starts.peek(task)
        if start is None:
            return "task-unknown"
        brought = label_of(record["labels"])
        for name in (start.memory, *start.shared):
            before = self._labels.peek(name) or LabelRow(BOTTOM, 0)
            after = before.label.join(brought)
            if after != before.label:
                self._labels.put(name, LabelRow(after, before.version + 1))
        for one in record["vouched"]:
            key = f"{task} {one['role']} {one['value']}"
            places = self._vouched.peek(key) or ()
            if one["where"] not in places:
                self._vouched.put(key, (*places, one["where"]))
        return None

    def _approval(self, record: Record) -> str | None:
        identifier: str = record["approval"]
        row = self._approvals.peek(identifier)
        if record["phase"] == "requested":
            asked = f"{record['task']} {record['digest']}"
            if row is not None or self._pending(asked):
                return "approval"
            self._approvals.put(identifier, approval_row(record))
            self._asked.put(asked, (*(self._asked.peek(asked) or ()), identifier))
            return None
        if row is None or row.facts.state != "pending":
            return "approval"
        facts = replace(row.facts, state=record["phase"], granted_ms=record["at_ms"])
        self._approvals.put(identifier, replace(row, facts=facts))
        return None

    def _pending(self, asked: str) -> bool:
        """Whether a question about this very call stands already."""
        rows = (self._approvals.peek(identifier) for identifier in self._asked.peek(asked) or ())
        return any(
            row is not None and not row.used and row.facts.state == "pending" for row in rows
        )

    def _config(self, record: Record) -> str | None:
        """A start: what a person had not answered was only in memory, and must be asked anew."""
        if record["phase"] == "loaded":
            for identifier, row in self._approvals.current():
                if row.facts.state == "pending":
                    self._approvals.put(identifier, replace(row, used=True))
        return None

    def _svid(self, record: Record) -> str | None:
        """Evidence belongs to the key that it is first shown with."""
        key: str = record["jkt"]
        names = (f"agent {record['agent']}", f"key {key}")
        if any(self._revoked.peek(name) is not None for name in names):
            return "revoked"
        spent = f"evidence:{record['evidence']}"
        if (self._consumed.peek(spent) or key) != key:
            return "consumed"
        self._consumed.put(spent, key)
        return None

    def _revocation(self, record: Record) -> str | None:
        what, name = record["what"], record["id"]
        if what == "sign-in":
            self._sign_out(name, record["before_ms"])
            return None
        self._revoked.put(f"{what} {name}", record["at_ms"])
        if what == "task":
            self._revoke_task(name)
        return None

    def _sign_out(self, user: str, before_ms: int) -> None:
        """Ends what rests on sign-ins until then, also what began later: a signal takes its time,
        and is on another's clock. A later sign-in starts tasks again.
        """
        self._signed_out.put(user, max(before_ms, self._signed_out.peek(user) or 0))
        for task, start in self._starts.current():
            if start.user.id == user and start.user.signed_in_ms <= before_ms:
                self._revoke_task(task)

    def _revoke_task(self, task: str) -> None:
        row = self._tasks.peek(task)
        if row is not None:
            self._tasks.put(task, replace(row, state="revoked", version=row.version + 1))

    def _pin(self, record: Record) -> str | None:
        if self._pins.peek(record["target"]) is None:
            self._pins.put(record["target"], record["pin"])
        return None

    # --- readers ----------------------------------------------------------------------------------

    def task(self, task: str) -> TaskFacts | None:
        """The state of a task right now, or None when there is no such task."""
        row, start = self._tasks.get(task), self._starts.get(task)
        if row is None or start is None:
            return None
        if start.elders or start.window:
            return self._bound_task(task)
        # A label that rises between these two reads makes a version that no reservation accepts.
        labels = self._labels.get(start.memory)
        return TaskFacts(
            id=task,
            tenant=start.tenant,
            profile=start.profile,
            purpose=start.purpose,
            purpose_source=start.purpose_source,
            scopes=start.scopes,
            obtainable=start.obtainable,
            budgets=start.budgets,
            max_refusals=start.max_refusals,
            started_ms=start.started_ms,
            expires_ms=start.expires_ms,
            version=_version(row, labels),
            labels=BOTTOM if labels is None else labels.label,
            counts=row.counts,
            refusals=row.refusals,
            state=row.state,
            reattest_every=start.reattest_every,
            unattested=row.unattested,
        )

    def _bound_task(self, task: str) -> TaskFacts:
        """The state of a task that more than its own row binds."""
        line = self._line(task)
        start, row = line[0]
        labels = [
            known
            for name in (start.memory, *start.shared)
            if (known := self._labels.get(name)) is not None
        ]
        return TaskFacts(
            id=task,
            tenant=start.tenant,
            profile=start.profile,
            purpose=start.purpose,
            purpose_source=start.purpose_source,
            scopes=kin.scopes_of(line),
            obtainable=start.obtainable,
            budgets=kin.budgets_of(row.counts, _bounds(line, self._purses.get)),
            max_refusals=kin.patience(line),
            started_ms=start.started_ms,
            expires_ms=start.expires_ms,
            version=kin.version_of(line) + sum(one.version for one in labels),
            labels=functools.reduce(Label.join, (one.label for one in labels), BOTTOM),
            counts=row.counts,
            refusals=row.refusals,
            state=kin.state_of(line),
            reattest_every=kin.reattest_every(line),
            unattested=row.unattested,
        )

    def _line(self, task: str) -> list[Kin]:
        """A task and those above it; empty if there is no such task."""
        return _line(task, self._starts.get, self._tasks.get)

    def active(self, task: str) -> bool:
        """Whether there is such a task and nobody has ended or revoked it, or one above it."""
        row, start = self._tasks.get(task), self._starts.get(task)
        if row is None or start is None or row.state != "active":
            return False
        return not start.elders or kin.state_of(self._line(task)) == "active"

    def holder(self, task: str) -> Holder | None:
        """Whose task it is, for its next token; None when there is no such task."""
        start = self._starts.get(task)
        if start is None:
            return None
        parent = start.elders[0] if start.elders else None
        return Holder(
            agent=start.agent,
            user=start.user,
            key=start.key,
            certified=start.certified,
            parent=parent,
            actors=start.actors,
        )

    def latest_ms(self) -> int:
        """The highest time on record: the clock was there once."""
        return self._log.get(LATEST) or 0

    def parties(self, task: str) -> tuple[AgentFacts, UserFacts]:
        """The agent and the user of a task, as its start recorded them. Raises LookupError."""
        start = self._starts.get(task)
        if start is None:
            raise LookupError(task)
        return start.agent, start.user

    def vouched(self, task: str, role: Role, value: str) -> tuple[Origin, ...]:
        """Where trusted fields vouched for a value in this task."""
        places = self._vouched.get(f"{task} {role} {value_digest(value)}")
        return () if places is None else tuple([Origin("trusted-field", one) for one in places])

    def baseline(self, task: str, key: str) -> int | None:
        """The amount an object had before this task first changed it."""
        return self._baselines.get(f"{task} {key}")

    def approval(self, task: str, digest: str) -> ApprovalFacts | None:
        """The unused approval of exactly this call: a no beats all, then the newest."""
        asked = self._asked.get(f"{task} {digest}")
        if asked is None:
            return None
        rows = (self._approvals.get(identifier) for identifier in asked)
        standing = [row.facts for row in rows if row is not None and not row.used]
        denied = [facts for facts in standing if facts.state == "denied"]
        return next(iter(denied or standing[-1:]), None)

    def revoked(self, *, agent: str, user: str, key: str, jti: str, certificate: str = "") -> bool:
        """Whether the agent, the user, the key, that of the certificate, or the token itself was
        revoked.
        """
        if self._revoked.empty:
            return False
        revoked = self._revoked.get
        names = [f"agent {agent}", f"user {user}", f"key {key}", f"jti {jti}"]
        if certificate:
            names.append(f"key {certificate}")
        return any(revoked(name) is not None for name in names)

    def revocations(self) -> list[tuple[str, str]]:
        """What was revoked, and its id."""
        return [
            (what, name)
            for what, _, name in (key.partition(" ") for key, _ in self._revoked.items())
        ]

    def outcome_unknown(self, task: str, digest: str) -> bool:
        """Whether this very call was permitted and nobody knows (yet) whether it took effect."""
        return self._locked.get(f"{task} {digest}") is not None

    def open_calls(self) -> list[tuple[str, OpenCall]]:
        """Every permitted call without an outcome: after a start, those a crash left behind."""
        return sorted(self._open.items())

    def pin(self, target: str) -> str | None:
        """The digest under which a definition was first seen."""
        return self._pins.get(target)


def _line(
    task: str,
    starts: Callable[[str], StartRow | None],
    tasks: Callable[[str], TaskRow | None],
) -> list[Kin]:
    own, row = starts(task), tasks(task)
    if own is None or row is None:
        return []
    line = [Kin(own, row)]
    for name in own.elders:
        start, row = starts(name), tasks(name)
        if start is None or row is None:
            return []
        line.append(Kin(start, row))
    return line


def _bounds(line: list[Kin], purses: Callable[[str], PurseRow | None]) -> list[Bound]:
    """Everything that limits what a task may use up."""
    bounds = [Bound(start.budgets, row.counts) for start, row in line]
    for start, _ in line:
        purse = purses(start.purse) if start.window else None
        if purse is not None:
            bounds.append(Bound(start.window, purse.counts))
    return bounds


def _fits(record: Record, above: list[Kin]) -> bool:
    """Whether a child task lies within a living parent's plan."""
    return (
        0 < len(above) < MAX_DEPTH
        and kin.state_of(above) == "active"
        and frozenset(record["scopes"]) <= kin.scopes_of(above)
        and record["expires_ms"] <= above[0].start.expires_ms
        and record["user"]["id"] == above[0].start.user.id
        and record["tenant"] == above[0].start.tenant
    )


def _told(start: StartRow, record: Record) -> StartRow:
    """The plan with what the user said later. What only the agent said before is no longer said."""
    source: PurposeSource = record["purpose_source"]
    if start.purpose_source == "agent":
        return replace(start, purpose=record["purpose"], purpose_source=source)
    weaker: PurposeSource = source if start.purpose_source == "user" else "app"
    purpose = f"{start.purpose}\n\n{record['purpose']}"
    return replace(start, purpose=purpose, purpose_source=weaker)


def _spent(counts: Mapping[str, int], spends: Mapping[str, int]) -> dict[str, int]:
    return {**counts, **{name: counts.get(name, 0) + amount for name, amount in spends.items()}}


def _version(row: TaskRow, labels: LabelRow | None) -> int:
    """Grows with the task's row and with its labels; equal only when neither has moved."""
    return row.version + (0 if labels is None else labels.version)
