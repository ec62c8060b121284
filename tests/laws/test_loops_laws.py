"""What holds of loops, whatever else a task does meanwhile."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.tasks.state import TaskState
from tests.support.tasks import Record, deny, outcome, permit, started

TOOLS = ("crm.get_deal", "mail.send", "bank.pay")
OWN = "crm.update_deal"
REASONS = ("policy-denied", "zone-denied", "facts-unavailable", "tool-unknown")
LIMIT = 3

Step = tuple[str, str, str]
"""A tool, a call of it, and the reason why it is refused; none where it is permitted."""

reasons = st.sampled_from((*REASONS, ""))
of_others: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.sampled_from(TOOLS), st.sampled_from("ab"), reasons), max_size=12
)
of_own: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.just(OWN), st.sampled_from("xy"), reasons), max_size=8
)


def circling(steps: list[Step]) -> tuple[list[bool], list[bool]]:
    """Before each call of our own tool and at the end, whether it is stopped; what was said."""
    with tempfile.TemporaryDirectory() as directory:
        state = TaskState(Path(directory) / "state.sqlite3")
        loops = {"same": LIMIT, "changes": LIMIT}
        _add(state, started(loops=loops, max_refusals=10_000, budgets={}))
        seen: list[bool] = []
        said: list[bool] = []
        for number, (tool, call, reason) in enumerate(steps):
            if tool == OWN:
                seen.append(state.circles("t_1", OWN, f"{OWN} {call}"))
            taken = _add(state, _record(state, number, tool, call, reason))
            if tool == OWN:
                said.append(taken)
        seen += [state.circles("t_1", OWN, f"{OWN} {call}") for call in "xyz"]
        state.close()
        return seen, said


def _record(state: TaskState, number: int, tool: str, call: str, reason: str) -> Record:
    known = state.task("t_1")
    assert known is not None
    about = {"tool": tool, "digest": f"{tool} {call}"}
    if reason:
        return {**deny(reason), **about}
    return permit(f"d_{number}", known.version, **about)


def _add(state: TaskState, record: Record) -> bool:
    state.begin()
    taken = state.apply(state.applied(), record, replay=False) is None
    state.commit() if taken else state.rollback()
    if taken and record.get("verdict") == "permit":
        assert _add(state, outcome(record["decision"]))
    return taken


@given(of_own, of_others, st.data())
def test_calls_of_other_tools_change_nothing_wherever_they_stand(
    own: list[Step], others: list[Step], data: st.DataObject
) -> None:
    mixed = [*own]
    at = 0
    for other in others:
        at = data.draw(st.integers(at, len(mixed)))
        mixed.insert(at, other)
    assert circling(mixed) == circling(own)


@given(of_own)
def test_a_call_that_is_stopped_is_not_taken_any_more(own: list[Step]) -> None:
    seen, said = circling(own)
    for (_, _, reason), stopped, taken in zip(own, seen, said, strict=False):
        if stopped:
            assert taken is (reason in {"facts-unavailable", "tool-unknown"})


@given(st.sampled_from(TOOLS), st.sampled_from(REASONS[:2]))
def test_fewer_refusals_than_the_limit_stop_nothing(tool: str, reason: str) -> None:
    seen, _ = circling([(OWN, "x", reason)] * (LIMIT - 1))
    assert not any(seen)
    seen, _ = circling([(OWN, "x", reason)] * LIMIT)
    assert seen == [False] * LIMIT + [True] * 3
