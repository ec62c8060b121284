"""Tests of a bundle run in a process of their own; whatever is wrong with them is an outcome."""

import importlib.util
from pathlib import Path

import pytest

from safeconduct.policy.trial import running
from safeconduct.policy.trial.outcome import Lines, Outcome
from safeconduct.policy.trial.running import Judge, run
from tests.support.bundles import write

OPA = pytest.param(
    "opa",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("opa_bindings") is None, reason="OPA is not installed"
    ),
)
JUDGES = pytest.mark.parametrize("judge", ["own", OPA])

RULES = """
rule(name) := {"id": name}

deny contains {"id": "never"} if {
	input.call.tool == "crm.delete"
	input.agent.tier == 1
}

elevate contains {"id": "ask", "template": "ask", "ttl_s": 60} if input.call.tool == "crm.ask"

late if time.now_ns() > 1794821400000 * 1000000
"""
MATRIX = """
given:
  delete: {call.tool: crm.delete}
  tier 1: {agent.tier: 1}
  ask: {call.tool: crm.ask}
mistyped:
  no tier: {agent.tier: null}
cases:
  '': permit read
  delete, tier 1: deny never
  delete, no tier: deny
  ask: elevate ask
"""
IMPORTS = "package agent.tools_test\n\nimport data.agent.tools\nimport rego.v1\n\n"
"""What test files begin with; the first test stands in line 6."""


def tried(
    directory: Path,
    *,
    rego: str | None = None,
    matrix: str | None = MATRIX,
    judge: Judge = "own",
    rules: str = RULES,
    cpu_s: int = running.CPU_S,
) -> Outcome:
    files: dict[str, str | bytes] = {}
    if matrix is not None:
        files["tests/all.yaml"] = matrix
    if rego is not None:
        files["tests/all_test.rego"] = IMPORTS + rego
    (outcome,) = run(write(directory, rules, files=files), (judge,), cpu_s=cpu_s)
    return outcome


@JUDGES
def test_cases_are_decided_by_the_rules(tmp_path: Path, judge: Judge) -> None:
    outcome = tried(tmp_path, judge=judge)
    assert (outcome.passed, outcome.failed, outcome.silent) == (4, (), ())
    assert outcome.engine == ("opa" if judge == "opa" else "rego")


@JUDGES
def test_a_case_that_does_not_hold_is_told_with_its_place(tmp_path: Path, judge: Judge) -> None:
    outcome = tried(tmp_path, judge=judge, matrix=MATRIX.replace("delete, no tier: deny", (
        "delete, no tier: permit read"
    )))  # fmt: skip
    (failed,) = outcome.failed
    assert str(failed) == (
        "tests/all.yaml:11: delete, no tier: expected `permit read`, the policy says `deny`"
    )
    assert outcome.passed == 3


@JUDGES
def test_a_combination_that_nobody_listed_must_be_refused(tmp_path: Path, judge: Judge) -> None:
    matrix = (
        "given:\n  get: {}\n  delete: {call.tool: crm.delete}\n  one: {agent.tier: 1}\n"
        "  two: {agent.tier: 2}\ncombine:\n  - [get, delete]\n  - [one, two]\n"
        "cases:\n  get, one: permit read\n"
    )
    outcome = tried(tmp_path, judge=judge, matrix=matrix)
    (failed,) = outcome.failed
    assert (failed.line, failed.test) == (6, "get, two")
    assert failed.sentence == "expected `refused`, the policy says `permit read`"
    assert outcome.passed == 3


@JUDGES
def test_rules_that_fail_are_an_error_and_no_denial(tmp_path: Path, judge: Judge) -> None:
    rules = """permit contains {"id": "x"} if {
    input.call.tool == "crm.other"
    abs(input.facts.amount) < 5
}"""
    matrix = (
        "base: {call.tool: crm.other}\n"
        "given:\n  small: {facts.amount: 4}\nmistyped:\n  text: {facts.amount: [x]}\n"
        "cases:\n  small: permit x\n  text: deny\n"
    )
    outcome = tried(tmp_path, judge=judge, matrix=matrix, rules=rules)
    (failed,) = outcome.failed
    assert failed.line == 8
    assert failed.sentence.startswith("expected `deny`, the policy says `error` (")


