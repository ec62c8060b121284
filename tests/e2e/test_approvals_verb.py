"""`safeconduct approvals` beside a gateway that runs: a yes is given elsewhere, and waited for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import Gateway, Office, opened_office, refusal, running
from tests.support.waiting import SEND, operated, waiting


@pytest.fixture
def office() -> Generator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture
def gateway(tmp_path: Path, office: Office) -> Generator[Gateway]:
    with running(waiting(tmp_path, office, terminal=False)) as made:
        yield made


def verb(gateway: Gateway, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "safeconduct", "approvals", *words),
            *("--config", gateway.config.directory, "--format", "json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, Any]:
    out, err = process.communicate(timeout=60)
    return process.returncode, json.loads(out) if out else err


def test_a_yes_is_waited_for_and_no_file_gives_one(gateway: Gateway, office: Office) -> None:
    agent = gateway.task()
    assert refusal(agent.call("office__send", SEND)) == "approval-required"
    code, listed = ended(verb(gateway, "list"))
    (question,) = listed["pending"]
    approval = question["approval"]
    assert (code, question["missing"]) == (0, [{"who": "user", "count": 1}])
    code, said = ended(verb(gateway, "approve", approval, "--yes"))
    assert code == 1
    assert "a yes needs the approver's passkey" in said
    waits = verb(gateway, "approve", approval)
    assert waits.stderr is not None
    assert waits.stderr.readline().endswith(f"{question['page']}\n")
    assert waits.poll() is None
    code, _ = ended(verb(gateway, "deny", approval, "--why", "ring her up first"))
    assert code == 0
    code, became = ended(waits)
    assert (code, became["state"], became["said"]) == (1, "denied", "ring her up first")
    told = json.loads(agent.call("office__send", SEND).body)["result"]["_meta"]
    assert told["dev.safeconduct/refusal"]["said"] == "ring her up first"
    assert operated(gateway, "elevations") == {"elevations": []}
    assert office.effects["send"] == 0
