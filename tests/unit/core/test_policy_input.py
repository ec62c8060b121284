from __future__ import annotations

from typing import Any

import orjson
import pytest

from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.model import ApprovalFacts
from safeconduct.core.policy_input import policy_input
from safeconduct.core.recorded_input import fields
from tests.support.facts import (
    ASKED,
    CLAIMED,
    DIGEST,
    HOUR_MS,
    NOW_MS,
    TAINTED,
    agent,
    approval,
    call,
    facts,
    manifest,
    task,
    tool,
)


def seen(**overrides: Any) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(policy_input(call(), facts(**overrides)))
    return value


def test_a_rule_sees_exactly_these_facts() -> None:
    labels = Label(
        integrity=Integrity.untrusted,
        confidentiality=Confidentiality.internal,
        categories=frozenset({"pii", "hr"}),
    )
    known = seen(
        agent=agent(stateless=True),
        task=task(labels=labels, counts={"calls": 3}),
        provenance={"id": CLAIMED + ASKED + ASKED, "next_step": (), "to=x": ASKED},
        resolved={"old_amount_minor": 10_000},
    )
    assert known == {
        "call": {
            "tool": "crm.update_deal",
            "upstream": "crm",
            "effect": "write",
            "scopes": ["deal:update"],
            "digest": DIGEST,
            "fields": ["next_step"],
            "sizes": {"arguments": 36},
        },
        "agent": {
            "id": "spiffe://crm.example/agents/copilot",
            "tier": 2,
            "zone": "office",
            "attested_at": NOW_MS - HOUR_MS,
            "stateless": True,
        },
        "user": {
            "id": "jane@crm.example",
            "kind": "person",
            "groups": ["sales"],
            "acr": "mfa",
            "amr": ["pwd", "otp"],
            "auth_time": 1_699_999_000,
            "device": ["managed"],
        },
        "task": {
            "id": "t_1",
            "purpose_source": "user",
            "profile": "triage",
            "tenant": "crm.example",
            "started_at": NOW_MS - HOUR_MS,
            "counts": {"calls": 3},
        },
        "labels": {
            "integrity": "untrusted",
            "confidentiality": "internal",
            "categories": ["hr", "pii"],
        },
        "provenance": {"id": ["agent-request", "user-request"], "next_step": []},
        "facts": {"old_amount_minor": 10_000},
        "findings": [],
        "now_ms": NOW_MS,
    }


def test_no_argument_value_and_no_purpose_reaches_a_rule() -> None:
    given = policy_input(call({"id": "D-7", "next_step": "call Dana"}), facts())
    assert b"D-7" not in given
    assert b"Dana" not in given


def test_a_rule_is_given_only_what_it_names() -> None:
    whole = seen(approval=approval())
    given = facts(approval=approval())
    assert orjson.loads(policy_input(call(), given, {"call", "approval"})) == {
        "call": whole["call"],
        "approval": whole["approval"],
    }
    assert policy_input(call(), given, {"now_ms"}) == b'{"now_ms":%d}' % NOW_MS


def test_equal_facts_are_equal_bytes() -> None:
    one = facts(resolved={"a": 1, "b": {"x": 1, "y": 2}})
    two = facts(resolved={"b": {"y": 2, "x": 1}, "a": 1})
    assert policy_input(call(), one) == policy_input(call(), two)


def test_a_tool_that_nobody_described_counts_as_the_worst() -> None:
    known = seen(tool=tool(manifest=None))["call"]
    assert (known["effect"], known["scopes"], known["fields"]) == (
        "execute", [], ["id", "next_step"],
    )  # fmt: skip


def test_fields_are_what_is_set_and_not_on_what() -> None:
    given = call({"next_step": "x", "id": "D-7", "amount_minor": 1, "bcc": "y"})
    assert fields(given, manifest()) == ["amount_minor", "bcc", "next_step"]
    assert fields(given, None) == ["amount_minor", "bcc", "id", "next_step"]


def test_a_rule_sees_a_yes_that_a_rule_asked_for() -> None:
    assert seen(approval=approval(sources=("scope:deal:update", "policy:discount")))[
        "approval"
    ] == {"digest": DIGEST, "granted_at_ms": NOW_MS - 30_000}


@pytest.mark.parametrize(
    "given",
    [
        None,
        approval(sources=()),
        approval(sources=("scope:deal:update", "flow:control-argument")),
        approval(state="pending"),
        approval(state="denied"),
        approval(granted_ms=NOW_MS + 1),
    ],
)
def test_any_other_answer_of_a_person_is_not_shown_to_a_rule(given: ApprovalFacts | None) -> None:
    assert "approval" not in seen(approval=given)


def test_a_yes_from_before_the_labels_rose_is_not_shown_to_a_rule() -> None:
    assert "approval" not in seen(approval=approval(), task=task(labels=TAINTED))


@pytest.mark.parametrize("value", [object(), 2**64, {1: "key"}, {"x"}, "\ud800"])
def test_what_json_does_not_have_is_no_input(value: object) -> None:
    with pytest.raises(orjson.JSONEncodeError):
        policy_input(call(), facts(resolved={"broken": value}))
