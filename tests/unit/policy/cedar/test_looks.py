import pytest
from cedarpy import PolicySet

from safeconduct.policy.cedar.looks import constant


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("true", True),
        ("!true", False),
        ("!(context has a)", None),
        ("false && context.a", False),
        ("context.a && false", False),
        ("true && context.a", None),
        ("true && !false", True),
        ("true || context.a", True),
        ("context.a || false", None),
        ("false || false", False),
        ("1 == 2", False),
        ("1 != 2", True),
        ('"a" == "a"', True),
        ("context.a == context.a", True),
        ("context.a == context.b", None),
        ("context.a == 1", None),
        ("context.a < 1", None),
        ("context.a", None),
    ],
)
def test_a_condition_that_is_the_same_whatever_is_asked(condition: str, value: bool | None) -> None:
    text = f"permit (principal, action, resource) when {{ {condition} }};"
    (policy,) = PolicySet.from_str(text).to_pst().static_policies.values()
    (clause,) = policy.clauses
    assert constant(clause.expr) is value
