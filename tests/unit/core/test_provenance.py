from typing import get_args

import pytest

from safeconduct.core.manifest import Role
from safeconduct.core.provenance import (
    NAMED,
    UNVOUCHED,
    VOUCHING,
    Origin,
    Place,
    decimal,
    named,
    normalise,
    offered,
    picked,
    single,
    speaks,
    vouched_for,
    vouching_key,
)

PLACES: tuple[Place, ...] = get_args(Place)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("D-7", "D-7"),
        ("", ""),
        (" two  words ", " two  words "),
        (7, "7"),
        (-7, "-7"),
        (7.0, "7"),
        (7.50, "7.5"),
        (1e-7, "0.0000001"),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, "true"),
        (False, "false"),
        (None, None),
        (["D-7"], None),
        ({"id": "D-7"}, None),
    ],
)
def test_only_scalars_can_be_compared(value: object, text: str | None) -> None:
    assert normalise(value) == text


@pytest.mark.parametrize(
    ("role", "value", "form"),
    [
        ("account", "de89 3704 0044", "DE8937040044"),
        ("account", "DE89\u00a03704", "DE893704"),
        ("account", "DE-89", "DE-89"),
        ("account", "DE8ß", "DE8ß"),
        ("account", "", ""),
        ("recipient", "Dana@Customer.EXAMPLE", "Dana@customer.example"),
        ("recipient", "a@b@C.example", "a@b@c.example"),
        ("recipient", "dana@\u212aestrel.example", "dana@\u212aestrel.example"),
        ("recipient", "Dana", "Dana"),
        ("destination", "HTTPS://Customer.EXAMPLE:80/A?B", "https://customer.example:80/A?B"),
        ("destination", "Https://Customer.EXAMPLE", "https://customer.example"),
        ("destination", "https://Eve@Customer.example/", "https://Eve@Customer.example/"),
        ("destination", "Archive", "Archive"),
        ("amount", "12.50", "12.5"),
        ("amount", "1,250.00", "1250"),
        ("amount", "n/a", "n/a"),
        ("object-id", "012", "012"),
        ("path", "/A /b", "/A /b"),
        ("query", "A  b", "A  b"),
    ],
)
def test_what_is_the_same_by_the_rules_of_its_kind_is_one_value(
    role: Role, value: str, form: str
) -> None:
    assert normalise(value, role) == form
    assert normalise(form, role) == form


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"),
        ("-0.00", "0"),
        ("-1,250.10", "-1250.1"),
        ("1,250,000", "1250000"),
        ("1e3", "1000"),
        ("+5", "5"),
        (".5", "0.5"),
        ("12,50", None),
        (",250", None),
        ("1250,000", None),
        ("1,2500", None),
        ("1e,001", None),
        ("1_000", None),
        ("", None),
        ("twelve", None),
        ("NaN", None),
        ("-Infinity", None),
        ("1e41", None),
        ("1e999999", None),
        ("9e1000000", None),
        ("12e99999999999999999999", None),
        ("1e-9999999", None),
        ("1" * 38 + ".5", "1" * 38 + ".5"),
        ("1" * 41, None),
        ("1," + ",".join(["000"] * 13), "1" + "000" * 13),
        ("0" * 81, None),
        ("٣", None),
        ("1.2.3", None),
    ],
)
def test_a_number_has_one_shortest_form(text: str, number: str | None) -> None:
    assert decimal(text) == number


def test_places_that_vouch_are_those_that_the_user_chose_or_that_are_on_file() -> None:
    by_place = {place: (Origin(place),) for place in PLACES}
    assert {place for place, seen in by_place.items() if vouched_for(seen)} == VOUCHING
    assert {place for place, seen in by_place.items() if named(seen)} == NAMED
    assert {"picked", "trusted-field", "bounded"} == VOUCHING - NAMED
    assert {place for place, seen in by_place.items() if picked(seen)} == NAMED | {"picked"}
    assert {place for place, seen in by_place.items() if speaks(seen)} == VOUCHING - {"picked"}
    assert set(PLACES) - VOUCHING == {
        "request-words", "on-file", "offered", "single-source", "named-source", "seen",
        "agent-request",
    }  # fmt: skip


def test_what_is_offered_or_single_is_so_beside_what_is_vouched_for_and_alone() -> None:
    by_place = {place: (Origin(place),) for place in PLACES}
    assert {place for place, seen in by_place.items() if offered(seen)} == VOUCHING | {
        "offered", "on-file",
    }  # fmt: skip
    assert {place for place, seen in by_place.items() if single(seen)} == VOUCHING | {
        "single-source", "on-file",
    }  # fmt: skip


def test_one_place_is_enough_and_none_is_not() -> None:
    both = (Origin("agent-request"), Origin("trusted-field", "crm.get_case:id"))
    assert (vouched_for(both), named(both), offered(both), single(both)) == (
        True, False, True, True,
    )  # fmt: skip
    assert not any(asked(()) for asked in (vouched_for, named, offered, single))


def test_the_key_of_an_id_holds_its_type() -> None:
    assert vouching_key("object-id", "crm.case") == "object-id crm.case"
    assert vouching_key("object-id", None) == "object-id"


def test_a_reading_of_which_nothing_is_known_vouches_for_nothing_and_names_nothing() -> None:
    assert UNVOUCHED.chosen is None
    assert not UNVOUCHED.names("x")
    assert not UNVOUCHED.written("x")
