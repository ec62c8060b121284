"""Which texts of a result get fingerprints, and what a call repeats of them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from safeconduct.core.copying import Held, confidential, copied
from safeconduct.core.decoding import MAX_CHARACTERS
from safeconduct.core.fingerprints import GUARANTEED, Fingerprints, fingerprint
from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.manifest import FieldLabel, Returns
from tests.support.facts import tool

KEY = b"a key"
TEXT = "The board has agreed in confidence to sell the northern works to Meridian."
OTHER = "Nobody outside this room may hear of it before the notary has."
PUBLIC, INTERNAL, CONFIDENTIAL, RESTRICTED = Confidentiality


def result(structured: object) -> dict[str, Any]:
    return {"content": [], "structuredContent": structured}


def held(text: str, level: Confidentiality = CONFIDENTIAL, *, full: bool = False) -> Held:
    prints = Fingerprints().added(level.name, fingerprint(text, KEY))
    return Held(Fingerprints(prints.sources, prints.entries, full), 1, level)


FIELDS = tool(
    source=Label(confidentiality=INTERNAL),
    returns=Returns(
        fields={
            "notes": FieldLabel(confidentiality="confidential"),
            "rows.*.salary": FieldLabel(confidentiality="restricted"),
            "title": FieldLabel(integrity="untrusted"),
        }
    ),
)


def test_fields_are_told_apart() -> None:
    rows = [{"salary": 71_000_000 + n, "name": OTHER} for n in range(8)]
    given = result({"notes": TEXT, "title": OTHER, "rows": rows})
    salaries = "\n".join(str(row["salary"]) for row in rows)
    assert confidential(FIELDS, given, RESTRICTED) == {CONFIDENTIAL: TEXT, RESTRICTED: salaries}
    given = result({"title": OTHER, "notes": TEXT})
    assert confidential(FIELDS, given, CONFIDENTIAL) == {CONFIDENTIAL: TEXT}


def test_of_a_confidential_source_everything_counts() -> None:
    source = tool(source=Label(confidentiality=CONFIDENTIAL))
    given = result({"a": TEXT, "b": [True, None, 7, {"c": OTHER}]})
    assert confidential(source, given, CONFIDENTIAL) == {CONFIDENTIAL: f"{TEXT}\n7\n{OTHER}"}


def test_where_text_may_say_more_everything_has_the_highest_label() -> None:
    given = {"content": [{"type": "text", "text": TEXT}], "structuredContent": {"notes": OTHER}}
    (level,) = found = confidential(FIELDS, given, RESTRICTED)
    assert level == RESTRICTED
    assert TEXT in found[level]
    assert OTHER in found[level]


def test_a_label_that_an_object_brought_is_that_of_everything() -> None:
    given = result({"title": TEXT, "notes": OTHER})
    assert confidential(FIELDS, given, RESTRICTED) == {RESTRICTED: f"{TEXT}\n{OTHER}"}


def test_short_texts_and_those_that_are_not_confidential_are_left() -> None:
    assert confidential(FIELDS, result({"title": TEXT}), INTERNAL) == {}
    assert confidential(FIELDS, result({"notes": "x" * (GUARANTEED - 1)}), CONFIDENTIAL) == {}


def test_a_copy_has_the_highest_label_that_it_is_known_under() -> None:
    known = [held(TEXT), held(OTHER, RESTRICTED)]
    assert copied([f"Hello. {TEXT}"], known, KEY) == CONFIDENTIAL
    assert copied([TEXT, OTHER], known, KEY) == RESTRICTED
    assert copied([OTHER, TEXT], known, KEY) == RESTRICTED
    assert copied(["Hello, shall we have lunch together on Friday?"], known, KEY) == PUBLIC
    assert copied([base64.b64encode(TEXT.encode()).decode()], known, KEY) == CONFIDENTIAL
    assert copied([], known, KEY) == PUBLIC


def test_pieces_are_put_together() -> None:
    pieces = [TEXT[start : start + 12] for start in range(0, len(TEXT), 12)]
    known = [held(TEXT)]
    assert {copied([piece], known, KEY) for piece in pieces} == {PUBLIC}
    assert copied(pieces, known, KEY) == CONFIDENTIAL


@pytest.mark.parametrize(
    "new", ["x" * GUARANTEED, base64.b64encode(b"x" * GUARANTEED).decode()], ids=["plain", "base64"]
)
def test_where_fingerprints_are_missing_a_longer_text_is_a_copy(new: str) -> None:
    assert copied([new], [held(TEXT)], KEY) == PUBLIC
    assert copied([new], [held(TEXT, full=True)], KEY) == CONFIDENTIAL
    assert copied([new], [held(TEXT)], KEY, lost=True) == RESTRICTED
    assert copied([new], [], KEY, lost=True) == RESTRICTED
    assert copied(["A short one."], [held(TEXT, full=True)], KEY, lost=True) == PUBLIC


def test_what_cannot_be_read_as_a_whole_is_a_copy() -> None:
    many = ["ab " * (MAX_CHARACTERS // 16)] * 2
    assert copied(many, [held(TEXT)], KEY) == CONFIDENTIAL
    deep = TEXT[:30]
    for _ in range(6):
        deep = base64.b64encode(f"some words: {deep}".encode()).decode()
    assert copied([deep], [held(TEXT)], KEY) == CONFIDENTIAL
