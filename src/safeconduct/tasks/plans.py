"""Plans of tasks: what each may do, how far it has come, and what bounds it from above and beyond.

A plan narrows as it goes on, or widens within what was obtainable when it began.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from msgspec.structs import replace

from safeconduct.core import loops
from safeconduct.core.labels import BOTTOM, Label
from safeconduct.core.model import AgentFacts, TaskFacts, UserFacts
from safeconduct.core.provenance import PurposeSource
from safeconduct.core.release import MAX_RELEASES, Release
from safeconduct.core.subgrants import MAX_SUBGRANTS, Given
from safeconduct.ports import Holder
from safeconduct.tasks import kin
from safeconduct.tasks.circling import Circling
from safeconduct.tasks.kin import Bound, Kin
from safeconduct.tasks.rows import (
    LabelRow,
    PurseRow,
    StartRow,
    TaskRow,
    agent_facts,
    start_row,
    subgrants,
    user_facts,
)
from safeconduct.tasks.tables import Table

Record = Mapping[str, Any]

MAX_DEPTH: Final = 4
"""How many tasks may stand above one another's children."""

UNCOUNTED: Final = frozenset({"busy", "refusals-exhausted", "reattestation-needed"})
"""Reasons that are no fault of the call's, or say only that refusals ran out."""


