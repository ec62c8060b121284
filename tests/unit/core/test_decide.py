from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.approvers import Offer, Party, Template
from safeconduct.core.asking import ASKED_SOURCE, CONTROL_SOURCE
from safeconduct.core.decide import GRANT_MS, covers, decide, merge
from safeconduct.core.manifest import Effect, Returns, Rows
from safeconduct.core.model import ApprovalFacts, Finding
from safeconduct.core.obligations import Constrain, Demands, Setting
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.provenance import Origin
from safeconduct.core.subgrants import Given, SubGrant
from safeconduct.core.verdict import (
    Deny,
    Elevate,
    Grant,
    OwnRows,
    Permit,
    Redact,
    Requirement,
    Spotlight,
)
from tests.support.facts import (
    ASKED,
    ASKED_USER,
    ASKING,
    CLAIMED,
    DIGEST,
    NOW_MS,
    OTHER_DIGEST,
    TAINTED,
    agent,
    approval,
    call,
    facts,
    task,
    tool,
)
from tests.support.facts import (
    followed as earlier,
)

OFFER = Requirement(
    templates=("offer",), sources=("policy:discount",), ttl_s=120, parties=ASKED_USER
)


def granted(**overrides: Any) -> Grant:
    known: dict[str, Any] = {
        "target": "crm.update_deal",
        "digest": DIGEST,
        "expires_ms": NOW_MS + 60_000,
        "scopes": ("deal:update",),
        "chosen": "named-object",
        **overrides,
    }
    return Grant(**known)


def test_ten_checks_without_an_objection_make_a_permit() -> None:
    decision = decide(call(), facts())
    assert decision.verdict == Permit(granted(), (Redact(("secret.",)),))
    assert [(answer.check, answer.said, answer.evaluated) for answer in decision.answers] == [
        (name, None, True)
        for name in (
            "delegation", "tool", "zone", "budget", "flow", "sink", "content", "review",
            "policy", "elevation",
        )
    ]  # fmt: skip


def test_every_check_answers_and_the_first_refusal_is_told() -> None:
    known = facts(
        zone=None,
        agent=agent(approval_scopes=frozenset({"deal:update"})),
        findings=(Finding("secret.token", ("next_step",), 0, 4),),
        policy=PolicyAnswer(),
    )
    decision = decide(call(), known)
    assert decision.verdict == Deny("zone-denied")
    said = {answer.check: answer.said for answer in decision.answers if answer.said is not None}
    assert said == {
        "zone": Deny("zone-denied"),
        "content": Deny("content-secret"),
        "policy": Deny("policy-denied"),
        "elevation": Elevate(
            Requirement(templates=("scope",), sources=("scope:deal:update",), ttl_s=300)
        ),
    }


def test_a_refusal_beats_a_yes() -> None:
    known = facts(policy=ASKING, approval=approval(), failures=("inspector",))
    assert decide(call(), known).verdict == Deny("inspector-failed")


def test_elevates_merge_into_one_question_with_the_shortest_time() -> None:
    known = facts(
        agent=agent(approval_scopes=frozenset({"deal:update"})),
        policy=ASKING,
        provenance={},
        task=task(labels=TAINTED),
    )
    assert decide(call(), known).verdict == Elevate(
        Requirement(
            templates=("control-argument", "offer", "scope"),
            sources=(CONTROL_SOURCE, "policy:discount", "scope:deal:update"),
            ttl_s=120,
            parties=ASKED_USER,
        )
    )


def test_merging_keeps_each_source_once() -> None:
    other = Requirement(templates=("offer", "bulk"), sources=("policy:bulk",), ttl_s=60)
    assert merge((OFFER,)) == OFFER
    assert merge((OFFER, other, OFFER)) == Requirement(
        templates=("bulk", "offer"),
        sources=("policy:bulk", "policy:discount"),
        ttl_s=60,
        parties=ASKED_USER,
    )


def test_a_yes_to_this_very_call_turns_the_question_into_a_permit_and_is_used_up() -> None:
    decision = decide(call(), facts(policy=ASKING, approval=approval()))
    assert decision.verdict == Permit(granted(approval="a_1"), (Redact(("secret.",)),))


@pytest.mark.parametrize(
    "given",
    [
        None,
        approval(sources=()),
        approval(sources=("scope:deal:update",)),
        approval(digest=OTHER_DIGEST),
        approval(state="pending"),
        approval(granted_ms=NOW_MS + 1),
        approval(granted_ms=NOW_MS - 120_000),
    ],
)
def test_a_yes_to_anything_else_leaves_the_question_open(given: ApprovalFacts | None) -> None:
    known = facts(policy=ASKING, approval=given)
    assert not covers(call(), known, OFFER)
    assert decide(call(), known).verdict == Elevate(OFFER)


