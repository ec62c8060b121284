"""What holds of task state, whatever records come: of all that it takes, and of all it refuses."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label
from safeconduct.tasks.state import TaskState
from tests.support.tasks import (
    Record,
    answered,
    deny,
    memory,
    outcome,
    permit,
    requested,
    revoked,
    started,
)

TASKS = ("t_1", "t_2")
AGENTS = ("spiffe://crm.example/a", "spiffe://crm.example/b")
DIGESTS = ("x", "y")
APPROVALS = ("a_1", "a_2", "a_3")
DECISIONS = ("d_1", "d_2", "d_3", "d_4")
VALUES = ("dana", "eve")
KEYS = ("k", "l")
REVOCABLE = ("agent", "user", "key", "jti", "task")

FEWER = settings(max_examples=50)
"""Each example is a small log of its own."""

Maker = Callable[[TaskState], Record]
Watched = dict[str, Any]


def a_permit(
    decision: str,
    task: str,
    digest: str,
    approval: str | None,
    baseline: tuple[str, int],
    stale: int,
    *,
    changes_state: bool,
) -> Maker:
    """A permit that was decided on the version of a moment ago, or on an older one."""

    def made(state: TaskState) -> Record:
        known = state.task(task)
        version = 0 if known is None else known.version - stale
        record = permit(
            decision, version, task=task, digest=digest, changes_state=changes_state,
            baselines=dict([baseline]),
        )  # fmt: skip
        return record if approval is None else {**record, "approval": approval}

    return made


labels = st.builds(
    Label,
    integrity=st.sampled_from(Integrity),
    confidentiality=st.sampled_from(Confidentiality),
    categories=st.frozensets(st.sampled_from(("pii", "pricing"))),
    readers=st.none() | st.frozensets(st.sampled_from(("sales", "legal"))),
)
tasks, digests, approvals = map(st.sampled_from, (TASKS, DIGESTS, APPROVALS))

starts = st.builds(
    started,
    tasks,
    stateless=st.booleans(),
    agent=st.sampled_from(AGENTS),
    consumes=st.lists(st.sampled_from(("j_1", "j_2", "j_3")), max_size=2, unique=True),
    budgets=st.sampled_from(({"calls": 1}, {"calls": 3}, {})),
    max_refusals=st.integers(1, 3),
)
permits = st.builds(
    a_permit,
    st.sampled_from(DECISIONS),
    tasks,
    digests,
    st.none() | approvals,
    st.tuples(st.sampled_from(KEYS), st.integers(1, 9)),
    st.sampled_from((0, 0, 0, 1)),
    changes_state=st.booleans(),
)
memories = st.builds(memory, labels, tasks, here=st.sampled_from(VALUES))
questions = st.builds(requested, approvals, task=tasks, digest=digests)
answers = st.builds(answered, approvals, st.sampled_from(("granted", "granted", "denied")))
refusals = st.builds(deny, st.sampled_from(("policy-denied", "busy")), tasks)
outcomes = st.builds(
    outcome,
    st.sampled_from(DECISIONS),
    st.sampled_from(("ok", "error", "withheld", "refused", "unknown")),
    may_have_happened=st.booleans(),
)
rare: st.SearchStrategy[Record] = st.one_of(
    starts,
    st.builds(revoked, st.sampled_from(REVOCABLE), st.sampled_from((*TASKS, "somebody"))),
    st.builds(lambda pin: {"kind": "pin", "target": "crm.x", "pin": pin}, digests),
    st.builds(
        lambda pin: {
            "kind": "pin",
            "target": "crm.x",
            "pin": pin,
            "by": "ole@crm.example",
            "why": "so",
            "at_ms": 1,
        },
        digests,
    ),
    st.sampled_from(({"kind": "config", "phase": "loaded"}, {"kind": "something-new"})),
)


def always(record: Record) -> Maker:
    return lambda _state: record


makers: st.SearchStrategy[Maker] = st.sampled_from(
    [permits] * 3
    + [
        each.map(always)
        for each in (memories, questions, answers, answers, refusals, refusals, outcomes)
    ]
    + [rare.map(always)] * 2
).flatmap(lambda chosen: chosen)

histories: st.SearchStrategy[list[Maker]] = st.builds(
    lambda stateless, budgets, made: [
        always(started("t_1", stateless=stateless, agent=AGENTS[0], budgets=budgets)),
        always(started("t_2", agent=AGENTS[0], budgets={})),
        always(requested("a_1")),
        always(answered("a_1")),
        *made,
    ],
    st.booleans(),
    st.sampled_from(({"calls": 1}, {"calls": 2})),
    st.lists(makers, min_size=4, max_size=20),
)


@contextmanager
def states(number: int) -> Generator[list[Path]]:
    """Paths for so many states."""
    with tempfile.TemporaryDirectory() as directory:
        yield [Path(directory) / f"{index}.sqlite3" for index in range(number)]


def lived(state: TaskState, makers: list[Maker], *, group: int = 1) -> list[Record]:
    """Lets every record come; the ones that the state took."""
    taken: list[Record] = []
    for index, make in enumerate(makers, 1):
        record = make(state)
        if state.apply(len(taken), record, replay=False) is None:
            taken.append(record)
        if index % group == 0:
            state.commit()
    state.commit()
    return taken


def watched(state: TaskState) -> Watched:
    """All that a reader can see."""
    known = [task for task in TASKS if state.task(task) is not None]
    return {
        "applied": state.applied(),
        "tasks": [state.task(task) for task in TASKS],
        "parties": [state.parties(task) for task in known],
        "approvals": [state.approval(task, digest) for task in TASKS for digest in DIGESTS],
        "locked": [state.outcome_unknown(task, digest) for task in TASKS for digest in DIGESTS],
        "vouched": [state.vouched(t, "recipient", value) for t in TASKS for value in VALUES],
        "baselines": [state.baseline(task, key) for task in TASKS for key in KEYS],
        "open": state.open_calls(),
        "revoked": [
            state.revoked(**{"agent": "", "user": "", "key": "", "jti": "", what: "somebody"})
            for what in REVOCABLE[:-1]
        ],
        "pins": [state.pin("crm.x")],
        "accepted": state.accepted("crm.x"),
    }


@FEWER
@given(histories, st.integers(1, 5), st.data())
def test_the_log_alone_tells_the_state(
    history: list[Maker], group: int, data: st.DataObject
) -> None:
    with states(2) as (here, there):
        state = TaskState(here)
        taken = lived(state, history, group=group)
        expected = watched(state)
        cut = data.draw(st.integers(0, len(taken)))
        again = TaskState(there)
        for seq, record in enumerate(taken[:cut]):
            assert again.apply(seq, record, replay=True) is None
        again.commit()
        again.close()
        again = TaskState(there)
        assert again.applied() == cut
        for seq, record in enumerate(taken[cut:], cut):
            assert again.apply(seq, record, replay=True) is None
        again.commit()
        assert watched(again) == expected
        again.close()
        state.close()


def moments(history: list[Maker]) -> Iterator[tuple[Record, bool, Watched, Watched]]:
    """Each record, whether the state took it, and what it was before and after."""
    with states(1) as (here,):
        state = TaskState(here)
        for make in history:
            record, before = make(state), watched(state)
            taken = state.apply(state.applied(), record, replay=False) is None
            state.commit()
            yield record, taken, before, watched(state)
        state.close()


@FEWER
@given(histories)
def test_what_is_refused_changes_nothing(history: list[Maker]) -> None:
    for _, taken, before, after in moments(history):
        assert taken or after == before
        assert after["applied"] == before["applied"] + taken


@FEWER
@given(histories)
def test_a_permit_is_taken_only_on_the_state_it_was_decided_on(history: list[Maker]) -> None:
    granted = {"a_1"}
    for record, taken, before, after in moments(history):
        if record["kind"] == "approval" and record["phase"] == "granted" and taken:
            granted.add(record["approval"])
        if record.get("verdict") != "permit" or not taken:
            continue
        at = TASKS.index(record["task"])
        task, then = before["tasks"][at], after["tasks"][at]
        assert (task.state, task.version) == ("active", record["version"])
        assert then.version == task.version + 1
        assert record["decision"] in dict(after["open"])
        if "approval" in record:
            granted.remove(record["approval"])


@FEWER
@given(histories, st.integers(1, 5))
def test_nothing_is_spent_twice(history: list[Maker], group: int) -> None:
    with states(1) as (here,):
        state = TaskState(here)
        taken = lived(state, history, group=group)
        permitted = [record for record in taken if record.get("verdict") == "permit"]
        for known in filter(None, map(state.task, TASKS)):
            mine = [record for record in permitted if record["task"] == known.id]
            assert known.counts.get("calls", 0) == len(mine)
            assert len(mine) <= known.budgets.get("calls", len(mine))
            assert known.refusals <= known.max_refusals
            assert len({record["version"] for record in mine}) == len(mine)
        used = [record["approval"] for record in permitted if "approval" in record]
        starts = [record for record in taken if record["kind"] == "task"]
        consumed = [key for record in starts for key in record["consumes"]]
        assert len(set(used)) == len(used)
        assert len(set(consumed)) == len(consumed)
        assert len({record["task"] for record in starts}) == len(starts)
        state.close()


@FEWER
@given(histories)
def test_what_is_known_is_never_forgotten(history: list[Maker]) -> None:
    for record, _, before, after in moments(history):
        for then, now in zip(before["tasks"], after["tasks"], strict=True):
            if then is not None:
                assert then.labels <= now.labels
                assert then.labels == now.labels or then.version < now.version
                assert then.state in ("active", now.state)
                assert then.version <= now.version
        for name in ("vouched", "baselines", "revoked", "pins"):
            for then, now in zip(before[name], after[name], strict=True):
                assert not then or now == then or (name == "vouched" and set(then) <= set(now))
        # Only an operator puts another definition in the place of the one that counts.
        assert after["accepted"] == before["accepted"] or (record["kind"], record["pin"]) == (
            "pin",
            after["accepted"].pin,
        )


@FEWER
@given(histories)
def test_an_agent_that_remembers_sheds_no_label_with_a_new_task(history: list[Maker]) -> None:
    with states(1) as (here,):
        state = TaskState(here)
        lived(state, history)
        old = state.task("t_2")
        lived(state, [always(started("t_9", agent=AGENTS[0], consumes=[]))])
        new = state.task("t_9")
        assert old is not None
        assert new is not None
        assert new.labels == old.labels
        state.close()


@FEWER
@given(histories)
def test_an_agent_that_forgets_keeps_a_task_s_labels_in_it(history: list[Maker]) -> None:
    with states(1) as (here,):
        state = TaskState(here)
        lived(state, [always(started("t_9", agent=AGENTS[0], consumes=[], stateless=True))])
        lived(state, history)
        apart = state.task("t_9")
        assert apart is not None
        assert apart.labels == BOTTOM
        state.close()
