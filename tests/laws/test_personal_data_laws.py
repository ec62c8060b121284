"""Looking again only where something was found finds what looking everywhere again does, and
patterns say of short texts what they say of long ones.
"""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.inspectors.patterns import compiled
from safeconduct.inspectors.pii.context import AFTER, Words, spoken
from safeconduct.inspectors.pii.inspector import KINDS, PiiInspector, every_shape
from safeconduct.inspectors.pii.shape import Shape

MODULE = "safeconduct.inspectors.pii.inspector"
ALL = PiiInspector(kinds=KINDS, region="DE")
SHAPES = every_shape("DE")

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
    with (
        patch(f"{MODULE}._Search._spots", lambda _, __, plain, ___: iter([(0, len(plain))])),
        patch(f"{MODULE}._Search._bears", lambda *_: True),
        patch(f"{MODULE}._SHORT", 0),
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


@given(TEXTS.filter(lambda text: "redacted" not in text))
def test_words_are_the_runs_of_letters_between_all_else(text: str) -> None:
    told = re.findall(r"(?<![^\W_])[^\W\d_]{2,}(?![^\W_])", text)
    expected = " ".join([spoken(one) for one in told if one != "March"][:AFTER]).split()
    heading = re.search(r"[,;|\t].*\n", text) is not None
    near = Words(text).near(0).split()
    assert near[: len(expected)] == expected
    assert heading or len(near) == len(expected)
