import pytest

from safeconduct.policy.rego.builtins import FORBIDDEN, PERMITTED
from safeconduct.policy.rego.evaluator import Evaluator
from tests.support.bundles import GUARDED, PACKAGE, bundle


def test_what_is_forbidden_is_not_permitted() -> None:
    assert PERMITTED.isdisjoint(FORBIDDEN)


@pytest.mark.parametrize("name", sorted(PERMITTED - {"time.now_ns"}))
def test_the_engine_has_every_permitted_function(name: str) -> None:
    # Called with too many arguments, each complains; about a function that is missing, differently.
    text = f"a := {name}(1, 2, 3, 4, 5, 6, 7, 8, 9)"
    evaluator = Evaluator(bundle(GUARDED, PACKAGE + text))
    with pytest.raises(RuntimeError) as caught:
        evaluator.value("data.agent.tools.a")
    assert "could not find function" not in str(caught.value)


@pytest.mark.parametrize(("name", "arguments"), FORBIDDEN.items())
def test_a_forbidden_function_fails_even_where_undefined_would_do(
    name: str, arguments: int
) -> None:
    given = ", ".join(["{}"] * arguments)
    evaluator = Evaluator(bundle(GUARDED, PACKAGE + f"a if not {name}({given})"))
    with pytest.raises(RuntimeError, match="no rule may call this"):
        evaluator.value("data.agent.tools.a")
