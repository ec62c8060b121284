from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from safeconduct.core.canonical import NotCanonical, canonical, digest, exact

EDGE = 2**53

integers = st.integers(-EDGE + 1, EDGE - 1) | st.sampled_from(
    [EDGE - 1, 1 - EDGE, EDGE - 2, 0, 2**31, -(2**31) - 1]
)
floats = st.floats(allow_nan=False, allow_infinity=False)
# Half a surrogate pair is no character; those beyond the basic plane sort differently as UTF-16.
texts = st.text() | st.text('a\x00\x7f\x80"\\/\n\uffff\ue000😀𐀀', max_size=4)
scalars = st.none() | st.booleans() | integers | floats | texts


def nested(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> Any:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=20,
    )


documents = nested(scalars, texts)
plain = nested(
    st.none() | st.booleans() | integers | texts, st.text(st.characters(max_codepoint=127))
)
anything = nested(
    scalars
    | st.integers()
    | st.floats()
    | st.text(st.characters(categories=["L", "Cs"]))
    | st.binary()
    | st.complex_numbers(),
    st.text(st.characters(categories=["L", "Cs"])),
)


@given(documents)
@example({"\ue000": 1, "😀": 2, "\uffff": 3})
@example([EDGE - 1, 1 - EDGE, float(EDGE), 1e21, 1e-7, 5e-324, -0.0])
def test_a_canonical_form_is_that_of_the_reference_implementation(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(plain)
def test_the_short_way_gives_the_same_bytes(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(anything)
@example(EDGE)
@example(-EDGE)
@example({"\ud800": 1.5})
@example({"é": "\ud800"})
def test_a_value_has_the_reference_s_form_or_none_at_all(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except ValueError:
        with pytest.raises(NotCanonical):
            canonical(value)
    else:
        assert canonical(value) == expected


@given(anything)
@example(1e16)
@example([2.0**53, 1e21])
def test_an_exact_value_is_what_every_reader_finds(value: Any) -> None:
    try:
        written, read = exact(value)
    except NotCanonical:
        return
    assert written == canonical(value) == canonical(read)
    assert repr(read) == repr(json.loads(written))


@given(documents)
def test_reading_a_canonical_form_and_writing_it_again_changes_nothing(value: Any) -> None:
    written = canonical(value)
    read = json.loads(written, parse_int=_number)
    assert canonical(read) == written


def _number(digits: str) -> int | float:
    """Integers beyond 2^53 can only have been floats: they are written without a point."""
    value = int(digits)
    return value if abs(value) < EDGE else float(digits)


@given(st.dictionaries(texts, scalars), st.randoms())
def test_the_order_in_which_members_came_does_not_show(value: dict[str, Any], random: Any) -> None:
    members = list(value.items())
    random.shuffle(members)
    assert digest(dict(members)) == digest(value)


@given(scalars, st.sampled_from([129, 300, 2_000]), st.booleans())
def test_what_is_nested_too_deep_has_no_form(inner: Any, depth: int, lists: bool) -> None:
    value = inner
    for _ in range(depth):
        value = [value] if lists else {"é": value}
    with pytest.raises(NotCanonical):
        canonical(value)
