from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import KEY, Finding
from safeconduct.core.redact import redact

# Three shapes that overlap each other, of letters that no mark of a redaction has.
SHAPES = {"one": "X+Y", "two": "YX*Z", "three": "XYZ+"}

texts = st.text("XYZ é", max_size=12)
values = st.dictionaries(
    texts,
    st.recursive(
        texts | st.none() | st.integers() | st.booleans(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=4,
)


def strings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Every string and key of a value, and where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key, KEY), key
            yield from strings(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, (*path, index))


def found(value: Any) -> list[Finding]:
    """All places of all shapes, also those that lie in each other."""
    return [
        Finding(kind, path, match.start(), match.end(1))
        for path, text in strings(value)
        for kind, shape in SHAPES.items()
        for match in re.finditer(f"(?=({shape}))", text)
    ]


@given(values, st.randoms())
def test_nothing_that_was_found_is_left(value: dict[str, Any], random: Any) -> None:
    findings = found(value)
    random.shuffle(findings)
    assert found(redact(value, findings)) == []


@given(values)
def test_a_second_redaction_changes_nothing(value: dict[str, Any]) -> None:
    once = redact(value, found(value))
    assert redact(once, found(once)) == once


@given(values)
def test_what_has_no_finding_in_it_stays(value: dict[str, Any]) -> None:
    findings = found(value)
    places = {finding.where for finding in findings}
    kept = [text for path, text in strings(value) if path not in places]
    left = [text for _, text in strings(redact(value, findings))]
    if not any(path and path[-1] == KEY for path in places):
        assert len(left) == len(list(strings(value)))
        assert all(text in left for text in kept)


spans = st.lists(st.tuples(st.integers(-3, 35), st.integers(-3, 35)), max_size=6)


@given(st.integers(0, 30), spans)
def test_of_any_spans_exactly_what_they_cover_is_gone(length: int, spans: Any) -> None:
    # Each character of the text is there once, and in no mark.
    text = "".join(chr(0x4E00 + index) for index in range(length))
    findings = [Finding("kind", ("a",), start, end) for start, end in spans]
    left = redact({"a": text}, findings)["a"]
    covered = {index for start, end in spans for index in range(max(start, 0), end)}
    expected = "".join(char for index, char in enumerate(text) if index not in covered)
    assert left.replace("[redacted: kind]", "") == expected


@given(values, st.integers(), spans)
def test_an_integer_is_cut_as_its_text_is_or_stays(
    value: dict[str, Any], number: int, spans: Any
) -> None:
    findings = [Finding("kind", ("n",), start, end) for start, end in spans]
    text = redact({**value, "n": str(number)}, findings)
    left = redact({**value, "n": number}, findings)
    assert left.keys() == text.keys()
    if 6 < len(str(abs(number))) < 21:
        assert left["n"] == (number if text["n"] == str(number) else text["n"])
    else:
        assert left["n"] == number
