"""Looking again only where something was found finds what looking everywhere again does, and
patterns say of short texts what they say of long ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unittest.mock import patch

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import NumberParseException

from safeconduct.inspectors.patterns import compiled
from safeconduct.inspectors.pii.americas import SSN_WORDS
from safeconduct.inspectors.pii.context import AFTER, Terms, Words, spoken
from safeconduct.inspectors.pii.inspector import KINDS, PiiInspector, every_shape
from safeconduct.inspectors.pii.plans import is_number
from safeconduct.inspectors.pii.runs import LEAST, Forms, runs_of
from safeconduct.inspectors.pii.shape import Shape

PII = "safeconduct.inspectors.pii"
ALL = PiiInspector(kinds=KINDS, region="DE")
SHAPES = every_shape("DE")
FORMS = Forms(SHAPES)
SSN = Terms.of(SSN_WORDS)

PIECES = st.sampled_from(
    [
        *("4111111111111111", "5555 5555 5555 4444", "DE89 3704 0044 0532 0130 00", "078-05-1120"),
        *("a@b.io", "jane.roe@example.org", "+49 30 901820", "(415) 555-2671", "0171 1234567"),
        *("415 555 2671", "1980-03-12", "C01X00T47", "12345678", "030", "9", "8.8.8.8"),
        *(
            "2001:db8::1",
            " ",
            " ",
            ", ",
            "\n",
            "\t",
            "-",
            ".",
            "/",
            "\0",
            "+",
            "(",
            ")",
            "@",
            "\x0b",
        ),
        *("é", "\u200b", "<b>", "</b>", "&nbsp;", "SSN", "card", "tel ", "phone ", "born "),
        *("passport ", "March", "[redacted: pii.ssn]", "name,phone,ssn\n"),
    ]
)
TEXTS = st.lists(PIECES, max_size=10).map("".join)
VALUES = st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS, max_size=3), max_size=4)


@given(VALUES)
def test_looking_again_where_something_was_found_is_looking_everywhere_again(
    value: dict[str, object],
) -> None:
    quick = ALL.inspect(value)

    def everywhere(plain: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Each text is one run."""
        return (one.span() for one in re.compile(b"[^\0]+").finditer(plain, start, end))

    with (
        patch(f"{PII}.search.runs_of", everywhere),
        patch(f"{PII}.inspector.runs_of", everywhere),
        patch(f"{PII}.runs.Forms.__call__", lambda *_: frozenset(range(len(SHAPES)))),
        patch(f"{PII}.search.Search._spots", lambda *_: [(0, 1 << 20)]),
        patch(f"{PII}.search.Search._bears", lambda *_: True),
        patch(f"{PII}.search._SHORT", 0),
    ):
        assert ALL.inspect(value) == quick


@given(VALUES)
def test_a_value_is_looked_at_as_each_of_its_texts_is(value: dict[str, object]) -> None:
    for key, item in value.items():
        alone = {(one.kind, one.where, one.start, one.end) for one in ALL.inspect({key: item})}
        among = {
            (one.kind, one.where, one.start, one.end)
            for one in ALL.inspect({"other": ["a@b.io 4111111111111111"], key: item})
            if one.where[0] == key
        }
        assert alone == among


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.kind} {shape.name}")
@given(text=TEXTS)
def test_a_pattern_means_the_same_to_both_that_read_it(shape: Shape, text: str) -> None:
    data = text.encode("ascii", "replace")
    slow = [one.span() for one in compiled(shape.pattern).finditer(data)]
    assert [one.span() for one in re.finditer(shape.pattern.encode(), data)] == slow


LOCAL = re.compile(r"\w[\w.!#$%&'*+?^`~-]*\Z")


@given(st.text("aé9_.!-' <", max_size=80))
def test_what_stands_before_an_at_is_all_that_an_address_may_have_there(before: str) -> None:
    found = LOCAL.search(before[-64:])
    name = found[0] if found else ""
    whole = bool(name) and name[-1] != "." and ".." not in name
    expected = [(len(before) - len(name), len(before) + 5)] if whole else []
    findings = PiiInspector(kinds=["pii.email"]).inspect([f"{before}@b.io"])
    assert [(one.start, one.end) for one in findings] == expected


def told(text: str) -> list[str]:
    words = re.findall(r"[^\W_]{2,}", text)
    bare = [one for one in words if not (one.isascii() and re.search(r"\d", one))]
    return [one for one in bare if one != "March"]


@given(TEXTS.filter(lambda text: "redacted" not in text))
def test_words_are_the_runs_of_letters_between_all_else(text: str) -> None:
    assert Words(text).near(0) == told(text)[:AFTER]


@given(TEXTS, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=4))
def test_words_of_a_text_that_was_cut_are_those_of_what_is_left(
    text: str, cuts: list[tuple[int, int]]
) -> None:
    places = [(at, min(at + length, len(text))) for at, length in cuts if at < len(text)]
    left = "".join(
        "\1" if any(start <= at < end for start, end in places) else char
        for at, char in enumerate(text)
    )
    words = Words(text)
    if places and "redacted" not in text:
        words.cut(places)
        for at in range(0, len(text), 5):
            assert words.near(at) == Words(left).near(at)
        assert words.say(SSN, 0) == Words(left).say(SSN, 0)


@given(st.lists(st.sampled_from(["tax", "Id", "taxId", "SSN", "social", "security", "x"])))
def test_a_term_is_found_in_words_as_it_is_in_what_they_say(words: list[str]) -> None:
    terms = Terms.of(("ssn", "social security", "tax id", r"\w*cur\w*"))
    assert terms.said_among(words) == terms.said_in(spoken(" ".join(words)))


@pytest.mark.parametrize(
    "shape",
    [one for one in SHAPES if not one.wide],
    ids=lambda shape: f"{shape.kind} {shape.name}",
)
@given(data=st.data())
def test_whatever_has_a_shape_lies_in_a_run_and_has_a_form_of_it(
    shape: Shape, data: st.DataObject
) -> None:
    written = data.draw(st.from_regex(re.compile(shape.pattern, re.ASCII), fullmatch=True))
    assume(len(written) >= LEAST)
    before, after = data.draw(st.sampled_from([("", ""), ("a", "b"), ("9", "9"), ('"', ",")]))
    plain = f"{before}{written}{after}".encode()
    start, end = len(before), len(before) + len(written)
    [run] = [one for one in runs_of(plain, 0, len(plain)) if one[0] <= start and end <= one[1]]
    if re.compile(shape.pattern.encode()).search(plain):
        assert SHAPES.index(shape) in FORMS(plain[slice(*run)])


@given(
    st.sampled_from(["", *sorted(phonenumbers.SUPPORTED_REGIONS)]),
    st.text("0123456789", min_size=2, max_size=17),
    st.sampled_from(["", "", "0", "00", "011", "1", "49", "44", "8", "39", "54"]),
    st.booleans(),
)
def test_plans_say_what_libphonenumber_says(
    region: str, digits: str, begin: str, grouped: bool
) -> None:
    number = f"{begin}{digits}"
    try:
        parsed = phonenumbers.parse(number if region else f"+{number}", region or None)
    except NumberParseException:
        expected = False
    else:
        expected = phonenumbers.is_valid_number(parsed) or (
            grouped and phonenumbers.is_possible_number(parsed)
        )
    assert is_number(number, region, grouped=grouped) == expected


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_example_of_a_plan_is_a_number(region: str) -> None:
    number = phonenumbers.example_number(region)
    assert number is not None
    whole = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    assert is_number(whole, "")
    at_home = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    assert is_number(re.sub(r"\D", "", at_home), region)
