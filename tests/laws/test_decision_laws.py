"""What holds of every decision, whatever the call and the facts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.core.asking import ASKED_SOURCE, CONTROL_SOURCE, STEERING
from safeconduct.core.checks import FIRST
from safeconduct.core.decide import LACKING, decide, merge
from safeconduct.core.labels import Label
from safeconduct.core.manifest import Effect
from safeconduct.core.model import Call, Facts, Finding
from safeconduct.core.obligations import NO_DEMANDS, Constant, Demands, completed, together
from safeconduct.core.provenance import vouched_for
from safeconduct.core.request import request, request_origin
from safeconduct.core.screen import screen
from safeconduct.core.verdict import Deny, Elevate, Permit, Verdict
from safeconduct.origins import CONSTANT
from tests.support.facts import CLAIMED, DIGEST
from tests.support.strategies import (
    BUDGETS,
    SCOPES,
    anything,
    failures,
    findings,
    flows,
    obliged,
    questions,
    slight_labels,
    wide_labels,
)

Situation = tuple[Call, Facts]


def verdict(call: Call, facts: Facts) -> Verdict:
    return decide(call, facts).verdict


def strictness(said: Verdict) -> int:
    return (Permit, Elevate, Deny).index(type(said))


CHOICES = (None, "single-source", "trusted-field", "named-field", "named-object")


def choice(said: Permit) -> int:
    return CHOICES.index(said.grant.chosen)


def with_task(facts: Facts, **changes: Any) -> Facts:
    task = replace(facts.gathered.task, **changes)
    return replace(facts, gathered=replace(facts.gathered, task=task))


def assert_no_laxer(stricter: Verdict, than: Verdict) -> None:
    """Refuses what was refused, asks for what was asked for, and grants no longer."""
    assert strictness(stricter) >= strictness(than)
    if isinstance(stricter, Elevate) and isinstance(than, Elevate):
        assert set(than.requirement.sources) <= set(stricter.requirement.sources)
        assert stricter.requirement.ttl_s <= than.requirement.ttl_s
    if isinstance(stricter, Permit) and isinstance(than, Permit):
        assert stricter.grant.expires_ms <= than.grant.expires_ms
        assert choice(stricter) <= choice(than)
        assert stricter.obligations == than.obligations


REFUSALS = {
    "tenant-mismatch", "agent-unregistered", "task-revoked", "task-ended", "token-expired",
    "tool-unknown", "scope-missing", "definition-changed", "purpose-unattested",
    "arguments-invalid", "zone-denied", "zone-label", "budget-exhausted", "refusals-exhausted",
    "reattestation-needed", "outcome-unknown", "flow-mixed", "flow-confidentiality", "flow-readers",
    "control-argument-unvouched", "destination-not-allowed", "category-refused",
    "content-secret", "inspector-failed", "policy-error", "facts-unavailable", "policy-denied",
    "approval-denied", "query-unbound", "constraint-unmet", "call-unanchored",
    "content-unvouched", "content-fingerprint",
}  # fmt: skip


def test_the_laws_look_at_every_verdict_and_every_refusal() -> None:
    seen: set[type[Verdict]] = set()
    codes: set[str] = set()

    @settings(derandomize=True, database=None, max_examples=1_200, phases=(Phase.generate,))
    @given(anything)
    def look(situation: Situation) -> None:
        decision = decide(*situation)
        seen.add(type(decision.verdict))
        codes.update(one.said.code for one in decision.answers if isinstance(one.said, Deny))

    look()
    assert seen == {Permit, Elevate, Deny}
    assert codes == REFUSALS


@given(anything, wide_labels)
def test_more_taint_never_permits_more(situation: Situation, more: Label) -> None:
    call, facts = situation
    tainted = with_task(facts, labels=facts.gathered.task.labels.join(more))
    assert_no_laxer(verdict(call, tainted), verdict(call, facts))


@settings(max_examples=300)
@given(flows(), slight_labels)
def test_a_little_taint_where_only_labels_decide_never_permits_more(
    situation: Situation, more: Label
) -> None:
    call, facts = situation
    tainted = with_task(facts, labels=facts.gathered.task.labels.join(more))
    assert_no_laxer(verdict(call, tainted), verdict(call, facts))


@given(anything, st.frozensets(st.sampled_from(SCOPES)))
def test_fewer_scopes_never_permit_more(situation: Situation, kept: frozenset[str]) -> None:
    call, facts = situation
    narrower = with_task(facts, scopes=facts.gathered.task.scopes & kept)
    assert_no_laxer(verdict(call, narrower), verdict(call, facts))


@given(anything, st.dictionaries(st.sampled_from(BUDGETS), st.integers(0, 12)))
def test_smaller_budgets_never_permit_more(situation: Situation, most: dict[str, int]) -> None:
    call, facts = situation
    budgets = facts.gathered.task.budgets
    smaller = {name: min(bound, budgets.get(name, bound)) for name, bound in most.items()}
    narrower = with_task(facts, budgets={**budgets, **smaller})
    assert_no_laxer(verdict(call, narrower), verdict(call, facts))


@given(anything, st.integers(0, 100_000), st.integers(0, 100_000))
def test_an_earlier_end_never_permits_more(situation: Situation, task: int, token: int) -> None:
    call, facts = situation
    sooner = with_task(facts, expires_ms=facts.gathered.task.expires_ms - task)
    ends = facts.gathered.token_expires_ms - token
    sooner = replace(sooner, gathered=replace(sooner.gathered, token_expires_ms=ends))
    assert_no_laxer(verdict(call, sooner), verdict(call, facts))


@given(anything, st.integers(0, 3), st.integers(0, 5))
def test_less_patience_and_more_spent_never_permit_more(
    situation: Situation, bound: int, spent: int
) -> None:
    call, facts = situation
    task = facts.gathered.task
    narrower = with_task(
        facts,
        max_refusals=min(bound, task.max_refusals),
        counts={name: task.counts.get(name, 0) + spent for name in BUDGETS},
    )
    assert_no_laxer(verdict(call, narrower), verdict(call, facts))


@given(anything, findings, failures)
def test_findings_and_failures_never_permit_more(
    situation: Situation, seen: tuple[Finding, ...], failed: tuple[str, ...]
) -> None:
    call, facts = situation
    worse = replace(facts, findings=facts.findings + seen, failures=facts.failures + failed)
    assert_no_laxer(verdict(call, worse), verdict(call, facts))
    if failed:
        assert isinstance(verdict(call, worse), Deny)


def unanchored(said: Verdict) -> bool:
    """Whether a call is refused or asked about as nothing that the request names steers it."""
    if isinstance(said, Elevate):
        return ASKED_SOURCE in said.requirement.sources
    return said == Deny("call-unanchored")


def obeyed(call: Call, facts: Facts) -> Verdict:
    """The verdict on what is sent: a call that lacks only what rules demand is judged once more."""
    first = decide(call, facts)
    if not first.sets:
        return first.verdict
    again = replace(
        call,
        arguments=completed(call.arguments, first.sets),
        constrained=tuple(".".join(one.path) for one in first.sets),
    )
    whole = {path for path in again.constrained if "." not in path}
    known = replace(facts, provenance={**facts.provenance, **dict.fromkeys(whole, CONSTANT)})
    second = decide(again, known)
    assert not second.sets
    return second.verdict


@given(anything, obliged)
def test_an_obligation_never_makes_a_verdict_laxer(situation: Situation, more: Demands) -> None:
    call, facts = situation
    demands = together((facts.policy.demands, more))
    stricter = replace(facts, policy=replace(facts.policy, demands=demands))
    bare = replace(facts, policy=replace(facts.policy, demands=NO_DEMANDS))
    said, free, less = (obeyed(call, known) for known in (stricter, bare, facts))
    for other in (free, less):
        # What the policy puts into a call is the policy's choice, so it anchors the call.
        anchors = unanchored(other) and decide(call, stricter).sets != ()
        assert anchors or strictness(said) >= strictness(other)
    if isinstance(said, Permit) and isinstance(free, Permit):
        assert said.grant.expires_ms <= free.grant.expires_ms
        assert decide(call, stricter).sets or choice(said) <= choice(free)
        assert len(said.obligations) >= len(free.obligations)


@given(anything)
def test_what_rules_demand_holds_of_whatever_is_permitted_or_asked_about(
    situation: Situation,
) -> None:
    call, facts = situation
    if isinstance(verdict(call, facts), Deny):
        return
    held = {"task.tenant": "crm.example", "user.id": "jane@crm.example"}
    for one in facts.policy.demands.constrain:
        value: Any = call.arguments
        for name in one.path:
            value = value[name]
        wanted = one.value.const if isinstance(one.value, Constant) else held[one.value]
        assert (type(value), value) == (type(wanted), wanted)


@given(anything)
def test_whoever_ignores_what_is_to_be_set_refuses(situation: Situation) -> None:
    decision = decide(*situation)
    assert not decision.sets or decision.verdict in {Deny(code) for code in LACKING}


@given(anything)
def test_a_permit_names_one_tool_one_digest_and_one_end(situation: Situation) -> None:
    call, facts = situation
    said = verdict(call, facts)
    if not isinstance(said, Permit):
        return
    grant, known = said.grant, facts.gathered
    assert (grant.target, grant.digest) == (call.target, call.digest)
    assert known.now_ms < grant.expires_ms <= known.now_ms + 60_000
    assert grant.expires_ms <= min(known.token_expires_ms, known.task.expires_ms)
    assert grant.scopes
    assert set(grant.scopes) <= known.task.scopes


@given(anything)
def test_same_call_and_facts_same_decision_here_and_after_a_journey(situation: Situation) -> None:
    call, facts = situation
    first = decide(call, facts)
    assert decide(call, facts) == first
    call_again = msgspec.json.decode(msgspec.json.encode(call), type=Call)
    facts_again = msgspec.json.decode(msgspec.json.encode(facts), type=Facts)
    assert (call_again, facts_again) == (call, facts)
    assert decide(call_again, facts_again) == first


@given(anything)
def test_any_refusal_beats_all_and_questions_merge(situation: Situation) -> None:
    decision = decide(*situation)
    said = [answer.said for answer in decision.answers]
    denies = [one for one in said if isinstance(one, Deny)]
    elevates = [one.requirement for one in said if isinstance(one, Elevate)]
    if denies:
        assert decision.verdict == denies[0]
    elif isinstance(decision.verdict, Elevate):
        assert decision.verdict.requirement == merge(tuple(elevates))
        assert set(decision.verdict.requirement.sources) == {
            source for one in elevates for source in one.sources
        }
        assert decision.verdict.requirement.ttl_s == min(one.ttl_s for one in elevates)
    else:
        assert isinstance(decision.verdict, Permit)
        assert not elevates or decision.verdict.grant.approval is not None


@given(anything)
def test_whatever_is_screened_out_would_be_refused_for_the_same_reason(
    situation: Situation,
) -> None:
    call, facts = situation
    screened, decided = screen(call, facts.gathered), decide(call, facts)
    if screened is None:
        assert all(answer.said is None for answer in decided.answers[: len(FIRST)])
        return
    assert screened.verdict == decided.verdict
    asked = [answer for answer in screened.answers if answer.evaluated]
    assert asked == list(decided.answers[: len(asked)])
    assert [answer.check for answer in screened.answers] == [
        answer.check for answer in decided.answers
    ]


@settings(max_examples=300)
@given(questions())
def test_a_yes_answers_only_its_own_question(situation: Situation) -> None:
    call, facts = situation
    without = verdict(call, replace(facts, approval=None))
    said = verdict(call, facts)
    approval = facts.approval
    if strictness(said) >= strictness(without):
        return
    # It got further than without a person, so the person said yes: to this, in time, knowing all.
    assert approval is not None
    assert approval.state == "granted"
    assert approval.digest == call.digest == DIGEST
    assert 0 <= facts.gathered.now_ms - approval.granted_ms < approval.ttl_s * 1000
    assert facts.gathered.task.labels <= approval.labels
    if isinstance(without, Deny):
        # What a person may have been asked about when a rule still asked: who steers the call.
        assert without.code in STEERING
        assert CONTROL_SOURCE in approval.sources
    if isinstance(said, Permit):
        assert said.grant.approval == approval.id
        asked = [
            source
            for answer in decide(call, facts).answers
            if isinstance(answer.said, Elevate)
            for source in answer.said.requirement.sources
        ]
        assert asked
        assert set(asked) <= set(approval.sources)


@given(questions() | anything)
def test_a_no_refuses_whatever_else_is_known(situation: Situation) -> None:
    call, facts = situation
    approval = facts.approval
    if approval is not None and approval.state == "denied" and approval.digest == call.digest:
        assert isinstance(verdict(call, facts), Deny)


@given(anything)
def test_the_agent_s_own_purpose_never_vouches(situation: Situation) -> None:
    call, facts = situation
    claimed = {name: known + CLAIMED for name, known in facts.provenance.items()}
    silent = {
        name: tuple(origin for origin in known if origin not in CLAIMED)
        for name, known in facts.provenance.items()
    }
    assert decide(call, replace(facts, provenance=claimed)) == decide(
        call, replace(facts, provenance=silent)
    )


@given(anything)
def test_on_the_agent_s_own_word_nothing_changes(situation: Situation) -> None:
    call, facts = situation
    alone = with_task(facts, purpose_source="agent")
    said = verdict(call, alone)
    if alone.gathered.tool.effect is not Effect.read:
        assert isinstance(said, Deny)
    assert strictness(said) >= strictness(verdict(call, facts))


values = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C", "P", "S")), min_size=1)


@given(values, st.sampled_from(("Write to {}", "{}: write", "Ask ({}), now", "'{}'")))
def test_a_named_value_is_found_exactly_and_the_agent_s_word_is_the_agent_s(
    value: str, purpose: str
) -> None:
    asked = purpose.format(f"{value}-7")
    # A common word alone names nothing.
    by_user, by_agent = (
        request_origin(asked, who, f"{value}-7", "object-id") for who in ("user", "agent")
    )
    assert by_user is not None
    assert vouched_for([by_user])
    assert by_agent is not None
    assert not vouched_for([by_agent])


@given(values, values)
def test_another_value_is_not_named(value: str, other: str) -> None:
    if other not in (value, "Write", "to"):
        assert request_origin(f"Write to {value}", "user", other, "object-id") is None


@given(st.text())
def test_words_are_parts_of_the_request_without_white_space(purpose: str) -> None:
    for word in request(purpose).words:
        assert word
        assert word.rstrip(".") in purpose
        assert word.split() == [word]


@pytest.mark.parametrize(
    "near",
    [
        "Dana@customer.example",
        "DANA@CUSTOMER.EXAMPLE",
        "dana@customer.example ",
        " dana@customer.example",
        "dana @customer.example",
        "dаna@customer.example",
        "dana@customer.example\u200b",
        "dana＠customer.example",
        "ana@customer.example",
        "dana@customer.exampl",
        "dana",
        "customer.example",
        "",
    ],
)
def test_what_only_looks_like_a_named_value_is_not_named(near: str) -> None:
    asked = "Write to dana@customer.example, please."
    assert request_origin(asked, "user", near, "object-id") is None
    assert request_origin(asked, "user", "dana@customer.example", "object-id") is not None
