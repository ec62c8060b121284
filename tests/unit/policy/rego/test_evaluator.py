import sys

import msgspec
import pytest

from safeconduct.policy.contract import Asked, Denied, Permitted, Sets
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.evaluator import Evaluator, place
from tests.support.bundles import GUARDED, PACKAGE, bundle

READ = b'{"call":{"tool":"crm.get_case"}}'


def ask(text: str, given: bytes = READ, now_ms: int = 0, data: str = "{}") -> Sets:
    return Evaluator(bundle(GUARDED, PACKAGE + text, data=data)).ask(given, now_ms)


def test_rules_of_all_files_add_to_the_sets() -> None:
    text = """
    permit contains {"id": "b"} if input.call.tool
    deny contains {"id": "c"} if data.crm.closed
    elevate contains {"id": "d", "template": "t", "ttl_s": 60} if true
    """
    assert ask(text, data='{"crm":{"closed":true}}') == Sets(
        permit=(Permitted("b"), Permitted("read")),
        deny=(Denied("c"),),
        elevate=(Asked("d", "t", 60),),
    )


def test_a_set_without_rules_is_empty() -> None:
    assert ask("") == Sets(permit=(Permitted("read"),))


def test_a_rule_that_is_undefined_adds_nothing() -> None:
    assert ask('deny contains {"id": "x"} if input.nothing.there', b"{}") == Sets()


def test_an_evaluator_remembers_nothing() -> None:
    evaluator = Evaluator(bundle(GUARDED))
    assert evaluator.ask(READ, 0).permit == (Permitted("read"),)
    assert evaluator.ask(b"{}", 0).permit == ()
    assert evaluator.ask(READ, 0).permit == (Permitted("read"),)


def test_time_stands_still_at_the_decision() -> None:
    text = 'deny contains {"id": "x"} if time.now_ns() == 1700000000123000000'
    assert ask(text, now_ms=1_700_000_000_123).deny == (Denied("x"),)
    assert ask(text, now_ms=1_700_000_000_124).deny == ()


@pytest.mark.parametrize(
    "text",
    [
        'deny contains {"id": 1}',
        'deny contains {"id": ""}',
        'deny contains {"id": "x", "more": 1}',
        "deny contains {}",
        "deny contains 1",
        'deny := {"x": 1}',
        'deny := "x"',
        "deny := null",
        'elevate contains {"id": "x", "template": "t"}',
        'elevate contains {"id": "x", "template": 1, "ttl_s": 60}',
        'elevate contains {"id": "x", "template": "t", "ttl_s": 0}',
        'elevate contains {"id": "x", "template": "t", "ttl_s": -1}',
        'elevate contains {"id": "x", "template": "t", "ttl_s": 3601}',
        'elevate contains {"id": "x", "template": "t", "ttl_s": 1.5}',
        'elevate contains {"id": "x", "template": "t", "ttl_s": "60"}',
        'elevate contains {"id": "x", "template": "t", "ttl_s": true}',
        f'elevate contains {{"id": "x", "template": "t", "ttl_s": {2**63}}}',
    ],
)
def test_an_answer_of_another_shape_is_no_answer(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        ask(text)


def test_a_set_that_is_no_set_leaves_no_answer() -> None:
    with pytest.raises(msgspec.ValidationError):
        ask("deny := 1 if false")


def test_rules_that_do_not_parse_are_refused_with_their_line() -> None:
    with pytest.raises(PolicyRefused) as caught:
        Evaluator(bundle(GUARDED, PACKAGE + "a := 300_000_000_000"))
    assert (caught.value.file, caught.value.line) == ("1.rego", 5)
    assert "invalid number" in caught.value.sentence


def test_rules_that_defeat_the_parser_in_silence_are_refused_too() -> None:
    with pytest.raises(PolicyRefused, match="not Rego"):
        Evaluator(bundle(""))


def test_without_the_engine_there_is_no_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regorus", None)
    with pytest.raises(PolicyRefused, match="gordon-to-regorus"):
        Evaluator(bundle(GUARDED))


def test_a_place_is_all_that_is_taken_from_an_error() -> None:
    evaluator = Evaluator(bundle(GUARDED, PACKAGE + "a := input.x - 1"))
    evaluator.ask(b'{"x":"a secret\\n--> 9.rego:9:9\\n"}', 0)
    with pytest.raises(RuntimeError) as caught:
        evaluator.value("data.agent.tools.a")
    assert "a secret" in str(caught.value)
    assert place(caught.value) == ("1.rego", 5)
    assert place(ValueError("no place")) is None
