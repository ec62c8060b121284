import pytest

from safeconduct.policy.rego.builtins import FORBIDDEN, PERMITTED
from safeconduct.policy.rego.evaluator import Evaluator
from tests.support.bundles import GUARDED, PACKAGE, bundle


def test_what_is_forbidden_is_not_permitted() -> None:
    assert not PERMITTED.keys() & FORBIDDEN


LITERALS = {"s": '"1"', "n": "1", ".": "[1]"}


def called(name: str, arguments: list[str]) -> str:
    evaluator = Evaluator(bundle(GUARDED, PACKAGE + f"a := {name}({', '.join(arguments)})"))
    with pytest.raises(RuntimeError) as caught:
        evaluator.value("data.agent.tools.a")
    return str(caught.value)


@pytest.mark.parametrize(("name", "takes"), PERMITTED.items())
def test_the_engine_takes_as_many_arguments_as_the_table_says(name: str, takes: str) -> None:
    for number in {len(takes) + 1, abs(len(takes) - 1)}:
        assert _counted(name, len(takes)) in called(name, ["1"] * number)


def _counted(name: str, number: int) -> str:
    """What the engine says of another number, of `time.now_ns` in other words: that is ours."""
    if name == "time.now_ns":
        return "incorrect number of parameters supplied to extension"
    return f"` expects {number} argument"


@pytest.mark.parametrize(
    ("name", "takes", "place"),
    [
        (name, takes, place)
        for name, takes in PERMITTED.items()
        for place, letter in enumerate(takes)
        if letter != "."
    ],
)
def test_the_engine_takes_no_other_type_than_the_table_says(
    name: str, takes: str, place: int
) -> None:
    for wrong in ("null", "true", "[1]", "{}", LITERALS["n" if takes[place] == "s" else "s"]):
        arguments = [LITERALS[letter] for letter in takes]
        arguments[place] = wrong
        assert "expects" in called(name, arguments)


@pytest.mark.parametrize(("name", "arguments"), FORBIDDEN.items())
def test_a_forbidden_function_fails_even_where_undefined_would_do(
    name: str, arguments: int
) -> None:
    given = ", ".join(["{}"] * arguments)
    evaluator = Evaluator(bundle(GUARDED, PACKAGE + f"a if not {name}({given})"))
    with pytest.raises(RuntimeError, match="no rule may call this"):
        evaluator.value("data.agent.tools.a")
