from __future__ import annotations

import hashlib
from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.admit import Admitted
from safeconduct.core.decide import decide
from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label
from safeconduct.core.manifest import Threshold
from safeconduct.core.model import Facts, Finding
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import Vouched, value_digest
from safeconduct.core.record import (
    VOUCHED_PER_RECORD,
    approval_request,
    decision_record,
    label_value,
    memory_records,
    outcome_record,
    places,
    prints_record,
)
from safeconduct.core.screen import screen
from safeconduct.core.trace import Trace
from safeconduct.core.verdict import Decision, Elevate, Permit, Requirement
from tests.support.facts import (
    ASKED,
    ASKING,
    CLAIMED,
    DIGEST,
    HOUR_MS,
    NOW_MS,
    agent,
    approval,
    call,
    facts,
    gathered,
    tool,
)

PASSED = {"said": "nothing against it"}
PLAIN = {"integrity": "trusted", "confidentiality": "public", "categories": list[str]()}


def recorded(known: Facts) -> dict[str, Any]:
    return decision_record("d_1", call(), known.gathered, known, decide(call(), known))


def test_a_label_is_written_with_what_it_has() -> None:
    assert label_value(BOTTOM) == PLAIN
    full = Label(
        integrity=Integrity.endorsed,
        confidentiality=Confidentiality.restricted,
        categories=frozenset({"b", "a"}),
        readers=frozenset({"y", "x"}),
        tenants=frozenset({"t"}),
        regions=frozenset({"us", "eu"}),
    )
    assert label_value(full) == {
        "integrity": "endorsed",
        "confidentiality": "restricted",
        "categories": ["a", "b"],
        "readers": ["x", "y"],
        "tenants": ["t"],
        "regions": ["eu", "us"],
    }


def test_nobody_may_read_is_not_everybody_may_read() -> None:
    assert label_value(Label(readers=frozenset()))["readers"] == []
    assert "readers" not in label_value(Label())


def test_the_record_of_a_permit_says_all_that_a_replay_needs() -> None:
    known = facts(
        resolved={"old_amount_minor": 5, "known": True, "owner": "Dana", "list": [1]},
        provenance={"id": CLAIMED + ASKED, "to=x": ASKED},
    )
    assert recorded(known) == {
        "kind": "decision",
        "decision": "d_1",
        "at_ms": NOW_MS,
        "tenant": "crm.example",
        "agent": "spiffe://crm.example/agents/copilot",
        "tier": 2,
        "zone": "office",
        "user": "jane@crm.example",
        "task": "t_1",
        "version": 4,
        "purpose_source": "user",
        "method": "tools/call",
        "tool": "crm.update_deal",
        "effect": "write",
        "pin": "reviewed",
        "credential": "none",
        "digest": DIGEST,
        "size": 36,
        "objects": {"id": ["D-7"]},
        "labels": PLAIN,
        "checks": [
            {"check": name, **PASSED}
            for name in (
                "delegation", "tool", "zone", "budget", "flow", "sink", "content", "review",
                "policy", "elevation",
            )
        ],
        "policy": {
            "bundle": "",
            "permit": ["all"],
            "deny": [],
            "elevate": [],
            "input": {
                "call": {"fields": ["next_step"], "scopes": ["deal:update"]},
                "agent": {"attested_at": NOW_MS - HOUR_MS, "stateless": False},
                "user": {
                    "kind": "person",
                    "groups": ["sales"],
                    "acr": "mfa",
                    "amr": ["pwd", "otp"],
                    "auth_time": 1_699_999_000,
                    "device": ["managed"],
                },
                "task": {"profile": "triage", "started_at": NOW_MS - HOUR_MS, "counts": {}},
                "facts": {"owner": "Dana", "list": [1]},
            },
        },
        "provenance": {"id": ["agent-request", "user-request"]},
        "facts": {"old_amount_minor": 5, "known": True},
        "verdict": "permit",
        "scopes": ["deal:update"],
        "expires_ms": NOW_MS + 60_000,
        "obligations": ["redact"],
        "spends": {"calls": 1, "deal:update": 1},
        "changes_state": True,
        "trace": "f2e1ec37fcce814f2c3d68fe55179a43",
        "span": "527ec9779310aae8",
    }  # fmt: skip


