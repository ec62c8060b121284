import pytest
from cedarpy import PolicySet

from safeconduct.policy import preflight
from safeconduct.policy.cedar.engine import CedarEngine
from safeconduct.policy.cedar.searching import (
    MAX_RULES,
    MAX_SEARCHED,
    MAX_SEEN_BYTES,
    searched,
)
from safeconduct.policy.refusal import PolicyRefused
from tests.support.bundles import READS, SCHEMA, cedar
from tests.unit.policy.cedar.test_engine import GIVEN, given, update

UPDATE = 'principal, action == Action::"crm.update", resource'
OWNED = "context.facts has owner && context.facts.owner like"


def rule(name: str, condition: str, head: str = UPDATE) -> str:
    return f'@id("{name}") forbid ({head}) when {{ {condition} }};\n'


def pattern(length: int) -> str:
    return f'{OWNED} "*{"a" * (length - 2)}b"'


@pytest.mark.parametrize(
    ("condition", "weight"),
    [
        ('context.facts.owner like "*@example.com"', 13),
        (r'context.facts.owner like "a\*\u{e9}*"', 4),
        ('context.facts.owner == "a" && 1 == principal.tier', 0),
        ("context.approval.digest == context.call.digest", 2),
        ("context.approval.digest != context.call.digest", 2),
        ('context.call.fields.contains("a")', 0),
        ('["a", "b"].contains(context.facts.owner)', 0),
        ('[[ip("10.0.0.1")], [-1]].contains(context.facts.owner)', 0),
        ("[context.facts.owner].contains(context.labels.integrity)", 4),
        ('[context.facts.owner, "b"].contains("a")', 2),
        ("{a: context.facts, b: 1, c: context.labels} == {a: 1, b: 2, c: 3}", 6),
        ("resource.scopes.contains(context.facts.owner)", 2),
        ("resource.scopes.containsAll(context.call.fields)", 2),
        ("resource.scopes.containsAny(context.call.fields)", 2),
        ('resource.scopes.containsAny(["a", "b"])', 0),
        ('if context.facts has owner then context.call.digest like "a*" else false', 2),
        ("resource in [principal, resource] && context.call.fields.isEmpty()", 4),
    ],
)
def test_what_a_rule_searches_for_is_counted(condition: str, weight: int) -> None:
    tree = PolicySet.from_str(f"permit (principal, action, resource) when {{ {condition} }};")
    (policy,) = tree.to_pst().static_policies.values()
    assert searched(policy.clauses) == weight


def test_rules_that_search_for_too_much_are_refused_at_the_one_that_does_most() -> None:
    half = MAX_SEARCHED // 2
    fits = cedar(READS, rule("a", pattern(half)) + rule("b", pattern(half)))
    preflight.run(fits)
    assert CedarEngine(fits).evaluate(update(owner="a"), 0).error is None
    more = cedar(READS, rule("a", pattern(half)) + rule("b", pattern(half + 1)))
    with pytest.raises(PolicyRefused, match=r"rules/1\.cedar:2: .*`crm.update` search for more"):
        preflight.run(more)
    # Nobody checked, and the engine refuses all the same: that action, and no other.
    engine = CedarEngine(more)
    assert "rules/1.cedar:2" in str(engine.evaluate(update(owner="a"), 0).error)
    assert engine.evaluate(given(), 0).said == "permit"


def test_rules_for_different_tools_search_apart() -> None:
    most = pattern(MAX_SEARCHED)
    head = 'principal, action == Action::"crm.get_case", resource'
    preflight.run(cedar(READS, rule("a", most), rule("b", most, head)))
    with pytest.raises(PolicyRefused, match=r"rules/[12]\.cedar:1"):
        preflight.run(
            cedar(
                READS,
                rule("a", most),
                rule("b", 'principal.zone like "a"', "p").replace(
                    "(p)", "(principal, action, resource)"
                ),
            )
        )


def test_a_tool_whose_effect_has_changed_may_have_too_many_rules() -> None:
    """Those of its reviewed effect and those of its new one are never counted together before."""
    texts = [
        rule(name, pattern(MAX_SEARCHED), f'principal, action in Action::"{group}", resource')
        for name, group in (("a", "effect:read"), ("b", "effect:write"))
    ]
    bundle = cedar(READS, *texts)
    preflight.run(bundle)
    assert CedarEngine(bundle).evaluate(given(), 0).said == "permit"


def test_more_rules_than_a_decision_has_the_time_for_are_refused() -> None:
    items = ", ".join(f'"{number:08}"' for number in range(MAX_RULES // 12 - 20))
    listed = f"context.facts has owner && [{items}].contains(context.facts.owner)"
    fits = rule("a", listed)
    preflight.run(cedar(READS, fits))
    with pytest.raises(PolicyRefused, match=r"rules/1\.cedar:1: .*`crm.update` have more than"):
        preflight.run(
            cedar(READS, fits + rule("b", f"[{', '.join(['1'] * 400)}].contains(principal.tier)"))
        )


def test_what_rules_see_of_a_request_is_limited_and_the_rest_is_not() -> None:
    owner = "a" * (MAX_SEEN_BYTES - len('{"facts.owner":""}'))
    bundle = cedar(READS, rule("mine", f'{OWNED} "*a"'))
    engine = CedarEngine(bundle)
    assert engine.evaluate(update(owner=owner[:4000]), 0).deny == ("mine",)
    longer = engine.evaluate(update(owner=owner + "aaaaa"), 0)
    assert "is larger than 16384 bytes" in str(longer.error)
    assert longer.said == "deny"
    assert engine.evaluate(given(facts={"owner": owner * 3}), 0).permit == ("read",)


@pytest.mark.parametrize("member", ["scopes", "zone"])
def test_what_rules_see_of_the_agent_and_the_tool_is_limited_too(member: str) -> None:
    condition = {"scopes": 'resource.scopes.contains("a")', "zone": 'principal.zone like "*a"'}
    engine = CedarEngine(
        cedar(
            READS,
            rule("mine", condition[member], "p").replace("(p)", "(principal, action, resource)"),
        )
    )
    many = {"scopes": ["scope"] * 3000, "zone": "a" * 17_000}[member]
    part = "call" if member == "scopes" else "agent"
    answer = engine.evaluate(given(**{part: GIVEN[part] | {member: many}}), 0)
    assert "is larger than 16384 bytes" in str(answer.error)
    assert engine.evaluate(given(), 0).error is None


def test_many_rules_that_fail_are_told_apart_at_once() -> None:
    """The first of them in the order of the text is named."""
    condition = "context.facts has delta_bps && context.facts.delta_bps * 9223372036854775807 > 1"
    texts = "".join(rule(f"r{number}", condition) for number in range(500))
    quiet = rule("quiet", "principal.tier > 5")
    answer = CedarEngine(cedar(READS, quiet + texts, schema=SCHEMA)).evaluate(
        update(delta_bps=2), 0
    )
    assert "(rules/1.cedar:2)" in str(answer.error)
