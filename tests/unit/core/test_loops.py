from __future__ import annotations

import pytest

from safeconduct.core.loops import MADE, REFUSED, Limits, counted, permitted, refused, stopped
from safeconduct.core.reasons import REASONS

LIMITS = Limits(same=2, changes=3)


@pytest.mark.parametrize(
    "reason",
    ["policy-denied", "arguments-invalid", "control-argument-unvouched", "approval-denied"],
)
def test_a_refusal_that_would_come_again_is_counted(reason: str) -> None:
    assert counted(reason)


@pytest.mark.parametrize(
    "reason",
    [
        *(name for name, one in REASONS.items() if one.retry in {"later", "same-arguments"}),
        *("tool-unknown", "refusals-exhausted", "loop-stopped", "of-another-time"),
        *("budget-exhausted", "objects-exhausted", "outcome-unknown", "task-revoked"),
    ],
)
def test_one_that_passes_waits_for_a_person_or_tells_nothing_of_the_call_is_not(
    reason: str,
) -> None:
    assert not counted(reason)


def test_a_tool_is_stopped_for_equal_refusals_of_different_calls() -> None:
    tool, one = refused({}, {}, "policy-denied")
    tool, other = refused(tool, {}, "zone-denied")
    assert (tool, one, other) == (
        {"policy-denied": 1, "zone-denied": 1}, {REFUSED: 1}, {REFUSED: 1},
    )  # fmt: skip
    assert not stopped(LIMITS, tool, {})
    tool, _ = refused(tool, {}, "zone-denied")
    assert stopped(LIMITS, tool, {})


def test_a_call_is_stopped_for_any_refusals_of_its_own() -> None:
    _, call = refused({}, {}, "policy-denied")
    assert not stopped(LIMITS, {}, call)
    _, call = refused({}, call, "zone-denied")
    assert stopped(LIMITS, {}, call)


def test_a_change_is_stopped_when_it_was_made_often_and_a_read_never() -> None:
    call = permitted({REFUSED: 1}, changes_state=True)
    assert call == {MADE: 1}
    call = permitted(call, changes_state=True)
    assert not stopped(LIMITS, {}, call)
    assert stopped(LIMITS, {}, permitted(call, changes_state=True))
    assert permitted({}, changes_state=False) == {}