def test_a_trace_that_the_caller_claims_is_recorded_as_a_claim() -> None:
    claim = Trace(id="a" * 32, parent="b" * 16, state="vendor=1")
    record = recorded(facts(gathered=gathered(trace=claim)))
    assert {name: record[name] for name in ("trace", "trace_claimed", "span_parent")} == {
        "trace": "a" * 32,
        "trace_claimed": True,
        "span_parent": "b" * 16,
    }
    assert "vendor" not in str(record)


def test_no_argument_text_is_recorded() -> None:
    written = str(recorded(facts()))
    assert "call Dana" not in written
    assert written.count("D-7") == 1  # an object's id, which is what people search by


def test_what_is_rare_is_recorded_when_it_is_there() -> None:
    found = (
        Finding("pii.email", ("next_step",), 0, 4),
        Finding("pii.email", ("next_step",), 5, 9),
        Finding("iban", ("id",), 0, 3),
    )
    record = recorded(
        facts(
            unsafe=("dev-identity",),
            findings=found,
            failures=("resolver",),
            baselines={"k": 7},
            policy=PolicyAnswer(error="e" * 300, bundle="ab"),
        )
    )
    assert record["unsafe"] == ["dev-identity"]
    assert record["findings"] == ["iban", "pii.email"]
    assert record["failures"] == ["resolver"]
    assert record["baselines"] == {"k": 7}
    assert {name: said for name, said in record["policy"].items() if name != "input"} == {
        "bundle": "ab", "permit": [], "deny": [], "elevate": [], "error": "e" * 200,
    }  # fmt: skip


def test_what_rules_demand_and_what_logged_ones_would_say_is_recorded_where_they_spoke() -> None:
    said = PolicyAnswer(
        permit=("all",), obligations=("mask",), log_only=("strict",), would_have="deny"
    )
    policy = recorded(facts(policy=said))["policy"]
    assert (policy["obligations"], policy["log_only"], policy["would_have"]) == (
        ["mask"], ["strict"], "deny",
    )  # fmt: skip
    assert {"obligations", "log_only", "would_have"}.isdisjoint(recorded(facts())["policy"])


def test_what_a_standing_yes_was_asked_for_is_recorded() -> None:
    assert recorded(facts(approval=approval()))["approved"] == ["policy:discount"]
    assert "approved" not in recorded(facts(approval=approval(state="pending")))
    assert "approved" not in recorded(facts())


def test_a_refusal_in_the_first_group_is_recorded_without_any_fetched_fact() -> None:
    local = gathered(zone=None)
    decision = screen(call(), local)
    assert decision is not None
    record = decision_record("d_1", call(), local, None, decision)
    assert (record["verdict"], record["reason"]) == ("deny", "zone-denied")
    assert not {"policy", "provenance", "facts", "spends"} & record.keys()
    assert record["checks"][1:5] == [
        {"check": "tool", **PASSED},
        {"check": "zone", "said": "deny", "reason": "zone-denied"},
        {"check": "budget", "said": "not evaluated"},
        {"check": "flow", "said": "not evaluated"},
    ]


def test_a_question_is_recorded_with_all_who_ask() -> None:
    known = facts(policy=ASKING, agent=agent(approval_scopes=frozenset({"deal:update"})))
    record = recorded(known)
    assert record["verdict"] == "elevate"
    assert record["requires"] == ["policy:discount", "scope:deal:update"]
    assert record["policy"]["elevate"] == ["discount"]
    assert record["checks"][8:] == [
        {"check": "policy", "said": "elevate", "asks": ["policy:discount"]},
        {"check": "elevation", "said": "elevate", "asks": ["scope:deal:update"]},
    ]


def test_a_permit_names_the_yes_it_uses_up() -> None:
    record = recorded(facts(policy=ASKING, approval=approval(), tool=tool(spotlight="delimit")))
    assert record["approval"] == "a_1"
    assert record["obligations"] == ["redact", "spotlight"]