class Plans(Circling):
    """The tables of plans: their part of task state."""

    def __init__(self) -> None:
        super().__init__()
        self._starts = Table("starts", StartRow)
        self._tasks = Table("tasks", TaskRow)
        self._purses = Table("purses", PurseRow)

    # --- the writer -------------------------------------------------------------------------------

    def _started(self, record: Record) -> str | None:
        task: str = record["task"]
        if self._starts.peek(task) is not None:
            return "task-exists"
        parent: str | None = record.get("parent")
        above = [] if parent is None else self._writers_line(parent)
        if parent is not None and not _fits(record, above):
            return "parent"
        if not _given(record, 0):
            return "plan"
        start = start_row(record, above[0].start if above else None)
        self._starts.put(task, start)
        self._tasks.put(task, TaskRow())
        if above:
            self._introduce(start)
            self._remember(start, BOTTOM, record["started_ms"])
        purse = self._purses.peek(start.purse)
        if start.windowed and (
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
            or not _given(record, len(start.subgrants))
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
            own.row,
            version=own.row.version + 1,
            changes=own.row.changes + 1,
            unattested=0,
            suspect=0,
        )
        self._tasks.put(task, _looked_at(changed) if amended else changed)
        return None

    def _resumed(self, record: Record) -> str | None:
        """A person has looked at a task that was refused too much, or went in circles."""
        line = self._writers_line(record["task"])
        if not line or kin.state_of(line) != "active":
            return "task-unknown"
        row = line[0].row
        self._tasks.put(record["task"], _looked_at(replace(row, version=row.version + 1)))
        return None

    def _writers_line(self, task: str) -> list[Kin]:
        """A task and those above it, as the writer sees them; empty if there is no such task."""
        return _line(task, self._starts.peek, self._tasks.peek)

    def _spend(
        self,
        task: str,
        line: list[Kin],
        spends: Mapping[str, int],
        touches: Mapping[str, Collection[str]],
    ) -> None:
        """Counts what a permit uses up, in the task, in those above it, and beyond all of them."""
        (start, row), *elders = line
        own = replace(
            row,
            version=row.version + 1,
            unattested=row.unattested + 1,
            counts=_spent(row.counts, spends),
            touched=_reached(row.touched, touches),
        )
        self._tasks.put(task, own)
        if not elders and not start.windowed:  # hardly any task has more
            return
        for name, (_, one) in zip(start.elders, elders, strict=True):
            counts, touched = _spent(one.counts, spends), _reached(one.touched, touches)
            self._tasks.put(name, replace(one, counts=counts, touched=touched))
        for name in {one.start.purse for one in line if one.start.windowed}:
            purse = self._purses.peek(name)
            if purse is not None:
                counts, touched = _spent(purse.counts, spends), _reached(purse.touched, touches)
                self._purses.put(name, PurseRow(purse.since_ms, counts, touched))

    def _denied(self, record: Record, task: str, line: list[Kin]) -> str | None:
        """Counts a refusal; one too many is decided again, and refused for that."""
        reason: str = record["reason"]
        if reason in UNCOUNTED:
            return None
        if any(one.row.refusals >= one.start.max_refusals for one in line):
            return "refusals"
        if loops.counted(reason):
            if self._circles(*line[0], record):
                return "loop"
            self._again(*line[0], record)
        for name, (_, row) in zip((task, *line[0].start.elders), line, strict=True):
            suspect = row.suspect + (name == task)
            self._tasks.put(name, replace(row, refusals=row.refusals + 1, suspect=suspect))
        return None

    def _version(self, line: list[Kin]) -> int:
        """What a decision must have known."""
        start, version = line[0].start, kin.version_of(line)
        for name in (start.memory, *start.shared):
            labels = self._labels.peek(name)
            version += 0 if labels is None else labels.version
        return version

    def _stands(self, line: list[Kin], record: Record) -> bool:
        """Whether a permit was decided on what is so, and its line has not come meanwhile to where
        somebody is asked.
        """
        bound = Bound(record.get("unasked", {}), line[-1].row.counts, {}, {})
        return (
            kin.state_of(line) == "active"
            and record["version"] == self._version(line)
            and bound.holds(record["spends"], {})
        )

    def _affords(
        self, line: list[Kin], spends: Mapping[str, int], touches: Mapping[str, Collection[str]]
    ) -> bool:
        """Whether so much more can be used up, and these objects be touched as well."""
        return all(bound.holds(spends, touches) for bound in _bounds(line, self._purses.peek))

    def _release(self, record: Record) -> str | None:
        """A person lets something go, or vouches for it: in a task that lives."""
        task: str = record["task"]
        line = self._writers_line(task)
        if not line or kin.state_of(line) != "active":
            return "task-unknown"
        row = line[0].row
        if len(row.releases) >= MAX_RELEASES or record["until_ms"] <= record["at_ms"]:
            return "release"
        one = Release(
            id=record["release"],
            tool=record["tool"],
            left=record["calls"],
            until_ms=record["until_ms"],
            decision=record.get("of", ""),
            key=record.get("key", ""),
            value=record.get("value", ""),
            content=record.get("content", ""),
        )
        releases = (*row.releases, one)
        # What was refused again and again may be what is let go now.
        row = replace(row, releases=releases, resumed=row.resumed + 1, version=row.version + 1)
        self._tasks.put(task, row)
        return None

    def _unlock(self, task: str, own: Kin, used: Collection[str]) -> None:
        """Takes one call of each of these releases."""
        row = self._tasks.peek(task) or own.row
        releases = [
            replace(one, left=one.left - 1) if one.id in used else one for one in row.releases
        ]
        self._tasks.put(task, replace(row, releases=tuple(releases)))

    def _follow(self, task: str, own: Kin, numbers: Collection[int]) -> None:
        """Takes one call of each of these sub-grants."""
        followed = {**own.row.followed}
        for number in numbers:
            followed[number] = followed.get(number, 0) + 1
        row = self._tasks.peek(task) or own.row
        self._tasks.put(task, replace(row, followed=followed))

    def _revoke_task(self, task: str) -> None:
        row = self._tasks.peek(task)
        if row is not None:
            self._tasks.put(task, replace(row, state="revoked", version=row.version + 1))

    # --- readers ----------------------------------------------------------------------------------

    def task(self, task: str) -> TaskFacts | None:
        """The state of a task right now, or None when there is no such task."""
        row, start = self._tasks.get(task), self._starts.get(task)
        if row is None or start is None:
            return None
        # A label that rises between these two reads makes a version that no reservation accepts.
        labels = self._labels.get(start.memory)
        facts = TaskFacts(
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
            reattest_on_refusals=start.reattest_on_refusals,
            suspect=row.suspect,
            chain=tuple(zip(start.elders, start.actors, strict=False)),
            reaches=kin.reaches_of([_bound(start, row)]) if start.objects else {},
            subgrants=given(start, row) if start.subgrants else (),
            releases=row.releases,
        )
        return self._bound(facts) if start.elders or start.windowed else facts

    def _bound(self, facts: TaskFacts) -> TaskFacts:
        """The state of a task that more than its own row binds."""
        line = self._line(facts.id)
        start, row = line[0]
        labels = [
            known
            for name in (start.memory, *start.shared)
            if (known := self._labels.get(name)) is not None
        ]
        bounds = _bounds(line, self._purses.get)
        return replace(
            facts,
            scopes=kin.scopes_of(line),
            budgets=kin.budgets_of(row.counts, bounds),
            reaches=kin.reaches_of(bounds),
            max_refusals=kin.patience(line),
            version=kin.version_of(line) + sum(one.version for one in labels),
            labels=functools.reduce(Label.join, (one.label for one in labels), BOTTOM),
            counts=row.counts,
            family=line[-1].row.counts,
            refusals=row.refusals,
            state=kin.state_of(line),
            reattest_every=kin.strictest(one.start.reattest_every for one in line),
            unattested=row.unattested,
            reattest_on_refusals=kin.strictest(one.start.reattest_on_refusals for one in line),
            suspect=row.suspect,
        )

    def _line(self, task: str) -> list[Kin]:
        """A task and those above it; empty if there is no such task."""
        return _line(task, self._starts.get, self._tasks.get)

    def circles(self, task: str, tool: str, digest: str) -> bool:
        """Whether a call of a task is one of those that were refused, or made, too often."""
        row, start = self._tasks.get(task), self._starts.get(task)
        if row is None or start is None or start.loops is None:
            return False
        call = {"task": task, "tool": tool, "digest": digest}
        return self._stopped(start.loops, row, call, self._repeated.get)

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

    def parties(self, task: str) -> tuple[AgentFacts, UserFacts]:
        """The agent and the user of a task, as its start recorded them. Raises LookupError."""
        start = self._starts.get(task)
        if start is None:
            raise LookupError(task)
        return start.agent, start.user


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
    bounds = [_bound(start, row) for start, row in line]
    for start, _ in line:
        purse = purses(start.purse) if start.windowed else None
        if purse is not None:
            window, objects = start.window, start.window_objects
            bounds.append(Bound(window, purse.counts, objects, purse.touched))
    return bounds


