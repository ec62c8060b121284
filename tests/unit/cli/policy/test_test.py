"""`policy test` prints what came of the tests of bundles, for people and for programs."""

import importlib.util
import json
from pathlib import Path

import pytest

from safeconduct.cli.main import main
from tests.support.bundles import write

RULES = (
    'deny contains {"id": "x"} if {\n\tinput.call.tool == "crm.other"\n\tinput.agent.tier == 1\n}\n'
)
GOOD = "cases: {'': permit read}\n"
BAD = "cases: {'': deny}\n"

needs_opa = pytest.mark.skipif(
    importlib.util.find_spec("opa_bindings") is None, reason="OPA is not installed"
)


def bundled(directory: Path, matrix: str) -> Path:
    return write(directory, RULES, files={"tests/a.yaml": matrix})


def test_what_passed_and_what_nothing_made_speak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "test", str(bundled(tmp_path, GOOD))]) == 0
    assert capsys.readouterr().out == (
        f"ok   {tmp_path} (rego): 1 passed, 50 % of the lines reached\n"
        f"  {tmp_path}/rules/test.rego:6: no case makes `x` speak\n"
    )


def test_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundled(tmp_path / "bad", BAD)
    bundled(tmp_path / "good", GOOD)
    assert main(["policy", "test", str(tmp_path)]) == 1
    bad, why, *_, good, _ = capsys.readouterr().out.splitlines()
    assert bad.startswith(f"FAIL {tmp_path}/bad (rego): 0 passed, 1 failed, ")
    assert why == (
        f"  {tmp_path}/bad/tests/a.yaml:1: expected `deny`, the policy says `permit read`"
    )
    assert good.startswith(f"ok   {tmp_path}/good (rego): 1 passed, ")


def test_too_little_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = str(bundled(tmp_path, GOOD))
    assert main(["policy", "test", "--threshold", "50", directory]) == 0
    capsys.readouterr()
    assert main(["policy", "test", "--threshold", "51", directory]) == 1
    assert f"  {tmp_path}/rules/test.rego: 2 lines not reached: 6, 8\n" in capsys.readouterr().out


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", str(bundled(tmp_path, BAD)), "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    (bundle,) = told["bundles"]
    assert bundle["bundle"] == str(tmp_path)
    assert (bundle["engine"], bundle["passed"], bundle["skipped"]) == ("rego", 0, 0)
    assert [(one["file"], one["line"]) for one in bundle["failed"]] == [("tests/a.yaml", 1)]
    assert [one["id"] for one in bundle["silent"]] == ["x"]
    assert bundle["percent"] == 50


@needs_opa
def test_both_engines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", "--engine", "both", str(bundled(tmp_path, GOOD))]) == 0
    out = capsys.readouterr().out
    assert f"ok   {tmp_path} (rego): 1 passed" in out
    assert f"ok   {tmp_path} (opa): 1 passed" in out


def test_an_engine_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", absent)
    assert main(["policy", "test", "--engine", "opa", str(bundled(tmp_path, GOOD))]) == 3
    said = capsys.readouterr().err
    assert "Open Policy Agent is not installed here (fix: pip install " in said
    assert "opa-golib-python-bindings" in said


@pytest.mark.parametrize("arguments", [["--threshold", "101"], ["--threshold", "-1"]])
def test_a_threshold_is_a_percentage(tmp_path: Path, arguments: list[str]) -> None:
    assert main(["policy", "test", str(bundled(tmp_path, GOOD)), *arguments]) == 2


def test_nothing_to_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", str(tmp_path)]) == 2
    assert "no policy.yaml there" in capsys.readouterr().err
