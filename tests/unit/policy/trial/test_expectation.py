"""One line says what a policy has to say, and an answer is put into the same words."""

import pytest

from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.policy.trial.expectation import expectation, said

ASK = PolicyElevate("ask", "template", 60)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("permit a", PolicyAnswer(permit=("a",))),
        ("permit a b", PolicyAnswer(permit=("b", "a"))),
        ("elevate ask", PolicyAnswer(permit=("a",), elevate=(ASK,))),
        ("deny no", PolicyAnswer(permit=("a",), elevate=(ASK,), deny=("no",))),
        ("deny", PolicyAnswer()),
        ("error", PolicyAnswer(error="it panicked")),
        ("refused", PolicyAnswer()),
        ("refused", PolicyAnswer(deny=("no",))),
        ("refused", PolicyAnswer(error="it panicked")),
        ("permit a with x y", PolicyAnswer(permit=("a",), obligations=("x", "y"))),
        ("elevate ask with x", PolicyAnswer(elevate=(ASK,), obligations=("x",))),
        ("deny no", PolicyAnswer(permit=("a",), deny=("no",), obligations=("x",))),
        ("deny logging new", PolicyAnswer(log_only=("new",))),
        ("permit a with x logging n", PolicyAnswer(
            permit=("a",), obligations=("x",), log_only=("n",)
        )),
    ],
)  # fmt: skip
def test_a_line_is_met_by_what_it_says(line: str, answer: PolicyAnswer) -> None:
    expected = expectation(line)
    assert expected is not None
    assert str(expected) == line
    assert expected.met_by(answer)
    if line != "refused":
        assert said(answer) == expected


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("permit a", PolicyAnswer()),
        ("permit a", PolicyAnswer(permit=("a", "b"))),
        ("permit a b", PolicyAnswer(permit=("a",))),
        ("permit a", PolicyAnswer(permit=("a",), deny=("no",))),
        ("permit a", PolicyAnswer(permit=("a",), obligations=("x",))),
        ("permit a with x", PolicyAnswer(permit=("a",))),
        ("permit a", PolicyAnswer(permit=("a",), log_only=("new",))),
        ("deny", PolicyAnswer(deny=("no",))),
        ("deny", PolicyAnswer(error="it panicked")),
        ("error", PolicyAnswer()),
        ("elevate ask", PolicyAnswer(permit=("ask",))),
        ("refused", PolicyAnswer(permit=("a",))),
        ("refused", PolicyAnswer(elevate=(ASK,))),
    ],
)
def test_a_line_is_not_met_by_anything_else(line: str, answer: PolicyAnswer) -> None:
    expected = expectation(line)
    assert expected is not None
    assert not expected.met_by(answer)


@pytest.mark.parametrize(
    "line",
    ["", "allow a", "permit", "elevate", "permit with x", "deny with x", "error a", "refused a",
     "refused logging a", "error with x"],
)  # fmt: skip
def test_what_no_policy_could_say_is_no_expectation(line: str) -> None:
    assert expectation(line) is None
