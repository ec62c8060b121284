import orjson
import pytest

from safeconduct.policy.contract import Denied, Permitted, Sets
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.slices import MAX_SLICES, Plan, Slices, plan
from tests.support.bundles import GUARDED, PACKAGE, bundle

RULES = """
permit contains {"id": "a"} if {
    input.call.tool == "crm.a"
    data.open
}
# about what follows
deny contains {"id": "everywhere"} if input.labels.integrity == "untrusted"

deny contains {"id": "b"} if { input.call.tool == "crm.b"; counted }

counted if count(permit) == 0
"""


def planned(text: str, data: str = "{}") -> Plan:
    made_of = bundle(GUARDED, PACKAGE + text, data=data)
    return plan(made_of, Evaluator(made_of).modules)


def called(tool: object, **more: object) -> bytes:
    return orjson.dumps({"call": {"tool": tool}, **more})


def ask(slices: Slices, tool: object, **more: object) -> Sets:
    return slices.ask(called(tool, **more), 0)


def test_only_rules_that_can_answer_a_call_are_asked() -> None:
    slices = Slices(planned(RULES, '{"open": true}'))
    assert ask(slices, "crm.a") == Sets(permit=(Permitted("a"),))
    assert ask(slices, "crm.get_case") == Sets(permit=(Permitted("read"),))
    assert ask(slices, "crm.b") == Sets(deny=(Denied("b"),))
    assert ask(slices, "crm.c") == Sets()
    assert ask(slices, "crm.c", labels={"integrity": "untrusted"}).deny == (Denied("everywhere"),)


def test_a_rule_keeps_its_line() -> None:
    made = planned(RULES)
    assert [(rule.file, rule.lines) for rule in made.guarded] == [
        ("0.rego", range(5, 7)),
        ("1.rego", range(6, 11)),
        ("1.rego", range(13, 15)),
    ]
    (added,) = made.added({"tool": "crm.b", "upstream": None, "effect": None})
    assert added.path == "1.rego"
    lines = added.text.split("\n")
    assert lines[:5] == [*PACKAGE.split("\n")[:4], ""]
    assert lines[5:12] == [""] * 7
    assert lines[12].startswith("deny contains")
    engine = RegoEngine(bundle(GUARDED, PACKAGE + RULES.replace("data.open", "1 / input.x")))
    assert engine.evaluate(called("crm.a", x=0), 0).error == (
        "the policy could not be evaluated (1.rego:8)"
    )


def test_a_rule_for_another_tool_fails_no_call() -> None:
    engine = RegoEngine(
        bundle(
            GUARDED,
            PACKAGE + 'deny contains {"id": "x"} if { 1 / input.x == 1; input.call.tool == "a.b" }',
        )
    )
    assert engine.evaluate(called("crm.get_case", x=0), 0).permit == ("read",)
    assert engine.evaluate(called("a.b", x=0), 0).error is not None


@pytest.mark.parametrize(
    "text",
    [
        'x := 1 deny contains {"id": "a"} if input.call.tool == "a"',
        'deny contains {"id": "a"} if { input.call.tool == "a" } x := 1',
        'deny contains {"id": "a"} if input.x',
        'other contains {"id": "a"} if input.call.tool == "a"',
        'deny contains {"id": "a"} if { input.call.tool == "a" }\nx if y with input as {}',
    ],
)
def test_what_cannot_be_told_apart_stays_together(text: str) -> None:
    made = planned(text)
    assert "1.rego" not in {rule.file for rule in made.guarded}
    assert made.common.rules[1].text == PACKAGE + text


def test_what_no_rule_names_makes_no_slice() -> None:
    slices = Slices(planned(RULES))
    for tool in ("crm.a", "crm.x", "crm.y", 1, None, ["crm.a"], {"crm.a": 1}):
        ask(slices, tool)
    assert len(slices.made) == 2


def test_slices_are_bounded_and_made_anew() -> None:
    rules = "".join(
        f'permit contains {{"id": "p{number}"}} if input.call.tool == "t{number}"\n'
        for number in range(MAX_SLICES + 1)
    )
    slices = Slices(planned(rules))
    for number in (*range(MAX_SLICES + 1), 0):
        assert ask(slices, f"t{number}").permit == (Permitted(f"p{number}"),)
    assert len(slices.made) == MAX_SLICES


@pytest.mark.parametrize(
    "given", [b"{", b"[]", b'{"call":[]}', b'{"call":null}', b'{"call":{"tool":"\xff"}}']
)
def test_an_input_that_does_not_say_what_it_is_about_gets_no_answer(given: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Slices(planned(RULES)).ask(given, 0)


def test_the_last_of_two_members_of_one_name_counts_alike() -> None:
    slices = Slices(planned(RULES))
    given = b'{"call":{"tool":"crm.get_case"},"call":{"tool":"crm.b"}}'
    assert slices.ask(given, 0) == Sets(deny=(Denied("b"),))
    given = b'{"call":{"tool":"crm.b","tool":"crm.get_case"}}'
    assert slices.ask(given, 0) == Sets(permit=(Permitted("read"),))