def test_a_case_that_a_gateway_would_not_wait_for_fails(tmp_path: Path) -> None:
    rules = """permit contains {"id": "x"} if {
    input.call.tool == "crm.other"
    count([1 | some a in data.many; some b in data.many; a == b]) == count(data.many)
}"""
    matrix = "base: {call.tool: crm.other}\ngiven:\n  all: {}\ncases:\n  all: permit x\n"
    files: dict[str, str | bytes] = {"tests/all.yaml": matrix}
    bundle = write(tmp_path, rules, files=files, data={"many": list(range(2500))})
    (outcome,) = run(bundle)
    (failed,) = outcome.failed
    assert (failed.file, failed.line, outcome.passed) == ("tests/all.yaml", 5, 0)
    assert failed.sentence.endswith("of processor time, and a gateway refuses after 0.25 s")


@JUDGES
def test_tests_in_rego(tmp_path: Path, judge: Judge) -> None:
    rego = """test_true if 1 == 1
test_collection contains "x"
test_other_input if tools.deny[{"id": "never"}] with input as {
	"call": {"tool": "crm.delete"},
	"agent": {"tier": 1},
}
test_function if tools.rule("x").id == "x"
test_clock_is_frozen if not tools.late
test_clock_is_mocked if tools.late with time.now_ns as 1794821400001000000
test_no_input if not input
helper if false
test_data if data.limits.most == 3
test_data_is_mocked if data.limits.most == 4 with data.limits.most as 4
"""
    files: dict[str, str | bytes] = {"tests/all_test.rego": IMPORTS + rego}
    (outcome,) = run(write(tmp_path, RULES, files=files, data={"limits": {"most": 3}}), (judge,))
    assert outcome.failed == ()
    assert outcome.passed == 9


@JUDGES
def test_tests_in_rego_that_do_not_hold(tmp_path: Path, judge: Judge) -> None:
    rego = """test_false if false
test_empty contains "x" if false
test_text := "true"
test_number := 1
test_undefined if data.nothing.at.all
test_error if 1 / count([]) == 1
todo_test_later if false
"""
    outcome = tried(tmp_path, rego=rego, matrix=None, judge=judge)
    assert outcome.passed == 0
    assert outcome.skipped == 1
    assert [(found.line, found.test) for found in outcome.failed] == [
        (6, "test_false"),
        (7, "test_empty"),
        (8, "test_text"),
        (9, "test_number"),
        (10, "test_undefined"),
        (11, "test_error"),
    ]
    assert {found.sentence for found in outcome.failed[:5]} == {"does not hold"}
    assert "divide by zero" in outcome.failed[5].sentence


def test_the_lines_that_no_test_reached(tmp_path: Path) -> None:
    outcome = tried(tmp_path, matrix="cases: {'': permit read}")
    (lines,) = outcome.lines
    assert lines.file == "rules/test.rego"
    assert 5 in lines.covered
    assert {11, 16} <= set(lines.missed)
    assert [rule.id for rule in outcome.silent] == ["never", "ask"]
    assert 0 < outcome.percent < 100
    assert tried(tmp_path).percent > outcome.percent


def test_lines_of_tests_do_not_count(tmp_path: Path) -> None:
    outcome = tried(tmp_path, rego="test_a if 1 == 1\nhelper if false\n")
    assert [file.file for file in outcome.lines] == ["rules/test.rego"]


def test_percent_is_of_all_files_and_never_rounded_up() -> None:
    lines = (
        Lines(file="a", covered=(1,), missed=(2,)),
        Lines(file="b", covered=(1,), missed=()),
    )
    assert Outcome(engine="rego", lines=lines).percent == 66
    assert Outcome(engine="rego").percent == 0


def test_a_bundle_that_would_not_load_is_not_tested(tmp_path: Path) -> None:
    outcome = tried(tmp_path, rules='permit contains {"id": "all"} if true')
    (failed,) = outcome.failed
    assert (failed.file, failed.line) == ("rules/test.rego", 6)
    assert "`all` permits" in failed.sentence


