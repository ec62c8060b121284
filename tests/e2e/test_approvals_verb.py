"""`safeconduct approvals` beside a gateway that runs: a yes is given elsewhere, and waited for."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.desk import ended, verb
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
