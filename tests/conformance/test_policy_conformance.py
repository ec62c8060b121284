"""The suites of others, through our policy engines: what the reference says is what comes out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.policy import rego, vectors
from conformance.policy.__main__ import PAGE, table
from conformance.policy.scores import Score, total

needs_opa = pytest.mark.skipif(
    not (vectors.directory() / rego.ARCHIVE).exists(), reason="the test vectors are not there"
)


@needs_opa
def test_opa_cases_come_out_as_the_reference_says() -> None:
    assert table(rego.run(vectors.directory())) in PAGE.read_text()


def test_without_vectors_it_says_so(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "conformance.policy", "--engine", "rego"],
        env={**os.environ, "VECTORS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3
    assert f"no vectors: {tmp_path / rego.ARCHIVE}" in run.stderr


def judged(**case: object) -> str:
    made = {"note": "made here", "query": "data.test.p = x", **case}
    (verdict,) = rego.verdicts([rego.decode(json.dumps(made))])
    return verdict.result


RULES = "package test\n\np := abs(input.x)\n"


@pytest.mark.parametrize(
    ("result", "case"),
    [
        ("passed", {"modules": [RULES], "input": {"x": -1}, "want_result": [{"x": 1}]}),
        ("failed", {"modules": [RULES], "input": {"x": -1}, "want_result": [{"x": 2}]}),
        ("failed", {"modules": [RULES], "input": {"x": "a"}, "want_result": []}),
        ("passed", {"modules": [RULES], "input": {"x": "a"}, "want_error": "an error"}),
        ("failed", {"modules": [RULES], "input": {"x": 1}, "want_error": "an error"}),
        ("unsupported", {"modules": ["package test\n\np := walk(input)"], "want_result": []}),
        ("unsupported", {"modules": ["package test\n\np := $"], "want_result": []}),
        ("unsupported", {"modules": [RULES], "input_term": "{1}", "want_result": []}),
    ],
)
def test_a_case_is_judged_by_what_comes_out(result: str, case: dict[str, object]) -> None:
    assert judged(**case) == result


def test_a_case_that_ends_its_process_failed_and_the_next_one_runs() -> None:
    good = {"modules": [RULES], "input": {"x": 1}, "want_result": [{"x": 1}]}
    doubling = "".join(f's{n} := concat("", [s{n - 1}, s{n - 1}])\n' for n in range(1, 40))
    bad = good | {"modules": [f'package test\n\np := 1 if {{\ns0 := "x"\n{doubling}\n}}\n']}
    cases = [
        rego.decode(json.dumps({"note": "made here", "query": "data.test.p = x", **case}))
        for case in (good, bad, good)
    ]
    assert [verdict.result for verdict in rego.verdicts(cases)] == ["passed", "failed", "passed"]


def test_scores_add_up() -> None:
    assert total([]) == Score()
    assert total([Score(1, 2, 3), Score(10, 20, 30)]) == Score(11, 22, 33)
