from __future__ import annotations

import pytest

from tests.support.documents import POISON, read, texts

HEAD = r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\colortbl;\red255\green255\blue255;\red0\green0\blue0;}"


@pytest.mark.parametrize(
    ("made", "way"),
    [
        (r"{\v %s}", "hidden text"),
        (r"\v %s\v0 ", "hidden text"),
        (r"{\deleted %s}", "deleted text"),
        (r"{\fs2 %s}", "tiny letters"),
        (r"{\cf1 %s}", "white letters"),
    ],
)
def test_text_that_is_not_shown_is_hidden(made: str, way: str) -> None:
    answer = read(HEAD + r"\pard Dear all " + made % POISON + r"\plain bye\par}")
    assert answer.format == "rtf"
    assert texts(answer, "hidden") == {way: POISON}
    assert texts(answer, "visible") == {"": "Dear all bye"}


def test_letters_breaks_and_properties_are_read() -> None:
    made = (
        HEAD + r"{\info{\title a title}}{\*\unknown a destination}{\pict 0102}"
        r"caf\'e9 \u8364? \cf2 10\{x\}\par next\~word}"
    )
    answer = read(made, "application/rtf")
    assert texts(answer, "visible") == {"": "café € 10{x}\nnext word"}
    assert texts(answer, "hidden") == {}
    assert texts(answer, "metadata") == {"property": "a titlea destination"}


def test_an_embedded_object_and_too_deep_groups_are_refused() -> None:
    assert read(HEAD + r"{\object{\*\objdata d0cf11e0}}}").trouble == "document.unreadable"
    assert read(HEAD + "{" * 500 + "}").trouble == "document.bomb"
