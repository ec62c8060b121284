"""What an elevation covers, and what a bypass leaves unasked."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.approvers import Party
from safeconduct.core.asking import ASKED_SOURCE
from safeconduct.core.decide import decide
from safeconduct.core.elevation import Bypass, Elevation
from safeconduct.core.elevations import bypassing, covering, steering
from safeconduct.core.labels import BOTTOM
from safeconduct.core.manifest import Argument
from safeconduct.core.record import decision_record
from safeconduct.core.verdict import Elevate, Permit, Requirement
from tests.support.facts import (
    ASKED_USER,
    ASKING,
    NOW_MS,
    TAINTED,
    call,
    facts,
    manifest,
    task,
    tool,
)

SHOWN: dict[str, Any] = {"id": "D-7", "amount_minor": 500, "to": ["a@x", "b@x"], "next_step": "go"}
STEERS, MOST = steering(SHOWN, manifest())
GIVEN = Elevation(
    id="e_1",
    tool="crm.update_deal",
    sources=("policy:discount", ASKED_SOURCE),
    parties=ASKED_USER,
    left=2,
    until_ms=NOW_MS + 1,
    labels=BOTTOM,
    steers=STEERS,
    most=MOST,
)
PARTY = ASKED_USER[0]
OFFER = Requirement(
    templates=("offer",), sources=("policy:discount",), ttl_s=120, parties=ASKED_USER
)


def covers(arguments: dict[str, Any], given: Elevation = GIVEN, **known: Any) -> bool:
    wanted = known.pop("wanted", OFFER)
    return covering(call(arguments), facts(elevations=(given,), **known), wanted) is given


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"next_step": "something else"},
        {"amount_minor": 499},
        {"to": ["b@x"]},
        {"more": "content that nobody declared"},
    ],
)
def test_more_of_the_same_is_covered_and_less(changed: dict[str, Any]) -> None:
    assert covers({**SHOWN, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "D-8"},
        {"amount_minor": 501},
        {"amount_minor": -1},
        {"amount_minor": "much"},
        {"amount_minor": None},
        {"to": ["a@x", "c@x"]},
        {"to": []},
        {"account": "ours"},
    ],
)
def test_what_was_not_shown_is_not(changed: dict[str, Any]) -> None:
    assert not covers({**SHOWN, **changed})


def test_what_steers_cannot_be_left_out() -> None:
    assert not covers({"id": "D-7", "to": ["a@x"], "next_step": "go"})
    assert not covers({"amount_minor": 1, "to": ["a@x"]})


@pytest.mark.parametrize(
    "given",
    [
        {"left": 0},
        {"until_ms": NOW_MS},
        {"tool": "crm.delete_deal"},
        {"parties": (Party("desk"),)},
        {"sources": (ASKED_SOURCE,)},
    ],
)
def test_one_that_is_over_or_another_does_not_hold(given: dict[str, Any]) -> None:
    assert not covers(SHOWN, replace(GIVEN, **given))


def test_it_ends_when_the_task_has_read_something_worse() -> None:
    assert not covers(SHOWN, task=task(labels=TAINTED))
    assert covers(SHOWN, replace(GIVEN, labels=TAINTED), task=task(labels=TAINTED))


def test_no_tool_is_never_covered() -> None:
    assert not covers(SHOWN, tool=tool(manifest=None))


def test_an_open_one_covers_other_values_but_no_doubts_about_values() -> None:
    given = replace(GIVEN, open=True)
    assert covers({**SHOWN, "id": "D-8", "to": ["c@x"]}, given)
    assert not covers({**SHOWN, "account": "ours"}, given)
    assert not covers({**SHOWN, "amount_minor": 501}, given)
    doubted = replace(OFFER, sources=(ASKED_SOURCE,))
    assert covers(SHOWN, wanted=doubted)
    assert not covers(SHOWN, given, wanted=doubted)


def test_a_permit_names_the_elevation_that_it_takes_a_call_of() -> None:
    plain = {"id": "D-7", "next_step": "go"}
    steers, most = steering(plain, manifest())
    given = replace(GIVEN, steers=steers, most=most)
    other = replace(given, id="e_0", tool="crm.delete_deal")
    asked, known = call(plain), facts(policy=ASKING, elevations=(other, given))
    decision = decide(asked, known)
    assert isinstance(decision.verdict, Permit)
    assert (decision.verdict.grant.elevation, decision.verdict.grant.approval) == ("e_1", None)
    # It is on record with what it was given for.
    record = decision_record("d_1", asked, known.gathered, known, decision)
    assert (record["elevation"], record["approved"]) == ("e_1", sorted(given.sources))


def test_a_bypass_asks_nobody_about_its_names_for_a_time() -> None:
    until = Bypass("b_1", frozenset({"offer"}), NOW_MS + 1, party=PARTY)
    verdict = decide(call(), facts(policy=ASKING, bypasses=(until,))).verdict
    assert isinstance(verdict, Permit)
    assert verdict.grant.bypass == "b_1"
    for over in (replace(until, until_ms=NOW_MS), replace(until, templates=frozenset({"other"}))):
        assert isinstance(decide(call(), facts(policy=ASKING, bypasses=(over,))).verdict, Elevate)


@pytest.mark.parametrize("source", [ASKED_SOURCE, "sink:destination", "review"])
def test_no_bypass_lifts_a_doubt_about_values(source: str) -> None:
    known = facts(bypasses=(Bypass("b_1", frozenset({"offer"}), NOW_MS + 1, "kim", PARTY),))
    wanted = replace(OFFER, sources=("policy:discount", source))
    assert bypassing(known, wanted) is None
    assert bypassing(known, OFFER) is not None


def test_no_bypass_is_good_for_who_gave_it() -> None:
    given = Bypass("b_1", frozenset({"offer"}), NOW_MS + 1, facts().gathered.user.id, PARTY)
    assert bypassing(facts(bypasses=(given,)), OFFER) is None


@pytest.mark.parametrize(
    "parties",
    [
        (replace(PARTY, count=2),),
        (replace(PARTY, keys="device-bound"),),
        (replace(PARTY, who="law"),),
        (PARTY, Party("law")),
    ],
)
def test_a_bypass_waives_no_more_than_its_party_could_agree_to(parties: tuple[Party, ...]) -> None:
    given = Bypass("b_1", frozenset({"offer"}), NOW_MS + 1, "kim", PARTY)
    assert bypassing(facts(bypasses=(given,)), OFFER) is given
    assert bypassing(facts(bypasses=(given,)), replace(OFFER, parties=parties)) is None
    # Of one that does not say whose it is, nothing is known.
    unknown = facts(bypasses=(replace(given, party=None),))
    assert bypassing(unknown, replace(OFFER, parties=parties)) is None
    assert bypassing(unknown, OFFER) is None


def test_values_of_other_types_and_queries_are_told_apart() -> None:
    known = manifest(arguments={"id": Argument(role="object-id"), "q": Argument(role="query")})
    values: list[object] = [None, "", 1, "1", True, ["1", "2"], "a", {"id": "1"}]
    for name in ("id", "q"):
        seen = [steering({name: value}, known)[0][name] for value in values]
        assert len(set(seen)) == len(values)