def test_provenance_is_that_of_arguments_and_of_each_place_once() -> None:
    known = facts(provenance={"id": ASKED + ASKED, "gone": ASKED, "next_step": ()})
    assert places(call(), known) == {"id": ["user-request"], "next_step": []}


def test_an_outcome_says_what_it_knows_and_no_more() -> None:
    assert outcome_record("d_1", "t_1", 5, "ok") == {
        "kind": "outcome",
        "decision": "d_1",
        "task": "t_1",
        "at_ms": 5,
        "status": "ok",
        "may_have_happened": False,
    }
    full = outcome_record(
        "d_1",
        "t_1",
        5,
        "withheld",
        reason="result-withheld",
        may_have_happened=True,
        result_digest=DIGEST,
        redacted=2,
    )
    assert full == {
        "kind": "outcome",
        "decision": "d_1",
        "task": "t_1",
        "at_ms": 5,
        "status": "withheld",
        "may_have_happened": True,
        "reason": "result-withheld",
        "result": DIGEST,
        "redacted": 2,
    }


def test_a_result_that_adds_nothing_is_not_remembered() -> None:
    assert memory_records("d_1", "t_1", 5, Admitted(label=BOTTOM)) == []


def test_a_label_alone_is_remembered() -> None:
    label = Label(integrity=Integrity.untrusted)
    assert memory_records("d_1", "t_1", 5, Admitted(label=label)) == [
        {
            "kind": "memory",
            "decision": "d_1",
            "task": "t_1",
            "at_ms": 5,
            "labels": label_value(label),
            "vouched": [],
        }
    ]


def test_a_vouched_value_is_remembered_by_its_digest() -> None:
    vouched = (Vouched("recipient", "dana@customer.example", "w" * 80),)
    (record,) = memory_records("d_1", "t_1", 5, Admitted(label=BOTTOM, vouched=vouched))
    expected = hashlib.sha256(b"dana@customer.example").hexdigest()[:32]
    assert value_digest("dana@customer.example") == expected
    assert record["vouched"] == [{"key": "recipient", "where": "w" * 60, "values": [expected]}]
    assert "ceilings" not in record
    assert "dana" not in str(record)


def test_values_of_one_field_are_remembered_together_and_what_was_named_apart() -> None:
    vouched = (
        Vouched("recipient", "a", "x:to"),
        Vouched("object-id crm.deal", "b", "x:id", "named-field"),
        Vouched("recipient", "c", "x:to"),
        Vouched("recipient", "d", "x:to", "named-field"),
        Vouched("recipient", "a", "x:cc"),
    )
    (record,) = memory_records("d_1", "t_1", 5, Admitted(label=BOTTOM, vouched=vouched))
    a, b, c, d = map(value_digest, "abcd")
    assert record["vouched"] == [
        {"key": "recipient", "where": "x:to", "values": [a, c]},
        {"key": "object-id crm.deal", "where": "x:id", "values": [b], "named": True},
        {"key": "recipient", "where": "x:to", "values": [d], "named": True},
        {"key": "recipient", "where": "x:cc", "values": [a]},
    ]


def test_of_vouched_amounts_the_largest_of_each_type_is_remembered() -> None:
    amounts = [("amount", "9.5"), ("amount", "10"), ("amount", "n/a"), ("amount eur", "-3")]
    others = [("amounts", "7"), ("object-id", "8"), ("amount usd", "NaN")]
    vouched = tuple(Vouched(key, value, "x:n") for key, value in (*amounts, *others))
    (record,) = memory_records("d_1", "t_1", 5, Admitted(label=BOTTOM, vouched=vouched))
    assert record["ceilings"] == {"amount": "10", "amount eur": "-3"}


