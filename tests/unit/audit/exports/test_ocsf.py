"""Events against the published definition of their class.

`tests/data/ocsf-api-activity-1.8.json` is the JSON schema of class 6003 with two profiles, made
from the definitions of OCSF 1.8.0 (Apache License 2.0) and cut down to the attributes that are
sent: anything else is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from safeconduct.audit.exports.ocsf import event
from tests.support.copies import NOW_MS, TASK, copied, decision, outcome

SCHEMA = json.loads((Path(__file__).parents[3] / "data" / "ocsf-api-activity-1.8.json").read_text())
RECORDS: list[dict[str, Any]] = [
    decision(),
    decision(verdict="deny"),
    decision(verdict="elevate", effect="read"),
    decision(effect="create"),
    decision(effect="delete"),
    decision(effect="execute"),
    decision(method="resources/read", tool="crm#resource:crm://case/1"),
    outcome(),
    outcome(status="error", reason="upstream-timeout"),
    TASK,
    {"kind": "config", "value": 1},
]


def faults(value: dict[str, Any]) -> list[str]:
    judge: Any = Draft202012Validator(SCHEMA)
    return [str(error.message) for error in judge.iter_errors(value)]


@pytest.mark.parametrize("record", RECORDS)
def test_every_event_is_one_of_its_class(record: dict[str, Any]) -> None:
    assert faults(event(copied(record))) == []


def test_the_definition_refuses_what_is_not_in_it() -> None:
    good = event(copied(decision()))
    assert faults({**good, "verdict": "permit"})
    assert faults({name: value for name, value in good.items() if name != "actor"})
    assert faults({**good, "action_id": 7})
    assert faults({**good, "message_context": {}})


def test_a_permit_says_who_did_what_for_whom() -> None:
    copy = copied(decision())
    found = event(copy)
    assert found["type_uid"] == 600_303
    assert found["activity_name"] == "Update"
    assert found["time"] == NOW_MS
    assert found["severity_id"] == 1
    assert found["actor"] == {
        "app_name": "safeconduct",
        "app_uid": "spiffe://crm.example/agents/copilot",
        "user": {"uid": "u_5f0c", "type_id": 1},
        "session": {"uid": "t_1"},
    }
    assert found["api"] == {
        "operation": "crm.update_deal",
        "request": {"uid": "d_1"},
        "service": {"name": "crm"},
    }
    assert (found["action"], found["disposition"], found["status"]) == (
        *("Allowed", "Allowed", "Success"),
    )
    assert found["policy"] == {"uid": "sha256:" + "2" * 64}
    assert found["raw_data"].encode() == copy.data
    assert found["raw_data_size"] == len(copy.data)
    assert found["metadata"]["uid"] == "crm.example/audit:7"
    assert found["metadata"]["sequence"] == 7
    assert found["unmapped"] == {
        **copy.evidence,
        "trace": copy.record["trace"],
        "span": copy.record["span"],
    }


def test_a_refusal_and_a_question_are_told_apart() -> None:
    denied, asked = (event(copied(decision(verdict=said))) for said in ("deny", "elevate"))
    assert (denied["disposition"], denied["status"], denied["status_code"]) == (
        *("Blocked", "Failure", "policy-denied"),
    )
    assert denied["severity_id"] == 2
    assert "status_id" not in asked
    assert (asked["action"], asked["disposition"]) == ("Denied", "Challenge")


def test_a_record_that_is_no_call_is_another_activity() -> None:
    found = event(copied(TASK))
    assert (found["activity_id"], found["activity_name"]) == (99, "task")
    assert found["type_uid"] == 600_399
    assert "action_id" not in found
    assert "status_id" not in found