@pytest.mark.parametrize(
    ("files", "file", "sentence"),
    [
        ({}, "tests", "there are no tests"),
        ({"tests/.hidden.yaml": "x"}, "tests", "there are no tests"),
        ({"tests/a.json": "{}"}, "tests/a.json", "not a test"),
        ({"tests/a.rego": "package a"}, "tests/a.rego", "not a test"),
        ({"tests/a/b.yaml": MATRIX}, "tests/a", "not a test"),
        ({"tests/a.yaml": b"\xff"}, "tests/a.yaml", "not UTF-8"),
        ({"tests/a.yaml": "bases: {}"}, "tests/a.yaml", "unknown key `bases`"),
        ({"tests/a_test.rego": "package a\ntest_x if"}, "tests/a_test.rego", "not Rego"),
        ({"tests/a_test.rego": "package a\nx := " + "[" * 50}, "tests/a_test.rego", "deeper"),
        ({"tests/a_test.rego/x": ""}, "tests/a_test.rego", "cannot be read"),
    ],
)
def test_what_is_no_test_is_refused(
    tmp_path: Path, files: dict[str, str | bytes], file: str, sentence: str
) -> None:
    (outcome,) = run(write(tmp_path, files=files))
    (failed,) = outcome.failed
    assert failed.file == file
    assert sentence in failed.sentence
    assert failed.fix
    assert outcome.passed == 0


def test_a_file_of_tests_has_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MAX_FILE_BYTES", 10)
    (failed,) = tried(tmp_path).failed
    assert failed.sentence == "the file is larger than 10 bytes"


def test_a_test_that_does_not_come_back_fails(tmp_path: Path) -> None:
    rego = "l := numbers.range(1, 9999)\ntest_x if { some a in l; some b in l; a > b + 9999 }"
    (failed,) = tried(tmp_path, rego=rego, cpu_s=1).failed
    assert failed.sentence == "the rules did not come back within 1 s"


def test_a_test_that_crashes_the_engine_fails(tmp_path: Path) -> None:
    (failed,) = tried(tmp_path, rego="f(x) := f(x)\ntest_x if f(1) == 1\n").failed
    assert "the engine crashed on the rules" in failed.sentence


def test_a_test_that_wants_too_much_memory_fails(tmp_path: Path) -> None:
    rego = "test_x if count(numbers.range(1, 90000000)) > 1\n"
    (failed,) = tried(tmp_path, rego=rego).failed
    assert "the engine crashed on the rules" in failed.sentence


def test_tests_reach_nothing_outside(tmp_path: Path) -> None:
    outcome = tried(tmp_path, matrix=None, rego='test_x if http.send({"method": "get"})\n')
    (failed,) = outcome.failed
    assert "no rule may call this" in failed.sentence


CEDAR = "name: test\nengine: cedar\n"
PERMIT = """@id("{id}")
permit (principal, action == Action::"crm.get_case", resource) when {{ principal.tier == {tier} }};
"""


def cedar(directory: Path, files: dict[str, str | bytes]) -> Outcome:
    schema = Path(running.__file__).parents[2] / "library/policies/opportunity/cedar"
    files |= {
        "policy.yaml": CEDAR,
        "schema.cedarschema": (schema / "schema.cedarschema")
        .read_text()
        .replace("crm.update_opportunity", "crm.get_case"),
        "rules/a.cedar": PERMIT.format(id="two", tier=2) + "\n" + PERMIT.format(id="one", tier=1),
    }
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (outcome,) = run(directory, ("own", "opa"))
    return outcome


def test_cases_for_cedar(tmp_path: Path) -> None:
    matrix = (
        "given:\n  three: {agent.tier: 3}\nmistyped:\n  text: {agent.tier: x}\n"
        "cases:\n  '': permit two\n  three: deny\n  text: error\n"
    )
    outcome = cedar(tmp_path, {"tests/a.yaml": matrix})
    assert (outcome.engine, outcome.passed, outcome.failed) == ("cedar", 3, ())
    assert [rule.id for rule in outcome.silent] == ["one"]
    assert outcome.percent == 50


def test_cedar_has_no_tests_in_rego(tmp_path: Path) -> None:
    (failed,) = cedar(tmp_path, {"tests/a_test.rego": "package a"}).failed
    assert "not a test" in failed.sentence


def test_a_decision_point_elsewhere_cannot_be_tried_here(tmp_path: Path) -> None:
    header = "name: test\nengine: opa\nentrypoint: agent.tools\nremote: {url: http://127.0.0.1:1}\n"
    (tmp_path / "policy.yaml").write_text(header, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.yaml").write_text("cases: {'': deny}\n", encoding="utf-8")
    (outcome,) = run(tmp_path)
    (failed,) = outcome.failed
    assert failed.file == "policy.yaml"
    assert "cannot be tried here" in failed.sentence
