"""The policy engine breaks in every way that is known of it: nothing is permitted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import orjson
import pytest

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy import preflight
from safeconduct.policy.loading import load
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import MAX_INPUT_BYTES, RegoEngine
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.versions import engine_name
from tests.support.bundles import GUARDED, PACKAGE, bundle, write

READ = b'{"call":{"tool":"crm.get_case"}}'

ENDLESS = """
xs := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
endless if {
    some a in xs; some b in xs; some c in xs; some d in xs; some e in xs; some f in xs
    some g in xs; some h in xs; some i in xs; some j in xs; some k in xs; some l in xs
    a + b + c + d + e + f + g + h + i + j + k + l < 0
}
"""


def closed(answer: PolicyAnswer, engine: RegoEngine) -> bool:
    return answer == PolicyAnswer(
        bundle=engine.digest, engine=engine_name("rego"), error=answer.error
    ) and bool(answer.error)


# --- rules that fail only when a call reaches them -----------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        'strings.count(input.secret, "") == 0',  # panics
        'not strings.count(input.secret, "")',
        "abs(input.secret) < 1000",
        "input.secret - 1 < 1000",
        "1 / input.zero == 1",
        "regex.match(input.secret, input.secret)",
        "graphql.is_valid(input.secret, input.secret)",  # not in this engine
        "not graphql.is_valid(input.secret, input.secret)",
        'not http.send({"url": input.secret, "method": "GET"})',
        "not opa.runtime().env[input.secret]",
        "f(input.zero) == a",
        'json.unmarshal(concat("", ["[" | some _ in input.many])) == 1',
    ],
)
def test_a_rule_that_fails_refuses_this_call_and_no_other(body: str) -> None:
    text = f'permit contains {{"id": "x"}} if {{ input.secret; {body} }}\nf(x) := a\na := f(1)\n'
    engine = RegoEngine(bundle(GUARDED, PACKAGE + text))
    given = orjson.dumps(
        {"call": {"tool": "crm.get_case"}, "secret": "(hunter2", "zero": 0, "many": [1] * 500}
    )
    answer = engine.evaluate(given, 0)
    assert closed(answer, engine)
    assert "hunter2" not in str(answer.error)
    assert engine.evaluate(READ, 0).permit == ("read",)


def test_an_error_names_file_and_line() -> None:
    engine = RegoEngine(bundle(GUARDED, PACKAGE + 'permit contains {"id": "x"} if 1 / input.zero'))
    answer = engine.evaluate(b'{"zero":0}', 0)
    assert answer.error == "the policy could not be evaluated (1.rego:5)"


def test_an_answer_of_another_shape_permits_nothing() -> None:
    engine = RegoEngine(bundle(GUARDED, PACKAGE + 'elevate contains {"id": "x"} if input.x'))
    assert engine.evaluate(READ, 0).permit == ("read",)
    assert closed(engine.evaluate(READ[:-1] + b',"x":1}', 0), engine)


# --- inputs that are none ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"{",
        b"garbage",
        b"\xff\xfe{}",
        READ + READ,
        READ[:-1] + b',"a":NaN}',
        READ[:-1] + b',"a":1e999}',
        READ[:-1] + b',"a":"\\ud800"}',
        READ[:-1] + b',"a":"\xed\xa0\x80"}',
        READ[:-1] + b',"a":"' + b"x" * MAX_INPUT_BYTES + b'"}',
        READ[:-1] + b',"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        READ[:-1] + b',"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        READ[:-1] + b',"a":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    ],
    ids=lambda given: repr(given[:48]),
)
def test_an_input_that_is_none_permits_nothing(given: bytes) -> None:
    engine = RegoEngine(bundle(GUARDED))
    assert closed(engine.evaluate(given, 0), engine)
    assert engine.evaluate(READ, 0).permit == ("read",)


@pytest.mark.parametrize("given", [None, "text", 1, object()])
def test_an_input_of_another_type_permits_nothing(given: bytes) -> None:
    engine = RegoEngine(bundle(GUARDED))
    assert closed(engine.evaluate(given, 0), engine)


def test_without_a_time_nothing_is_permitted() -> None:
    engine = RegoEngine(bundle(GUARDED))
    assert closed(engine.evaluate(READ, cast("int", None)), engine)


# --- the engine itself ---------------------------------------------------------------------------


class Panic(BaseException):
    pass


@pytest.mark.parametrize("problem", [Panic("oh"), MemoryError(), RecursionError(), OSError("x")])
def test_whatever_the_engine_raises_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise problem

    engine = RegoEngine(bundle(GUARDED))
    with monkeypatch.context() as broken:
        broken.setattr(Evaluator, "ask", fail)
        assert closed(engine.evaluate(READ, 0), engine)
    assert engine.evaluate(READ, 0).permit == ("read",)


@pytest.mark.parametrize("problem", [KeyboardInterrupt, SystemExit])
def test_a_process_that_is_told_to_end_ends(
    monkeypatch: pytest.MonkeyPatch, problem: type[BaseException]
) -> None:
    def end(*_: object) -> None:
        raise problem

    engine = RegoEngine(bundle(GUARDED))
    monkeypatch.setattr(Evaluator, "ask", end)
    with pytest.raises(problem):
        engine.evaluate(READ, 0)


def test_without_the_wheel_nothing_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regorus", None)
    # Rules that no other test has: a bundle that this thread knows needs no engine anew.
    directory = write(tmp_path, "# without the wheel\n")
    for look in (True, False):
        with pytest.raises(PolicyRefused, match="gordon-to-regorus"):
            load(directory, preflight=look)


def test_an_engine_that_cannot_be_built_in_a_thread_permits_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = RegoEngine(bundle(GUARDED))
    monkeypatch.setitem(sys.modules, "regorus", None)
    answers: list[PolicyAnswer] = []
    thread = threading.Thread(target=lambda: answers.append(engine.evaluate(READ, 0)))
    thread.start()
    thread.join()
    assert closed(answers[0], engine)


def test_a_bundle_that_vanishes_goes_on_deciding(tmp_path: Path) -> None:
    engine = load(write(tmp_path / "policy"))
    shutil.rmtree(tmp_path / "policy")
    answers: list[PolicyAnswer] = []
    thread = threading.Thread(target=lambda: answers.append(engine.evaluate(READ, 0)))
    thread.start()
    thread.join()
    assert answers[0].permit == ("read",)


# --- bundles that would take the gateway down ----------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        "a := " + "[" * 5000,
        "a := " + "[" * 5000 + "]" * 5000,
        "a := " + "\n".join("(" * 5000),
        "a := 1" + "\n+ 1" * 100_000,
        "a := input" + ".a" * 500,
        "a := " + "-" * 900 + "1",
        "f(x) := f(x)\na := f(1)",
        "f(x) := g(x)\ng(x) := f(x)\na := f(1)",
        "\n".join(f"f{number}(x) := f{number + 1}(x)" for number in range(4999)),
        "a := strings.count(input.x, input.y)",
        'a if not http.send({"url": "http://127.0.0.1/"})',
        "a := " + "1" * 10_000,
        "\x00",
        "a := `",
        "\n" * 30_000,
    ],
    ids=lambda rules: repr(rules[:24]),
)
def test_a_bundle_that_breaks_engines_is_refused(tmp_path: Path, rules: str) -> None:
    with pytest.raises(PolicyRefused) as caught:
        load(write(tmp_path, rules))
    assert caught.value.fix
    assert caught.value.line >= 1


@pytest.mark.parametrize("nesting", ["[" * 30, "[" * 30 + "]" * 30, "1 +\n" * 10_000 + "1"])
def test_what_gets_past_the_first_look_ends_a_child_only(nesting: str) -> None:
    with pytest.raises(PolicyRefused, match="did not come back within 1 s"):
        preflight.run(bundle(GUARDED, PACKAGE + "a := " + nesting), cpu_s=1)


@pytest.mark.parametrize(
    "rule",
    [
        'permit contains {"id": "x"} if endless',
        'permit contains {"id": "x"} if { input.call.tool == "a.b"; endless }',
    ],
)
def test_an_endless_rule_is_refused(rule: str) -> None:
    with pytest.raises(PolicyRefused, match="did not come back within 1 s"):
        preflight.run(bundle(GUARDED, PACKAGE + rule + ENDLESS), cpu_s=1)


def test_a_rule_that_eats_all_memory_is_refused() -> None:
    doubling = "\n".join(
        f's{number} := concat("", [s{number - 1}, s{number - 1}])' for number in range(1, 40)
    )
    with pytest.raises(PolicyRefused, match="crashed"):
        preflight.run(bundle(GUARDED, PACKAGE + f'a if {{\ns0 := "x"\n{doubling}\n}}'))


def test_without_a_child_there_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(PolicyRefused, match="could not be judged"):
        load(write(tmp_path / "policy"))


STALLED = f"""
import faulthandler
from safeconduct.policy.rego.engine import RegoEngine
from tests.support.bundles import GUARDED, PACKAGE, bundle
rules = 'permit contains {{"id": "x"}} if endless' + {ENDLESS!r}
engine = RegoEngine(bundle(GUARDED, PACKAGE + rules))
faulthandler.dump_traceback_later(0.5, exit=True)
engine.evaluate(b"{{}}", 0)
"""


def test_a_process_that_stands_still_in_a_rule_can_be_made_to_end() -> None:
    child = subprocess.run(
        [sys.executable, "-c", STALLED], capture_output=True, check=False, timeout=50
    )
    assert child.returncode == 1
    assert b"in evaluate" in child.stderr


TRACED = """
from safeconduct.policy.rego.evaluator import Evaluator
from tests.support.bundles import GUARDED, PACKAGE, bundle
evaluator = Evaluator(bundle(GUARDED, PACKAGE + "a := 1 / input.x"))
evaluator.ask(b'{"x":0}', 0)
try:
    evaluator.value("data.agent.tools.a")
except RuntimeError as error:
    print(error)
"""


def test_an_error_brings_no_stack_trace_whatever_the_environment_says() -> None:
    child = subprocess.run(
        [sys.executable, "-c", TRACED],
        env={**os.environ, "RUST_BACKTRACE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert child.stdout.rstrip().endswith("error: divide by zero")
