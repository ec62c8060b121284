"""`policy check` prints what is wrong with bundles, for people and for programs."""

import json
from pathlib import Path

import pytest

from safeconduct.cli.main import main
from tests.support.bundles import write

WRONG = 'deny contains {"id": "x"} if input.agent.teir == 1\n'


def test_a_folder_of_bundles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "b" / "rego")
    write(tmp_path / "a", WRONG)
    assert main(["policy", "check", str(tmp_path)]) == 1
    assert capsys.readouterr().out == (
        f"{tmp_path}/a/rules/test.rego:6: the policy input has no `agent.teir` "
        "(fix: `safeconduct schema policy-input` shows what it has)\n"
        f"ok: {tmp_path}/b/rego\n"
    )


def test_one_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", str(write(tmp_path))]) == 0
    assert capsys.readouterr().out == f"ok: {tmp_path}\n"


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", str(write(tmp_path, WRONG)), "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    (problem,) = told["problems"]
    assert (problem["file"], problem["line"]) == (f"{tmp_path}/rules/test.rego", 6)
    assert problem["sentence"] == "the policy input has no `agent.teir`"


def test_nothing_to_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", str(tmp_path)]) == 2
    assert "no policy.yaml there" in capsys.readouterr().err
