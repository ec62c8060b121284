"""What holds of limits, sub-grants and releases, whatever calls of a task and its child come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.core.limits import moving
from safeconduct.tasks.state import TaskState
from tests.support.tasks import Record, child, permit, started

PAY = "bank:pay"
MOST, REACH, COUNT, CALLS = 10, 2, 2, 2
END_MS, UNTIL_MS = 61_000, 30_000
TOOLS = ("crm.update_deal", "mail.send")

FOLLOW = {"source": "a.b", "object": "x", "tools": [*TOOLS], "count": COUNT, "minutes": 1}
LIMITS: dict[str, Any] = {"budgets": {}, "amounts": {PAY: MOST}, "objects": {PAY: REACH}}
RELEASE: Record = {
    "kind": "release",
    "release": "r_1",
    "task": "t_1",
    "tool": TOOLS[0],
    "calls": CALLS,
    "until_ms": UNTIL_MS,
    "at_ms": 1_500,
    "of": "d_0",
}

calls = st.fixed_dictionaries(
    {
        "task": st.sampled_from(("t_1", "t_1", "t_2")),
        "tool": st.sampled_from(TOOLS),
        "at_ms": st.sampled_from((2_000, UNTIL_MS - 1, UNTIL_MS, END_MS - 1, END_MS)),
        "spends": st.builds(lambda units: {moving(PAY): units}, st.integers(0, 6)),
        "touches": st.builds(
            lambda objects: {PAY: sorted(objects)}, st.sets(st.sampled_from("abcd"), max_size=2)
        ),
        "subgrants": st.sampled_from(([], [], [0], [1])),
        "releases": st.sampled_from(([], [], ["r_1"], ["r_2"])),
        "stale": st.sampled_from((0, 0, 0, 0, 1)),
    }
)


def lived(state: TaskState, wanted: list[Record]) -> list[Record]:
    """The permits that the state took."""
    for record in (started(follow=[FOLLOW], **LIMITS), child(budgets={}), RELEASE):
        assert state.apply(state.applied(), record, replay=False) is None
        state.commit()
    taken: list[Record] = []
    for number, one in enumerate(wanted):
        facts = state.task(one["task"])
        assert facts is not None
        decision = f"d_{number}"
        asked = {name: value for name, value in one.items() if name != "stale"}
        record = permit(decision, facts.version - one["stale"], digest=decision, **asked)
        if state.apply(state.applied(), record, replay=False) is None:
            taken.append(record)
        state.commit()
    return taken


@settings(max_examples=60)
@given(st.lists(calls, max_size=14))
def test_nothing_that_was_granted_is_ever_exceeded(wanted: list[Record]) -> None:
    state = TaskState(Path(":memory:"))
    taken = lived(state, wanted)
    assert sum(one["spends"][moving(PAY)] for one in taken) <= MOST
    assert len({name for one in taken for name in one["touches"][PAY]}) <= REACH
    followed = [one for one in taken if one["subgrants"]]
    assert len(followed) <= COUNT
    assert all(
        one["task"] == "t_1" and one["subgrants"] == [0] and one["at_ms"] < END_MS
        for one in followed
    )
    sent = [one for one in taken if one["releases"]]
    assert len(sent) <= CALLS
    assert all(
        (one["task"], one["tool"], one["releases"]) == ("t_1", TOOLS[0], ["r_1"])
        and one["at_ms"] < UNTIL_MS
        for one in sent
    )
    state.close()


@settings(max_examples=40)
@given(st.lists(calls, max_size=14))
def test_what_is_left_can_be_told_from_what_was_taken(wanted: list[Record]) -> None:
    state = TaskState(Path(":memory:"))
    taken = lived(state, wanted)
    facts = state.task("t_1")
    assert facts is not None
    touched = frozenset(name for one in taken for name in one["touches"][PAY])
    assert facts.reaches[PAY][0].touched == touched
    assert facts.counts.get(moving(PAY), 0) == sum(one["spends"][moving(PAY)] for one in taken)
    assert facts.subgrants[0].left == COUNT - sum(bool(one["subgrants"]) for one in taken)
    assert facts.releases[0].left == CALLS - sum(bool(one["releases"]) for one in taken)
    state.close()