@pytest.mark.parametrize("granted_ms", [NOW_MS, NOW_MS - 119_999])
def test_a_yes_counts_from_its_moment_until_its_time_is_up(granted_ms: int) -> None:
    known = facts(policy=ASKING, approval=approval(granted_ms=granted_ms))
    assert covers(call(), known, OFFER)


def test_a_yes_to_a_part_leaves_the_whole_question_open() -> None:
    known = facts(
        policy=ASKING, approval=approval(), agent=agent(approval_scopes=frozenset({"deal:update"}))
    )
    verdict = decide(call(), known).verdict
    assert isinstance(verdict, Elevate)
    assert verdict.requirement.sources == ("policy:discount", "scope:deal:update")


def test_labels_that_rose_since_the_yes_make_it_another_question() -> None:
    known = facts(policy=ASKING, approval=approval(), task=task(labels=TAINTED))
    assert decide(call(), known).verdict == Elevate(OFFER)
    looked = facts(policy=ASKING, approval=approval(labels=TAINTED), task=task(labels=TAINTED))
    assert isinstance(decide(call(), looked).verdict, Permit)
    assert isinstance(
        decide(call(), facts(policy=ASKING, approval=approval(labels=TAINTED))).verdict, Permit
    )


def test_a_no_beats_the_question() -> None:
    known = facts(policy=ASKING, approval=approval(state="denied"))
    assert decide(call(), known).verdict == Deny("approval-denied")


def test_a_yes_that_a_rule_may_have_relied_on_is_used_up_as_well() -> None:
    verdict = decide(call(), facts(approval=approval())).verdict
    assert isinstance(verdict, Permit)
    assert verdict.grant.approval == "a_1"


@pytest.mark.parametrize(
    ("changed", "expires_ms"),
    [
        ({}, NOW_MS + GRANT_MS),
        ({"token_expires_ms": NOW_MS + 5}, NOW_MS + 5),
        ({"task": task(expires_ms=NOW_MS + 7)}, NOW_MS + 7),
    ],
)
def test_a_grant_ends_with_its_minute_its_token_or_its_task(
    changed: dict[str, Any], expires_ms: int
) -> None:
    verdict = decide(call(), facts(**changed)).verdict
    assert isinstance(verdict, Permit)
    assert verdict.grant.expires_ms == expires_ms


@pytest.mark.parametrize(
    ("provenance", "chosen"),
    [
        ({"id": ASKED}, "named-object"),
        ({"id": (Origin("trusted-field", "crm.get_case:deal_id"),)}, "trusted-field"),
        ({"id": (Origin("single-source", "crm.get_case:body"),)}, "single-source"),
        ({"id": CLAIMED}, None),
    ],
)
def test_a_grant_says_by_whose_choice_the_result_comes(
    provenance: dict[str, Any], chosen: str | None
) -> None:
    known = facts(provenance=provenance, tool=tool(effect=Effect.read))
    verdict = decide(call({"id": "D-7"}), known).verdict
    assert isinstance(verdict, Permit)
    assert verdict.grant.chosen == chosen


FOUND = (Origin("single-source", "crm.get_case:body"),)


def test_a_grant_says_where_it_goes_on_with_an_earlier_yes() -> None:
    known = facts(
        provenance={"id": FOUND},
        task=task(labels=TAINTED),
        tool=tool(unvouched="ask"),
        followed=earlier(wheres=frozenset({"crm.get_case:body"})),
    )
    verdict = decide(call({"id": "D-7"}), known).verdict
    assert isinstance(verdict, Permit)
    assert verdict.grant.follows
    alone = decide(call({"id": "D-7"}), replace(known, followed=None)).verdict
    assert isinstance(alone, Elevate)
    assert alone.requirement.sources == (ASKED_SOURCE,)
    assert alone.requirement.origins == {"id": ("crm.get_case:body",)}
    named = decide(call({"id": "D-7"}), replace(known, provenance={"id": ASKED})).verdict
    assert isinstance(named, Permit)
    assert not named.grant.follows


def test_a_grant_says_which_sub_grants_it_rests_on() -> None:
    led = {"id": (Origin("sub-granted", "sub-grant 3"),)}
    given = Given(
        3, SubGrant(source="x.y", object="1", tools=("crm.update_deal",), count=1, minutes=1), 1, 9
    )
    for subgrants, used in (((given,), (3,)), ((), ())):
        verdict = decide(
            call({"id": "D-7"}), facts(provenance=led, task=task(subgrants=subgrants))
        ).verdict
        assert isinstance(verdict, Permit)
        assert verdict.grant.subgrants == used


