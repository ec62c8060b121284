"""A customer's own words, patterns and prices are found, whole and in any case."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import KEY, Finding
from safeconduct.core.redact import redact
from safeconduct.inspectors import prices
from safeconduct.inspectors.dictionaries import DictionaryInspector, pattern_shapes, read_terms
from safeconduct.inspectors.scan import Scan

TERMS = ["Project  Falcon", "Straße", "C++", "XJ-900", "falcon wing door"]
INSPECTOR = DictionaryInspector("secret-plans.names", TERMS)


def found(text: str) -> list[str]:
    return [text[one.start : one.end] for one in INSPECTOR.inspect({"a": text})]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("about PROJECT\n falcon now", ["PROJECT\n falcon"]),
        ("STRASSE, straße", ["STRASSE", "straße"]),
        ("c++, not c+ or c", ["c++"]),
        ("XJ-900 and XJ-9000 and AXJ-900", ["XJ-900"]),
        ("projects falcon project falcons", []),
        ("project falcon wing door", ["project falcon", "falcon wing door"]),
        ("Project%20Falcon", ["Project%20Falcon"]),
        ("Pro\u200bject Falcon", ["Pro\u200bject Falcon"]),
        ("", []),
    ],
)
def test_terms_are_whole_words_in_any_case(text: str, terms: list[str]) -> None:
    assert found(text) == terms


def test_they_are_found_in_keys_and_encodings_at_their_place() -> None:
    coded = base64.b64encode(b"it is project falcon, really").decode()
    assert INSPECTOR.inspect({"xj-900": [f"see {coded}"]}) == (
        Finding("secret-plans.names", ("xj-900", KEY), 0, 6),
        Finding("secret-plans.names", ("xj-900", 0), 4, 4 + len(coded)),
    )
    assert INSPECTOR.inspect(["\ud800 falcon wing door"])


@pytest.mark.parametrize("terms", [[], ["", " "], ["x" * 300], [" ".join("abcdefghijklmnopq")]])
def test_what_is_no_dictionary_is_refused(terms: list[str]) -> None:
    with pytest.raises(ValueError, match="dictionary"):
        DictionaryInspector("a.b", terms)


def test_a_file_has_one_term_a_line() -> None:
    text = "\ufeff# our names\r\nFalcon\n\n  Two Words \n#Straße\nÜber"
    assert read_terms(text) == ["Falcon", "Two Words", "Über"]


def test_patterns_are_shapes() -> None:
    scan = Scan(pattern_shapes("plans.number", [r"\bPN-[0-9]{4}\b", r"(?i)falcon\s+\d"]))
    text = "see PN-1234, Falcon 9 and PN-12345"
    assert [text[one.start : one.end] for one in scan.inspect([text])] == ["PN-1234", "Falcon 9"]


@pytest.mark.parametrize("pattern", ["(", "(?<=a)b", "a*", "ü"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        pattern_shapes("a.b", [pattern])


@given(st.lists(st.sampled_from([*TERMS, "a", " ", "\n", "-", "é", "%20", "\u200b"]), max_size=9))
def test_after_a_redaction_no_term_is_left(parts: list[str]) -> None:
    value = {"a": " ".join(parts)}
    once = redact(value, INSPECTOR.inspect(value))
    assert INSPECTOR.inspect(once) == ()


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("The list price is $1,200.50 per seat.", ["$1,200.50"]),
        ("a discount of 15% applies", ["15%"]),
        ("We quote EUR 12.000 for it", ["EUR 12.000"]),
        ("€ 99 is the net price", ["€ 99"]),
        ("Rate card: Gold 120 USD", ["120 USD"]),
        ("He paid 5 dollars for lunch", []),
        ("price to be defined", []),
        ("It grew by 15 %. The price is stable.", []),
        ("the quote of the day", []),
    ],
)
def test_amounts_beside_words_of_pricing_are_prices(text: str, amounts: list[str]) -> None:
    findings = Scan(prices.SHAPES).inspect({"a": text})
    assert [(one.kind, text[one.start : one.end]) for one in findings] == [
        ("pricing.amount", amount) for amount in amounts
    ]


def test_a_member_named_after_a_price_is_one() -> None:
    assert Scan(prices.SHAPES).inspect({"unit_price": "120.00 EUR"}) == (
        Finding("pricing.amount", ("unit_price",), 0, 10),
    )