def _bound(start: StartRow, row: TaskRow) -> Bound:
    return Bound(start.budgets, row.counts, start.objects, row.touched)


def _fits(record: Record, above: list[Kin]) -> bool:
    """Whether a child task lies within a living parent's plan."""
    return (
        0 < len(above) < MAX_DEPTH
        and kin.state_of(above) == "active"
        and frozenset(record["scopes"]) <= kin.scopes_of(above)
        and record["expires_ms"] <= above[0].start.expires_ms
        and record["user"]["id"] == above[0].start.user.id
        and record["tenant"] == above[0].start.tenant
        and record["purpose_source"] in {"agent", above[0].start.purpose_source}
    )


def _given(record: Record, before: int) -> bool:
    """Whether somebody speaks for the user who may give sub-grants, and not too many."""
    given = len(record.get("follow", ()))
    return not given or (
        before + given <= MAX_SUBGRANTS
        and record["purpose_source"] != "agent"
        and record["phase"] != "renewed"
        and "parent" not in record
    )


def _told(start: StartRow, record: Record) -> StartRow:
    """The plan with what the user said later. What only the agent said before is no longer said."""
    start = replace(start, subgrants=(*start.subgrants, *subgrants(record, record["at_ms"])))
    source: PurposeSource = record["purpose_source"]
    if start.purpose_source == "agent":
        return replace(start, purpose=record["purpose"], purpose_source=source)
    weaker: PurposeSource = source if start.purpose_source == "user" else "app"
    purpose = f"{start.purpose}\n\n{record['purpose']}"
    return replace(start, purpose=purpose, purpose_source=weaker)


def _looked_at(row: TaskRow) -> TaskRow:
    """What is left of a task's patience is all of it again, and its repetitions are none."""
    return replace(row, refusals=0, resumed=row.resumed + 1)


def _spent(counts: Mapping[str, int], spends: Mapping[str, int]) -> dict[str, int]:
    sums = {**counts}
    for name, amount in spends.items():
        sums[name] = sums.get(name, 0) + amount
    return sums


def given(start: StartRow, row: TaskRow) -> tuple[Given, ...]:
    """What a task has been given to follow."""
    return tuple(
        [
            Given(number, one.grant, one.grant.count - row.followed.get(number, 0), one.until_ms)
            for number, one in enumerate(start.subgrants)
        ]
    )


def _reached(
    touched: dict[str, frozenset[str]], touches: Mapping[str, Collection[str]]
) -> dict[str, frozenset[str]]:
    if not touches:
        return touched
    nothing = frozenset[str]()
    more = {scope: touched.get(scope, nothing).union(items) for scope, items in touches.items()}
    return {**touched, **more}


def _version(row: TaskRow, labels: LabelRow | None) -> int:
    """Grows with the task's row and with its labels; equal only when neither has moved."""
    return row.version + (0 if labels is None else labels.version)