def test_what_the_manifest_wants_marked_is_marked_with_its_source() -> None:
    verdict = decide(call(), facts(tool=tool(spotlight="delimit"))).verdict
    assert isinstance(verdict, Permit)
    assert verdict.obligations == (Redact(("secret.",)), Spotlight("crm"))


def test_what_a_rule_wants_redacted_or_marked_is_too() -> None:
    both = PolicyAnswer(permit=("all",), demands=Demands(redact=("pii", "pay"), spotlight=True))
    verdict = decide(call(), facts(policy=both)).verdict
    assert isinstance(verdict, Permit)
    assert verdict.obligations == (
        Redact(("secret.", "pii.", "pay."), ("pii", "pay")),
        Spotlight("crm"),
    )
    assert verdict.result_only


def test_rows_are_held_against_the_task_s_tenant_whatever_else_is_to_be_done() -> None:
    rowed = tool(returns=Returns(rows=Rows(at="rows", tenant="tenant_id")))
    verdict = decide(call(), facts(tool=rowed)).verdict
    assert isinstance(verdict, Permit)
    assert verdict.obligations == (
        OwnRows("rows", "tenant_id", "crm.example"),
        Redact(("secret.",)),
    )
    assert verdict.result_only
    assert not Permit(granted(), (Redact(("secret.",)), Spotlight("crm"))).result_only


OWN = Demands(constrain=(Constrain(("account",), "task.tenant"), Constrain(("find",), "user.id")))
OBLIGED = PolicyAnswer(permit=("all",), demands=OWN)
SETS = (Setting(("account",), "crm.example"), Setting(("find",), "jane@crm.example"))


def test_a_call_that_lacks_only_what_a_rule_demands_is_refused_and_told_what() -> None:
    decision = decide(call({}), facts(policy=OBLIGED))
    assert (decision.verdict, decision.sets) == (Deny("constraint-unmet"), SETS)
    half = decide(call({"account": "crm.example"}), facts(policy=OBLIGED))
    assert half.sets == SETS[1:]


def test_a_call_with_what_a_rule_demands_is_permitted() -> None:
    complete = {"account": "crm.example", "find": "jane@crm.example"}
    decision = decide(call(complete, constrained=("find",)), facts(policy=OBLIGED))
    assert isinstance(decision.verdict, Permit)
    assert decision.sets == ()


@pytest.mark.parametrize(
    ("arguments", "known", "constrained"),
    [
        ({"account": "other.example"}, {}, ()),
        ({}, {}, ("account",)),
        ({}, {"zone": None}, ()),
        ({}, {"policy": PolicyAnswer(deny=("no",), demands=OWN)}, ()),
    ],
)
def test_nothing_is_set_twice_or_in_a_call_that_is_refused_anyway(
    arguments: dict[str, Any], known: dict[str, Any], constrained: tuple[str, ...]
) -> None:
    decision = decide(
        call(arguments, constrained=constrained), facts(**{"policy": OBLIGED, **known})
    )
    assert isinstance(decision.verdict, Deny)
    assert decision.sets == ()


def test_a_template_says_who_is_asked_how_long_and_what_is_offered() -> None:
    refund = Template(
        parties=(Party("desk", 2),), ttl_s=60, wait_s=900, offers=Offer(calls=3, minutes=5)
    )
    verdict = decide(call(), facts(policy=ASKING, templates={"offer": refund})).verdict
    assert verdict == Elevate(
        replace(OFFER, parties=(Party("desk", 2),), ttl_s=60, wait_s=900, offers=refund.offers)
    )


def test_a_rule_that_says_who_is_asked_beats_its_template() -> None:
    rule = PolicyElevate("discount", "offer", 120, (Party("law"),))
    known = facts(
        policy=PolicyAnswer(elevate=(rule,)),
        templates={"offer": Template(parties=(Party("desk"),))},
    )
    verdict = decide(call(), known).verdict
    assert isinstance(verdict, Elevate)
    assert verdict.requirement.parties == (Party("law"),)


def test_a_yes_of_fewer_than_are_asked_now_is_none() -> None:
    known = facts(
        policy=ASKING, approval=approval(), templates={"offer": Template(parties=(Party("desk"),))}
    )
    assert isinstance(decide(call(), known).verdict, Elevate)
    agreed = replace(known, approval=approval(parties=(Party("desk", 2), Party())))
    assert isinstance(decide(call(), agreed).verdict, Permit)
