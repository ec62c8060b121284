from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.asking import ADDRESS_SOURCE
from safeconduct.core.checks.sink import RESOLVER, sink
from safeconduct.core.labels import Label
from safeconduct.core.manifest import Argument, Effect, Needs, Sink
from safeconduct.core.provenance import Origin, Place
from safeconduct.core.verdict import Deny, Elevate
from tests.support.facts import ASKED, CLAIMED, call, facts, followed, task, tool

DANA, SAM, EVE = "dana@customer.example", "sam@customer.example", "eve@evil.example"
ALLOWED = {"recipients": frozenset({DANA, SAM}), "destinations": frozenset({"archive"})}
REFUSED = Deny("destination-not-allowed")


def test_a_call_without_addresses_passes() -> None:
    assert sink(call(), facts()) is None


@pytest.mark.parametrize(
    "arguments",
    [{"to": DANA}, {"to": [DANA, SAM]}, {"into": "archive"}, {"to": [DANA], "into": ["archive"]}],
)
def test_an_address_on_the_list_passes(arguments: dict[str, Any]) -> None:
    assert sink(call(arguments), facts(allowed=ALLOWED)) is None


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": EVE},
        {"to": [DANA, EVE]},
        {"to": []},
        {"to": DANA.upper()},
        {"to": f"{DANA} "},
        {"to": "dаna@customer.example"},
        {"to": [None]},
        {"to": {"address": DANA}},
        {"into": DANA},
        {"to": "archive"},
        {"to": DANA, "into": "elsewhere"},
    ],
)
def test_any_other_address_is_refused(arguments: dict[str, Any]) -> None:
    assert sink(call(arguments), facts(allowed=ALLOWED)) == REFUSED


def test_without_a_list_nobody_is_allowed() -> None:
    assert sink(call({"to": DANA}), facts()) == REFUSED


def test_an_address_in_the_user_s_request_passes_by_itself() -> None:
    named = facts(provenance={f"to={EVE}": ASKED})
    assert sink(call({"to": EVE}), named) is None
    assert sink(call({"to": [EVE, DANA]}), named) == REFUSED
    assert sink(call({"into": EVE}), named) == REFUSED


def test_the_agent_s_own_purpose_names_no_address() -> None:
    assert sink(call({"to": EVE}), facts(provenance={f"to={EVE}": CLAIMED})) == REFUSED


def test_the_provenance_of_the_whole_list_does_not_stand_for_a_value() -> None:
    assert sink(call({"to": EVE}), facts(provenance={"to": ASKED})) == REFUSED


def test_a_tool_that_nobody_described_sends_nowhere() -> None:
    assert sink(call({}), facts(tool=tool(manifest=None))) == REFUSED


def test_an_undeclared_argument_is_judged_by_another_check() -> None:
    assert sink(call({"cc": EVE}), facts()) is None


def test_a_list_that_could_not_be_had_is_not_told_as_a_wrong_address() -> None:
    assert sink(call({"to": EVE}), facts(failures=(RESOLVER,))) is None
    assert sink(call({"to": EVE}), facts(failures=("inspector",))) == REFUSED


def test_a_category_that_the_tool_must_not_get_is_refused() -> None:
    known = tool(sink=Sink(categories_refused=("pricing",)))
    read = task(labels=Label(categories=frozenset({"pricing", "pii"})))
    other = task(labels=Label(categories=frozenset({"pii"})))
    assert sink(call(), facts(tool=known, task=read)) == Deny("category-refused")
    assert sink(call(), facts(tool=known, task=other)) is None


def test_a_read_that_carries_nothing_may_follow_any_category() -> None:
    known = tool(sink=Sink(categories_refused=("pricing",)), effect=Effect.read)
    read = task(labels=Label(categories=frozenset({"pricing"})))
    assert sink(call({"id": "D-7"}), facts(tool=known, task=read)) is None
    assert sink(call(), facts(tool=known, task=read)) == Deny("category-refused")


def test_null_leaves_an_address_out() -> None:
    assert sink(call({"to": None}), facts()) is None


@pytest.mark.parametrize(
    ("needs", "accepted"),
    [
        ("any", {"seen", "offered", "single-source", "trusted-field", "agent-request"}),
        ("seen", {"offered", "trusted-field"}),
        ("vouched", {"trusted-field"}),
        (None, {"trusted-field"}),
    ],
)
@pytest.mark.parametrize(
    "place", ["seen", "offered", "single-source", "trusted-field", "agent-request"]
)
def test_an_address_comes_from_where_it_has_to(
    needs: Needs | None, accepted: set[str], place: Place
) -> None:
    known = tool(arguments={"to": Argument(role="recipient", needs=needs)}, effect=Effect.read)
    found = {f"to={EVE}": (Origin(place, "mail.get:body"),)}
    answer = sink(call({"to": EVE}), facts(tool=known, provenance=found))
    assert answer == (None if place in accepted else REFUSED)


SINGLE = (Origin("single-source", "mail.get:body"),)
FOUND = {"to": SINGLE, f"to={EVE}": SINGLE, "id": ASKED}


def test_a_strange_address_to_which_the_request_points_is_asked_about_or_followed() -> None:
    to = call({"to": EVE, "id": "D-7"})
    assert sink(to, facts(provenance=FOUND)) == REFUSED
    asked = sink(to, facts(provenance=FOUND, tool=tool(unvouched="ask")))
    assert isinstance(asked, Elevate)
    assert asked.requirement.sources == (ADDRESS_SOURCE,)
    assert asked.requirement.origins == {"to": ("mail.get:body",)}
    assert sink(to, facts(provenance=FOUND, tool=tool(unvouched="follow"))) is None


def test_a_yes_to_an_address_of_the_same_field_holds_for_another() -> None:
    yes = followed(labels=Label())
    known = facts(provenance=FOUND, tool=tool(unvouched="ask"), followed=yes)
    assert sink(call({"to": EVE, "id": "D-7"}), known) is None


def test_a_category_is_refused_before_anybody_is_asked() -> None:
    known = tool(unvouched="ask", sink=Sink(categories_refused=("pricing",)))
    read = task(labels=Label(categories=frozenset({"pricing"})))
    to = call({"to": EVE, "id": "D-7"})
    assert sink(to, facts(provenance=FOUND, tool=known, task=read)) == Deny("category-refused")
