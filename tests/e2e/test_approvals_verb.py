"""`safeconduct approvals` beside a gateway that runs: a yes is given elsewhere, and waited for."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from safeconduct.approvals import proposing
from safeconduct.cli import main
from tests.e2e.desk import REFUND, ask, ended, equip, opened, verb
from tests.support.installation import (
    Gateway,
    Office,
    change,
    done,
    opened_office,
    refusal,
    running,
)
from tests.support.waiting import SEND, operated, waiting


@pytest.fixture
def office() -> Generator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture
def gateway(tmp_path: Path, office: Office) -> Generator[Gateway]:
    with running(waiting(tmp_path, office, terminal=False)) as made:
        yield made


def test_a_yes_is_waited_for_and_no_file_gives_one(gateway: Gateway, office: Office) -> None:
    directory, agent = Path(gateway.config.directory), gateway.task()
    assert refusal(agent.call("office__send", SEND)) == "approval-required"
    code, listed = ended(verb(directory, "list"))
    (question,) = listed["pending"]
    approval = question["approval"]
    assert (code, question["missing"]) == (0, [{"who": "user", "count": 1}])
    code, said = ended(verb(directory, "approve", approval, "--yes"))
    assert code == 1
    assert "a yes needs the approver's passkey" in said
    waits = verb(directory, "approve", approval)
    assert waits.stderr is not None
    assert waits.stderr.readline().endswith(f"{question['page']}\n")
    assert waits.poll() is None
    code, _ = ended(verb(directory, "deny", approval, "--why", "ring her up first"))
    assert code == 0
    code, became = ended(waits)
    assert (code, became["state"], became["said"]) == (1, "denied", "ring her up first")
    told = json.loads(agent.call("office__send", SEND).body)["result"]["_meta"]
    assert told["dev.safeconduct/refusal"]["said"] == "ring her up first"
    assert operated(gateway, "elevations") == {"elevations": []}
    assert office.effects["send"] == 0


def test_what_people_were_shown_is_what_a_higher_threshold_is_proposed_from(
    tmp_path: Path,
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(proposing, "STREAK", 2)
    # Nobody looks here.
    monkeypatch.setattr(proposing, "FAST_MS", 0)
    directory = tmp_path / "gateway"
    equip(directory, office, {"unsafe_terminal": True})
    manifest = json.loads((directory / "manifests" / "office.yaml").read_text())
    above = {"template": "refund", "argument": "amount_minor", "above": 1000}
    manifest["tools"]["refund"]["asks"] = [above]
    change(directory / "manifests" / "office.yaml", manifest)
    agent = json.loads((directory / "agents" / "copilot.yaml").read_text())["agent"]
    agent["delegation"]["scope"] += agent.pop("jit_approval_required")
    change(directory / "agents" / "copilot.yaml", {"agent": agent})
    with opened(directory) as gateway:
        copilot = gateway.task("Refund order O-1.")
        assert done(copilot.call("office__refund", REFUND | {"amount_minor": 1000}))
        for amount, word in ((5000, "approve"), (7000, "approve"), (9000, "deny")):
            question = ask(copilot, REFUND | {"amount_minor": amount})
            code, _ = ended(verb(directory, word, question, *(["--yes"] * (word == "approve"))))
            assert code == 0
        words = ["approvals", "metrics", "--format", "json", "--config", str(directory)]
        assert main.main(words) == 0
        (found,) = json.loads(capsys.readouterr().out)["proposals"]
        assert json.dumps(above | {"above": 7000}) in found["yaml"]
        # That what was shown was opened for it is on record.
        assert gateway.records("audit.read")[-1]["opened"] is True
