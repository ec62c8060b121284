import json
from collections.abc import Callable
from subprocess import CalledProcessError, CompletedProcess, TimeoutExpired
from typing import Any

import msgspec
import pytest

from safeconduct.policy.preflight import run
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.judging import judge
from tests.support.bundles import GUARDED, PACKAGE, bundle


def refused(text: str) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        judge(bundle(GUARDED, PACKAGE + text))
    assert caught.value.fix
    return caught.value


def test_a_bundle_without_findings_passes() -> None:
    judge(bundle(GUARDED))


@pytest.mark.parametrize(
    ("rule", "when"),
    [
        ("true", "for an empty input"),
        ("not input.call.denied", "for an empty input"),
        ('input.call.tool != "crm.delete"', "for a call that does not exist"),
        ("input.agent.tier <= 7777", "for a call that does not exist"),
        ("is_string(input.user.id)", "for a call that does not exist"),
        ('startswith(input.call.tool, "")', "for a call that does not exist"),
        ("every f in input.call.fields { is_string(f) }", "for a call that does not exist"),
        ("input.agent.tier <= 2", "when every fact is null"),
        ("input.approval.digest == input.call.digest", "when every fact is null"),
        ("input.facts.owner == input.user.id", "when every fact is null"),
        ("input.facts.delta_bps < 1000", "when every fact is null"),
        ("input.agent.stateless", "when every fact is null"),
        ("input.agent.stateless == true", "when every fact is true"),
        ("{ is_number(input.facts.delta_bps); input.facts.delta_bps < 1000 }", "fact is -1"),
        ("{ is_number(input.agent.tier); input.agent.tier < 9 }", "when every fact is -1"),
        ('input.call.tool == ""', 'when every fact is ""'),
        ("{ is_array(input.call.fields); every f in input.call.fields { f == 1 } }", "fact is []"),
    ],
)
def test_a_permit_that_names_nothing_is_refused(rule: str, when: str) -> None:
    found = refused(f'permit contains {{"id": "loose"}} if {rule}')
    assert "`loose` permits" in found.sentence
    assert when in found.sentence
    assert (found.file, found.line) == ("1.rego", 5)


def test_permitting_everything_must_be_said_in_so_many_words() -> None:
    text = PACKAGE + 'permit contains {"id": "all"} if true'
    judge(bundle(text, unsafe=True))
    with pytest.raises(PolicyRefused, match="`all` permits"):
        judge(bundle(text))


@pytest.mark.parametrize(
    "rule",
    ["count(input.call.digest) / 0 > 1", "abs(input.call.tool) > 1", "input.call.sizes - 1 > 1"],
)
def test_rules_that_fail_for_a_well_formed_input_are_refused(rule: str) -> None:
    found = refused(f'permit contains {{"id": "x"}} if {rule}')
    assert "the rules fail for a call that does not exist" in found.sentence
    assert (found.file, found.line) == ("1.rego", 5)


def test_an_answer_of_another_shape_is_refused() -> None:
    text = 'elevate contains {"id": "x", "template": "t", "ttl_s": t} if { t := 60 * 100 }'
    assert "the rules fail for an empty input" in refused(text).sentence


def test_rules_may_fail_for_facts_of_the_wrong_type() -> None:
    judge(bundle(GUARDED, PACKAGE + 'permit contains {"id": "x"} if abs(input.facts.delta) > 1'))


def test_a_helper_may_rely_on_its_caller() -> None:
    judge(bundle(GUARDED, PACKAGE + "helper := abs(input.call.tool)\nf(x) := helper"))


def test_what_reads_badly_is_refused_before_it_runs() -> None:
    assert "`http.send`" in refused('a := http.send({"url": "x"})').sentence


def test_a_tree_that_cannot_be_read_is_refused() -> None:
    assert "nested too deep" in refused("a := 1" + " +\n1" * 600).sentence


def test_the_child_hands_its_finding_over() -> None:
    with pytest.raises(PolicyRefused) as caught:
        run(bundle(GUARDED, PACKAGE + "f(x) := f(x)"))
    assert (caught.value.file, caught.value.line) == ("1.rego", 5)
    assert "needs it in turn" in caught.value.sentence


def test_the_child_passes_a_sound_bundle() -> None:
    run(bundle(GUARDED))


Fake = Callable[..., Any]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (CalledProcessError(-11, ""), "the engine crashed on the rules (signal 11)"),
        (CalledProcessError(-24, ""), "did not come back within 5 s"),
        (TimeoutExpired("", 60), "did not come back within 60 s"),
        (CalledProcessError(1, "", b"", b"Traceback\nPanicException: oh\n"), "PanicException: oh"),
        (CalledProcessError(1, "", b"", b""), "could not be judged"),
        (OSError("no more processes"), "no more processes"),
        (CompletedProcess("", 0, b"", b""), "could not be judged"),
        (CompletedProcess("", 0, b"{}", b""), "could not be judged"),
        (CompletedProcess("", 0, b"null", b""), "could not be judged"),
    ],
)
def test_a_child_that_says_nothing_sensible_refuses(
    monkeypatch: pytest.MonkeyPatch, outcome: object, words: str
) -> None:
    def fake(*_: object, **__: object) -> object:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr("subprocess.run", fake)
    with pytest.raises(PolicyRefused) as caught:
        run(bundle(GUARDED))
    assert words in caught.value.sentence


def test_the_child_gets_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def fake(*_: object, **options: object) -> object:
        seen.update(options)
        return CompletedProcess("", 0, msgspec.json.encode({"refused": None}), b"")

    monkeypatch.setenv("A_SECRET", "x")
    monkeypatch.setattr("subprocess.run", fake)
    run(bundle(GUARDED))
    assert sorted(seen["env"]) == ["PYTHONPATH", "RUST_BACKTRACE"]


def test_a_rule_that_a_gateway_would_not_wait_for_is_refused() -> None:
    rules = PACKAGE + "all if count([1 | data.many[_] == data.many[_]]) > 0\n"
    with pytest.raises(PolicyRefused) as caught:
        judge(bundle(GUARDED, rules, data=json.dumps({"many": list(range(2500))})))
    found = caught.value
    assert found.sentence.endswith("of processor time, and a gateway refuses after 0.25 s")
    assert (found.file, found.line) == ("1.rego", 5)
