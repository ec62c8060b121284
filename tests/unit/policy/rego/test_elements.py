from safeconduct.policy.contract import RuleAt
from safeconduct.policy.rego.elements import answering
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.rego.evaluator import Evaluator
from tests.support.bundles import GUARDED, PACKAGE, bundle

RULES = """
deny contains {"id": "b"} if {
    input.x
}

helper contains {"id": "no-answer"}
permit contains {"id": input.x}
elevate contains {"template": "t", "ttl_s": 1, "id": "c"} if true
"""


def test_a_rule_that_answers_is_named_with_its_set_and_place() -> None:
    at = (
        RuleAt("read", "permit", "0.rego", 5),
        RuleAt("b", "deny", "1.rego", 6),
        RuleAt("c", "elevate", "1.rego", 12),
    )
    made_of = bundle(GUARDED, PACKAGE + RULES)
    assert answering(Evaluator(made_of).modules, "agent.tools") == at
    assert RegoEngine(made_of).rules == at


def test_rules_of_other_packages_answer_nothing() -> None:
    modules = Evaluator(bundle(GUARDED)).modules
    assert answering(modules, "agent") == ()