def test_that_fingerprints_are_kept_is_remembered_by_memory() -> None:
    assert prints_record("d_1", "t_1", 5, ("m_1", "m_2")) == {
        "kind": "memory",
        "decision": "d_1",
        "task": "t_1",
        "at_ms": 5,
        "labels": PLAIN,
        "vouched": [],
        "prints": ["m_1", "m_2"],
    }


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (1, [1]),
        (VOUCHED_PER_RECORD, [VOUCHED_PER_RECORD]),
        (2 * VOUCHED_PER_RECORD + 1, [VOUCHED_PER_RECORD, VOUCHED_PER_RECORD, 1]),
    ],
)
def test_many_values_are_spread_over_records(count: int, sizes: list[int]) -> None:
    vouched = tuple(Vouched("object-id", str(number), "x:id") for number in range(count))
    made = memory_records("d_1", "t_1", 5, Admitted(label=BOTTOM, vouched=vouched))
    values = [digest for record in made for one in record["vouched"] for digest in one["values"]]
    assert [len(one["values"]) for record in made for one in record["vouched"]] == sizes
    assert len(made) == len(sizes)
    assert all(record["labels"] == PLAIN for record in made)
    assert values == [value_digest(str(number)) for number in range(count)]


def test_a_question_names_exactly_the_call_and_who_asks() -> None:
    requirement = Requirement(templates=("offer",), sources=("policy:discount",), ttl_s=120)
    assert approval_request("a_1", "d_1", call(), gathered(), Elevate(requirement)) == {
        "kind": "approval",
        "phase": "requested",
        "approval": "a_1",
        "decision": "d_1",
        "task": "t_1",
        "tenant": "crm.example",
        "agent": "spiffe://crm.example/agents/copilot",
        "user": "jane@crm.example",
        "tool": "crm.update_deal",
        "digest": DIGEST,
        "at_ms": NOW_MS,
        "ttl_s": 120,
        "wait_s": 120,
        "requires": ["policy:discount"],
        "labels": PLAIN,
        "wheres": [],
        "values": [],
        "templates": ["offer"],
        "parties": [],
    }


def test_a_question_says_which_values_and_fields_a_yes_would_be_to() -> None:
    asked = Requirement(
        templates=("t",), sources=("flow:unvouched",), ttl_s=300, values=("v",), wheres=("x:a#d",)
    )
    record = approval_request("a_1", "d_1", call(), gathered(), Elevate(asked))
    assert (record["values"], record["wheres"]) == (["v"], ["x:a#d"])


def test_a_permit_says_what_it_rests_on_where_it_does() -> None:
    known = facts()
    permit = decide(call(), known).verdict
    assert isinstance(permit, Permit)
    grant = replace(permit.grant, follows=True, subgrants=(2,))
    made = decision_record(
        "d_1", call(), known.gathered, known, Decision(replace(permit, grant=grant), ())
    )
    assert (made["follows"], made["subgrants"]) == (True, [2])
    assert not {"follows", "subgrants", "touches"} & recorded(known).keys()


def test_a_permit_says_up_to_how_many_calls_nobody_is_asked() -> None:
    known = facts(tool=tool(asks=(Threshold(template="often", calls=3),)))
    assert recorded(known)["unasked"] == {"deal:update": 3}
    assert "unasked" not in recorded(facts())


def test_a_child_task_names_those_above_it_and_a_zone_its_model() -> None:
    above = (("t_0", "spiffe://crm.example/agents/planner"), ("t_00", "spiffe://crm.example/x"))
    made = gathered()
    assert made.zone is not None
    record = recorded(
        facts(task=replace(made.task, chain=above), zone=replace(made.zone, model="m-1"))
    )
    assert record["chain"] == [{"task": task, "agent": agent} for task, agent in above]
    assert record["model"] == {"registered": "m-1"}


def test_every_verdict_says_which_scopes_the_tool_needs() -> None:
    denied = recorded(facts(policy=PolicyAnswer()))
    assert (denied["verdict"], denied["scopes"]) == ("deny", ["deal:update"])
    unknown = recorded(facts(tool=replace(gathered().tool, manifest=None)))
    assert not {"scopes", "objects"} & unknown.keys()
    assert "objects" not in decision_record(
        "d_1", call({}), gathered(), None, decide(call({}), facts())
    )


def test_an_outcome_takes_what_else_is_known_of_it() -> None:
    assert outcome_record("d_1", "t_1", 5, "ok", seen={"dur_us": 7})["dur_us"] == 7
