import msgspec
import pytest

from safeconduct.core.policy import PolicyAnswer, PolicyElevate


def test_an_answer_permits_nothing_unless_told_so() -> None:
    answer = PolicyAnswer(bundle="00")
    assert (answer.permit, answer.deny, answer.elevate, answer.error) == ((), (), (), None)


def test_an_answer_cannot_be_changed_after_the_fact() -> None:
    answer = PolicyAnswer(error="broken")
    with pytest.raises(AttributeError):
        answer.permit = ("all",)  # type: ignore[misc]


def test_an_answer_survives_a_record() -> None:
    answer = PolicyAnswer(
        permit=("a",), deny=("b",), elevate=(PolicyElevate("c", "template", 300),), bundle="00"
    )
    assert msgspec.json.decode(msgspec.json.encode(answer), type=PolicyAnswer) == answer
