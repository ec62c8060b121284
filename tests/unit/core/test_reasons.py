import re
from typing import get_args

import pytest

from safeconduct.core.reasons import REASONS, Reason, Remedy, Stage
from safeconduct.core.verdict import CheckName


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
def test_a_reason_is_a_kebab_case_code_and_one_sentence(reason: Reason) -> None:
    assert REASONS[reason.code] is reason
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason.code)
    assert re.fullmatch(r"[A-Z][^{}%.]*\.", reason.sentence)


def test_every_stage_but_the_request_s_own_has_a_reason() -> None:
    assert {reason.stage for reason in REASONS.values()} == set(get_args(Stage)) - {"request"}


def test_every_check_is_a_stage() -> None:
    assert set(get_args(CheckName)) <= set(get_args(Stage))


def test_every_remedy_is_somebody_s() -> None:
    assert {reason.remedy for reason in REASONS.values()} == set(Remedy)


def test_only_an_approval_is_waited_for_with_the_same_arguments() -> None:
    waiting = {
        reason.code
        for reason in REASONS.values()
        if reason.remedy is Remedy.wait_for_approval or reason.retry == "same-arguments"
    }
    assert waiting == {"approval-required"}


def test_narrower_arguments_are_other_arguments() -> None:
    narrowed = [one for one in REASONS.values() if one.remedy is Remedy.narrow_arguments]
    assert {one.retry for one in narrowed} == {"changed"}


@pytest.mark.parametrize(
    "code",
    ["flow-confidentiality", "flow-readers", "control-argument-unvouched", "category-refused"],
)
def test_what_is_held_against_a_task_may_be_what_its_agent_read_before(code: str) -> None:
    assert "the task, or this agent before it, has read" in REASONS[code].sentence.lower()
