"""Everything that stood in a result, and which of it the request points to."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.manifest import FieldLabel, Returns, Role
from safeconduct.core.sightings import (
    MAX_PATH,
    MAX_SIGHTINGS,
    MAX_VALUE,
    SHAPES,
    Doubtful,
    doubtful,
    sightings,
)
from tests.support.facts import tool

DANA, EVE = "dana@customer.example", "eve@evil.example"
NONE = Doubtful(frozenset(), frozenset())


def seen(content: object) -> dict[str, str]:
    found, whole = sightings({"content": [], "structuredContent": content})
    assert whole
    return found


def test_each_value_stands_under_the_field_where_it_first_stood() -> None:
    assert seen({"a": {"b": "x"}, "rows": [{"id": 7}, {"id": "x"}], "n": [1.50, True, None]}) == {
        "a": "~",
        "b": "a.~",
        "x": "a.b",
        "rows": "~",
        "id": "rows.*.~",
        "7": "rows.*.id",
        "n": "~",
        "1.5": "n.*",
    }


def test_the_words_of_a_text_are_seen_without_the_marks_around_them() -> None:
    assert list(seen(["Pay $12.50, to <dana@customer.example>. A b!"])) == [
        "Pay $12.50, to <dana@customer.example>. A b!",
        "Pay",
        "$12.50",
        "12.50",
        "to",
        "dana@customer.example",
        "b!",
        "b",
    ]
    assert "line2" in seen(["line1\nline2"])


def test_a_word_by_itself_is_seen_as_it_stands() -> None:
    assert list(seen(["C-1."])) == ["C-1."]


def test_a_long_text_is_seen_by_its_words_alone() -> None:
    long = "x" * MAX_VALUE
    assert list(seen([long])) == [long]
    assert list(seen([f"a,{long}"])) == [long]
    assert list(seen([f"{long}y"])) == [long]


def test_free_text_and_results_of_another_kind_are_seen_too() -> None:
    text = sightings({"content": [{"type": "text", "text": "see C-1"}]})
    assert text == (
        {"result": "~", "see C-1": "result", "see": "result", "C-1": "result"},
        True,
    )
    contents, _ = sightings({"contents": [{"uri": "crm://1", "text": "C-1"}]})
    assert (contents["crm://1"], contents["C-1"]) == ("contents.*.uri", "contents.*.text")


@pytest.mark.parametrize("name", ["dana@customer.example", "two words", "", "1st", "a" * 33])
def test_a_key_that_could_be_anybody_s_words_is_seen_and_stands_in_no_path(name: str) -> None:
    found = seen({"rows": {name: {"id": "C-1"}}})
    assert found["C-1"] == "rows.*.id"
    assert found[name] == "rows.~"


def test_a_path_is_only_so_long() -> None:
    deep: Any = {"id": ["C-1"]}
    for _ in range(9):
        deep = {"a" * 20: deep}
    path = seen(deep)["C-1"]
    assert path == ".".join(["a" * 20] * 9)[:MAX_PATH]


def test_so_many_values_are_kept_and_no_more() -> None:
    found, whole = sightings({"structuredContent": list(range(MAX_SIGHTINGS + 5))})
    assert (len(found), whole) == (MAX_SIGHTINGS, False)
    assert str(MAX_SIGHTINGS) not in found
    words = " ".join(f"w{number}" for number in range(MAX_SIGHTINGS + 5))
    found, whole = sightings({"content": [{"type": "text", "text": words}]})
    assert (len(found), whole) == (MAX_SIGHTINGS, False)
    assert "w7" in found


@pytest.mark.parametrize(
    ("role", "value", "fits"),
    [
        ("recipient", DANA, True),
        ("recipient", "dana@customer", False),
        ("recipient", "a b@customer.example", False),
        ("recipient", "a@b@customer.example", False),
        ("destination", "https://customer.example/x", True),
        ("destination", "www.customer.example", True),
        ("destination", "customer.example", False),
        ("destination", "https://a b", False),
        ("account", "DE89370400440532013000", True),
        ("account", "12345678", True),
        ("account", "1234567", False),
        ("account", "de89370400440532", False),
    ],
)
def test_addresses_and_accounts_can_be_told_by_their_shape(
    role: Role, value: str, fits: bool
) -> None:
    assert (SHAPES[role].fullmatch(value) is not None) is fits


def test_the_only_one_of_its_shape_is_not_in_doubt() -> None:
    assert doubtful(tool(), seen({"body": f"Write to {DANA} or DE89370400440532"})) == NONE


def test_several_of_one_shape_are_in_doubt_and_others_are_not() -> None:
    found = doubtful(tool(), seen({"body": f"Write to {DANA}, {EVE}, or www.a.example"}))
    assert found == Doubtful(frozenset(), frozenset({DANA, EVE}))


def test_one_address_in_two_cases_is_one() -> None:
    assert doubtful(tool(), seen({"body": f"{DANA} {DANA.upper()}"})) == NONE


@pytest.mark.parametrize("path", ["sender", "$.sender"])
def test_beside_a_field_for_such_values_all_others_of_that_shape_are_in_doubt(path: str) -> None:
    fields = {path: FieldLabel(integrity="trusted", vouches_for=("recipient",))}
    known = tool(returns=Returns(fields=fields))
    content = seen({"sender": DANA, "body": f"Write to {EVE} or www.a.example"})
    found = doubtful(known, content)
    assert found == Doubtful(frozenset({EVE}), frozenset())


@pytest.mark.parametrize(
    "field",
    [
        FieldLabel(integrity="trusted", vouches_for=("account",)),
        FieldLabel(integrity="untrusted", vouches_for=("recipient",)),
        FieldLabel(integrity="trusted"),
    ],
    ids=["another role", "untrusted", "no voucher"],
)
def test_a_field_that_does_not_vouch_for_the_role_takes_nothing_from_the_others(
    field: FieldLabel,
) -> None:
    known = tool(returns=Returns(fields={"sender": field}))
    assert doubtful(known, seen({"sender": "x", "body": EVE})).beside == frozenset()


def test_what_stands_where_anybody_writes_is_never_alone_beside_a_trusted_address() -> None:
    fields = {"sender": FieldLabel(integrity="trusted", vouches_for=("recipient",))}
    known = tool(returns=Returns(fields=fields))
    # Whether the body repeats the trusted address or not, before or behind it.
    for content in (
        {"body": f"{EVE} {DANA}", "sender": DANA},
        {"sender": DANA, "body": f"{EVE} {DANA}"},
        {"body": EVE, "sender": DANA},
    ):
        found = doubtful(known, seen(content))
        assert EVE in found.beside | found.several


def test_without_a_manifest_no_field_is_trusted() -> None:
    content = seen({"sender": DANA, "body": EVE})
    assert doubtful(tool(manifest=None), content).several == {DANA, EVE}


def test_an_account_number_is_seen_as_it_is_printed_too() -> None:
    text = "125.50 to DE89 3704 0044 0532 0130 00. New: GB82WEST12345698765432"
    seen, whole = sightings({"structuredContent": {"letter": text}})
    assert whole
    assert {"DE89370400440532013000", "GB82WEST12345698765432"} <= seen.keys()
    assert doubtful(tool(), seen).several >= {"DE89370400440532013000", "GB82WEST12345698765432"}
