"""The shipped policy for a CRM, asked through the engine; what must stay closed is in `HOLES`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

import safeconduct
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.policy.loading import LocalEngine, load

POLICY = Path(safeconduct.__file__).parent / "library" / "policies" / "crm"
NOW_MS: Final = 1_762_000_000_000
DIGEST: Final = "sha256:" + "a" * 64

Answer = tuple[tuple[str, ...], tuple[str, ...]]
NOTHING: Final[Answer] = ((), ())
MISSING: Final = object()


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return load(POLICY)


def given(tool: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """The policy input of a call that is in order, with values at dotted places replaced."""
    value: dict[str, Any] = {
        "call": {
            "tool": tool,
            "upstream": tool.split(".", maxsplit=1)[0],
            "effect": "read" if tool.startswith(("crm.get", "crm.list", "crm.cust")) else "write",
            "scopes": [],
            "digest": DIGEST,
            "fields": ["stage"],
            "sizes": {"arguments": 40},
        },
        "agent": {"id": "spiffe://crm.example/agents/copilot", "tier": 2, "zone": "tier2"},
        "user": {"id": "jane@crm.example", "groups": ["sales"], "acr": None, "auth_time": 1},
        "task": {"id": "t", "purpose_source": "app", "profile": "triage-case", "counts": {}},
        "labels": {"integrity": "untrusted", "confidentiality": "internal", "categories": []},
        "provenance": {},
        "facts": {"old_amount_minor": 4_800_000, "owner": "jane@crm.example"},
        "now_ms": NOW_MS,
    }
    for place, replacement in (changes or {}).items():
        *way, last = place.split(".")
        inner = value
        for key in way:
            inner = inner.setdefault(key, {})
        if replacement is MISSING:
            inner.pop(last, None)
        else:
            inner[last] = replacement
    return value


def ask(engine: LocalEngine, value: dict[str, Any]) -> Answer:
    answer = engine.evaluate(orjson.dumps(value), NOW_MS)
    return answer.permit, tuple(rule.id for rule in answer.elevate)


AMOUNT: Final[dict[str, Any]] = {
    "call.fields": ["amount_minor"],
    "facts.delta_bps": 500,
    "facts.task_delta_bps": 500,
}
APPROVED: Final[dict[str, Any]] = AMOUNT | {
    "approval.digest": DIGEST,
    "approval.granted_at_ms": NOW_MS - 1000,
}
UPDATE: Final = "crm.update_opportunity"


# --- what the task of a sales assistant needs ----------------------------------------------------


@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize(
    "tool", ["crm.get_case", "crm.get_opportunity", "crm.list_customers", "crm.customers_on_file"]
)
def test_records_may_be_read(engine: LocalEngine, tool: str, tier: int) -> None:
    assert ask(engine, given(tool, {"agent.tier": tier})) == (("crm.read",), ())


@pytest.mark.parametrize("confidentiality", ["public", "internal", "confidential"])
def test_mail_may_be_sent(engine: LocalEngine, confidentiality: str) -> None:
    value = given("mail.send", {"labels.confidentiality": confidentiality, "agent.tier": 1})
    assert ask(engine, value) == (("mail.send",), ())


@pytest.mark.parametrize("fields", [["stage"], ["next_step"], ["close_date", "next_step", "stage"]])
def test_harmless_fields_may_be_set(engine: LocalEngine, fields: list[str]) -> None:
    assert ask(engine, given(UPDATE, {"call.fields": fields})) == (("opportunity.fields",), ())


@pytest.mark.parametrize("delta_bps", [-999, -1, 0, 1, 999])
def test_a_small_change_of_the_amount_needs_a_yes(engine: LocalEngine, delta_bps: int) -> None:
    value = given(UPDATE, AMOUNT | {"facts.delta_bps": delta_bps})
    answer = engine.evaluate(orjson.dumps(value), NOW_MS)
    assert answer.permit == ()
    assert answer.elevate == (PolicyElevate("opportunity.amount", "opportunity-amount", 300),)


@pytest.mark.parametrize("age_ms", [0, 1, 299_999])
def test_a_yes_to_exactly_this_call_permits_it(engine: LocalEngine, age_ms: int) -> None:
    value = given(UPDATE, APPROVED | {"approval.granted_at_ms": NOW_MS - age_ms})
    assert ask(engine, value) == (("opportunity.amount.approved",), ())


def test_an_approved_amount_may_come_with_harmless_fields(engine: LocalEngine) -> None:
    value = given(UPDATE, APPROVED | {"call.fields": ["amount_minor", "stage"]})
    assert ask(engine, value) == (("opportunity.amount.approved",), ())


# --- what it does not need -----------------------------------------------------------------------

HOLES: Final[dict[str, dict[str, Any]]] = {
    # The rule as first written compared `delta_pct < 0.10`.
    "minus-95-percent": APPROVED | {"facts.delta_bps": -9500},
    "minus-10-percent": APPROVED | {"facts.delta_bps": -1000},
    "plus-10-percent": APPROVED | {"facts.delta_bps": 1000},
    "many-small-changes": APPROVED | {"facts.task_delta_bps": 1500},
    "just-too-many": APPROVED | {"facts.task_delta_bps": 1000},
    "many-small-cuts": APPROVED | {"facts.task_delta_bps": -1500},
    "delta-missing": APPROVED | {"facts.delta_bps": MISSING},
    "delta-null": APPROVED | {"facts.delta_bps": None},
    "delta-text": APPROVED | {"facts.delta_bps": "5"},
    "delta-false": APPROVED | {"facts.delta_bps": False},
    "delta-list": APPROVED | {"facts.delta_bps": [5]},
    "delta-huge": APPROVED | {"facts.delta_bps": -(2**63)},
    "task-delta-missing": APPROVED | {"facts.task_delta_bps": MISSING},
    "task-delta-null": APPROVED | {"facts.task_delta_bps": None},
    "task-delta-text": APPROVED | {"facts.task_delta_bps": ""},
    "no-facts": APPROVED | {"facts": None},
    # `field != "amount"` was true for everything that is not exactly that string.
    "upper-case": {"call.fields": ["Amount_minor"]},
    "space": {"call.fields": ["amount_minor "]},
    "other-name": {"call.fields": ["amount"]},
    "look-alike": {"call.fields": ["аmount_minor"]},
    "field-in-a-list": {"call.fields": [["amount_minor"]]},
    "field-null": {"call.fields": [None]},
    "field-beside-null": {"call.fields": ["stage", None]},
    "field-number": {"call.fields": [0]},
    "fields-null": {"call.fields": None},
    "fields-text": {"call.fields": "stage"},
    "fields-object": {"call.fields": {"0": "stage"}},
    "fields-empty": {"call.fields": []},
    "fields-missing": {"call.fields": MISSING},
    "another-object": {"call.fields": ["opportunity_id"]},
    "other-field": {"call.fields": ["stage", "payment_terms"]},
    "other-field-approved": APPROVED | {"call.fields": ["amount_minor", "payment_terms"]},
    # `tier <= 2` admitted the less privileged tiers, and whatever sorts before numbers.
    "tier-1": {"agent.tier": 1},
    "tier-4": {"agent.tier": 4},
    "tier-0": {"agent.tier": 0},
    "tier-negative": {"agent.tier": -2},
    "tier-null": {"agent.tier": None},
    "tier-false": {"agent.tier": False},
    "tier-true": {"agent.tier": True},
    "tier-text": {"agent.tier": "2"},
    "tier-list": {"agent.tier": [2]},
    "tier-between": {"agent.tier": 2.5},
    "tier-missing": {"agent.tier": MISSING},
    "agent-missing": {"agent": None},
    "tier-1-approved": APPROVED | {"agent.tier": 1},
    "tier-null-approved": APPROVED | {"agent.tier": None},
    # Names match exactly.
    "other-tool": {"call.tool": "crm.delete_opportunity"},
    "other-tool-approved": APPROVED | {"call.tool": "crm.delete_opportunity"},
    "other-tool-to-approve": AMOUNT | {"call.tool": "crm.delete_opportunity"},
    "tool-upper-case": {"call.tool": "CRM.update_opportunity"},
    "tool-space": {"call.tool": "crm.update_opportunity "},
    "tool-list": {"call.tool": ["crm.update_opportunity"]},
    "tool-missing": {"call.tool": MISSING},
}


@pytest.mark.parametrize("hole", HOLES)
def test_what_must_stay_closed_stays_closed(engine: LocalEngine, hole: str) -> None:
    answer = engine.evaluate(orjson.dumps(given(UPDATE, HOLES[hole])), NOW_MS)
    # Closed by what the rules say: an error would refuse as well, but with another reason.
    assert answer == PolicyAnswer(bundle=engine.digest)


# An approval that is none leaves the question open, and answers nothing.
NO_APPROVAL: Final[dict[str, dict[str, Any]]] = {
    "future": {"approval.granted_at_ms": NOW_MS + 1},
    "far-future": {"approval.granted_at_ms": 2**53 - 1},
    "five-minutes-old": {"approval.granted_at_ms": NOW_MS - 300_000},
    "time-missing": {"approval.granted_at_ms": MISSING},
    "other-call": {"approval.digest": "sha256:" + "b" * 64},
    "no-digest": {"approval.digest": MISSING},
    "digest-null": {"approval.digest": None},
    "no-approval": {"approval": None},
}


@pytest.mark.parametrize("case", NO_APPROVAL)
def test_an_approval_that_is_none_does_not_permit(engine: LocalEngine, case: str) -> None:
    value = given(UPDATE, APPROVED | NO_APPROVAL[case])
    assert ask(engine, value) == ((), ("opportunity.amount",))


MISTYPED_APPROVAL: Final[dict[str, dict[str, Any]]] = {
    "time-null": {"approval.granted_at_ms": None},
    "time-text": {"approval.granted_at_ms": str(NOW_MS)},
    "time-false": {"approval.granted_at_ms": False},
    "now-missing": {"now_ms": MISSING},
    "now-null": {"now_ms": None},
    "both-digests-null": {"approval.digest": None, "call.digest": None},
    "both-digests-missing": {"approval.digest": MISSING, "call.digest": MISSING},
    "both-digests-numbers": {"approval.digest": 1, "call.digest": 1},
}


@pytest.mark.parametrize("case", MISTYPED_APPROVAL)
def test_a_mistyped_approval_never_permits(engine: LocalEngine, case: str) -> None:
    permit, _ = ask(engine, given(UPDATE, APPROVED | MISTYPED_APPROVAL[case]))
    assert permit == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"labels.confidentiality": "restricted"},
        {"labels.confidentiality": "Internal"},
        {"labels.confidentiality": None},
        {"labels.confidentiality": MISSING},
        {"labels.confidentiality": ["internal"]},
        {"agent.tier": 0},
        {"agent.tier": None},
        {"labels": None},
    ],
)
def test_no_mail_after_something_restricted_or_unknown(
    engine: LocalEngine, changes: dict[str, Any]
) -> None:
    assert ask(engine, given("mail.send", changes)) == NOTHING


@pytest.mark.parametrize(
    "changes",
    [{"call.effect": "execute"}, {"call.effect": MISSING}, {"agent.tier": None}, {"agent.tier": 4}],
)
def test_reading_needs_a_reviewed_tool_and_a_known_tier(
    engine: LocalEngine, changes: dict[str, Any]
) -> None:
    assert ask(engine, given("crm.get_case", changes)) == NOTHING


def test_other_tools_are_nobodys(engine: LocalEngine) -> None:
    assert ask(engine, given("warehouse.query", {"call.effect": "read"})) == NOTHING


def test_nothing_of_the_library_is_unsafe(engine: LocalEngine) -> None:
    assert engine.unsafe == ()


def test_which_tiers_may_do_what_is_data(tmp_path: Path) -> None:
    copy = shutil.copytree(POLICY, tmp_path / "policy")
    path = copy / "data" / "crm.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["tiers"]["fields"] = [1, 2, 3]
    path.write_text(json.dumps(data), encoding="utf-8")
    engine = load(copy)
    assert ask(engine, given(UPDATE, {"agent.tier": 1})) == (("opportunity.fields",), ())
    assert ask(engine, given(UPDATE, APPROVED | {"agent.tier": 1})) == NOTHING
