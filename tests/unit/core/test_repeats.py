from __future__ import annotations

import json

import pytest

from safeconduct.core import repeats
from safeconduct.core.model import KEY, Finding
from safeconduct.core.paths import TooManyValues
from safeconduct.core.repeats import everywhere

CARD = "4111111111111111"


def said(value: dict[str, object], *cut: Finding) -> set[tuple[object, ...]]:
    """Where something is cut beside what was found."""
    return {(*one.where, one.start, one.end) for one in everywhere(value, cut) if one not in cut}


def test_what_is_cut_is_cut_in_texts_names_and_integers() -> None:
    value: dict[str, object] = {
        "a": f"card {CARD}",
        "b": [f"{CARD},", int(CARD), 4.5, None, True],
        CARD: {"c": "4111"},
    }
    card = Finding("pii.card", ("a",), 5, 21)
    assert said(value, card) == {("b", 0, 0, 16), ("b", 1, 0, 16), (CARD, KEY, 0, 16)}
    assert everywhere(value, []) == []


def test_a_text_that_only_holds_it_is_left() -> None:
    found = Finding("own.name", ("a",), 0, 3)
    assert said({"a": "Ann", "b": "Anna JoAnn", "c": "Ann_ -Ann"}, found) == {
        ("c", 0, 3),
        ("c", 6, 9),
    }


@pytest.mark.parametrize("text", ['a"b', "a\\b", "tab\there", "\nline", "jürgen@bücher.de", "(x"])
@pytest.mark.parametrize("ascii", [True, False])
def test_it_is_found_as_json_writes_it_and_read_where_json_wrote_it(
    text: str, *, ascii: bool
) -> None:
    coded = json.dumps({"v": f"\n{text} \\"}, ensure_ascii=ascii)
    length = len(json.dumps(text, ensure_ascii=ascii)) - 2
    begin = coded.index("\\n") + 2
    found = Finding("own.x", ("a",), 0, len(text))
    assert ("b", begin, begin + length) in said({"a": text, "b": coded}, found)
    back = Finding("own.x", ("b",), begin, begin + length)
    assert ("a", 0, len(text)) in said({"a": text, "b": coded}, back)


def test_an_escape_right_before_it_is_no_part_of_its_first_word() -> None:
    found = Finding("own.x", ("a",), 0, 6)
    coded = r'{"v":"\u000asecret \tsecret"}'
    assert said({"a": "secret", "b": coded}, found) == {("b", 12, 18), ("b", 21, 27)}


def test_what_has_no_word_in_it_or_is_no_longer_there_is_cut_where_it_was_found() -> None:
    gone = Finding("own.x", ("c",), 0, 3)
    assert said({"a": "!!!", "b": "!!!"}, Finding("own.x", ("a",), 0, 3), gone) == set()
    odd = Finding("own.x", ("a",), 0, 4)
    assert said({"a": "\\q a", "b": "\\q a"}, odd) == {("b", 0, 4)}


def test_more_than_may_be_compared_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MAX_COMPARED", 3)
    found = Finding("own.x", ("a",), 0, 3)
    assert len(said({"a": "abc", "b": "abc abc"}, found)) == 2
    with pytest.raises(TooManyValues):
        everywhere({"a": "abc", "b": "abc abc abc"}, [found])
