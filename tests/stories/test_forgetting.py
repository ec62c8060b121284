"""A person asks to be forgotten, while a case needs the evidence, and while the gateway runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from safeconduct.cli import main, output
from tests.support.installation import (
    USER,
    Gateway,
    Office,
    done,
    install,
    opened_office,
    refusal,
    running,
)
from tests.support.recorded import payloads


@pytest.fixture(scope="module")
def office() -> Generator[Office]:
    with opened_office() as office:
        yield office


def run(capsys: pytest.CaptureFixture[str], gateway: Gateway, *words: str) -> tuple[int, str]:
    config = gateway.config.directory
    code = main.main(["audit", *words, "--config", config, "--format", "json"])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_a_held_user_is_forgotten_once_the_hold_ends(
    tmp_path: Path, office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(install(tmp_path, office)) as gateway:
        agent = gateway.task()
        assert done(agent.call("office__get_case", {"case_id": "C-1"}))
        reason = ("--user", USER, "--reason", "case 7")
        assert run(capsys, gateway, "hold", *reason)[0] == output.OK
        assert run(capsys, gateway, "hold", *reason)[0] == output.FOUND
        code, said = run(capsys, gateway, "hold")
        assert (code, json.loads(said)) == (output.OK, {"held": {f"user {USER}": "case 7"}})
        code, said = run(capsys, gateway, "erase", USER, "--yes")
        assert code == output.FOUND
        assert "a legal hold stands" in said
        assert done(agent.call("office__get_case", {"case_id": "C-1"}))
        assert run(capsys, gateway, "hold", *reason, "--release")[0] == output.OK

        code, said = run(capsys, gateway, "erase", USER, "--yes")
        assert code == output.OK
        gone = json.loads(said)
        assert gone["payloads"] == 4
        assert refusal(agent.call("office__get_case", {"case_id": "C-1"})) == "task-revoked"
        report = gateway.verified()
        assert report.erased == 4
        assert payloads(gateway.audit, "decision")[:2] == ["erased", "erased"]
        # Who comes back is somebody new.
        assert done(gateway.task().call("office__get_case", {"case_id": "C-1"}))
        assert run(capsys, gateway, "erase", "nobody@crm.example", "--yes")[0] == output.FOUND

    # And without a gateway.
    code, said = run(capsys, gateway, "erase", USER, "--yes")
    assert code == output.OK
    assert json.loads(said)["payloads"] == 2
    gateway.verified()
    state = tmp_path / "state"
    left = [file for file in state.rglob("*") if file.is_file() and "audit" in file.parts]
    assert not [file for file in left if USER.encode() in file.read_bytes()]


def test_a_hold_may_come_first_and_says_so(
    tmp_path: Path, office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(install(tmp_path, office)) as gateway:
        task = gateway.task()
        assert done(task.call("office__get_case", {"case_id": "C-1"}))
        for what, name, is_known in (
            ("--user", "later@crm.example", False),
            ("--task", "t_000000000000000000000000", False),
            ("--user", USER, True),
            ("--task", task.task.task, True),
        ):
            code, said = run(capsys, gateway, "hold", what, name, "--reason", "case 7")
            assert code == output.OK
            assert (f"no record names this {what[2:]} yet" in said) is not is_known


def test_nobody_is_forgotten_unasked(
    tmp_path: Path,
    office: Office,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running(install(tmp_path, office)) as gateway:
        assert done(gateway.task().call("office__get_case", {"case_id": "C-1"}))
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        code, said = run(capsys, gateway, "erase", USER)
    assert code == output.USAGE
    assert "fix: --yes" in said
    for answer, wanted in (("n", output.FOUND), ("y", output.OK)):
        ours, theirs = os.openpty()
        os.write(ours, f"{answer}\n".encode())
        with os.fdopen(theirs) as terminal:
            monkeypatch.setattr(sys, "stdin", terminal)
            code, said = run(capsys, gateway, "erase", USER)
        os.close(ours)
        assert code == wanted, said
        assert f"Forget {USER}?" in said


def test_nothing_is_pruned_without_a_retention(
    tmp_path: Path, office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    config = install(tmp_path, office)
    with running(config) as gateway:
        code, said = run(capsys, gateway, "prune")
        assert (code, "(fix: set `records_days`, or `payloads_days`)" in said) == (1, True)
        root = json.loads((tmp_path / "safeconduct.yaml").read_text())
        root["audit"]["retention"] = {"records_days": 1}
        (tmp_path / "safeconduct.yaml").write_text(json.dumps(root))
        code, said = run(capsys, gateway, "prune")
        assert code == output.OK
        assert json.loads(said)["records_before"] == 0
        gateway.verified()
        # Where nothing is due, there is nothing to put on record.
        assert gateway.records("retention") == []
