from __future__ import annotations

import pytest

from safeconduct.core.canonical import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    NotCanonical,
    canonical,
    digest,
    exact,
    sha256,
)
from safeconduct.core.labels import Integrity


def nested(depth: int) -> object:
    value: object = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_members_are_sorted_and_nothing_stands_between_them() -> None:
    assert (
        canonical({"b": [1, True, None, "é"], "a": {}}) == '{"a":{},"b":[1,true,null,"é"]}'.encode()
    )


def test_a_tuple_is_written_as_an_array() -> None:
    assert canonical((1, (2, "a"))) == b'[1,[2,"a"]]'
    assert canonical((1.5, ())) == b"[1.5,[]]"


def test_numbers_are_written_as_in_rfc_8785() -> None:
    numbers = [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27, 1.0, -0.0]
    assert canonical(numbers) == b"[333333333.3333333,1e+30,4.5,0.002,1e-27,1,0]"


def test_keys_are_sorted_by_utf_16_as_in_rfc_8785() -> None:
    keys = ["€", "\r", "\ufb33", "1", "😀", "\x80", "ö"]
    expected = '{"\\r":0,"1":0,"\x80":0,"ö":0,"€":0,"😀":0,"\ufb33":0}'
    assert canonical(dict.fromkeys(keys, 0)).decode() == expected


def test_control_characters_are_escaped_as_in_rfc_8785() -> None:
    text = '€$\x0f\nA\'B"\\\\"/'
    assert canonical(text) == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()
    assert canonical({"é": text}) == b'{"\xc3\xa9":' + canonical(text) + b"}"


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        MAX_SAFE_INTEGER + 1,
        -MAX_SAFE_INTEGER - 1,
        {"é": MAX_SAFE_INTEGER + 1},
        "\ud800",
        {"a": "\udfff"},
        {"\ud800": 1},
        {1: 2},
        {"é": {1: 2}},
        {None: 1.5},
        b"bytes",
        {1, 2},
        ...,
        Integrity.trusted,
        [Integrity.trusted],
    ],
    ids=repr,
)
def test_what_readers_disagree_about_has_no_canonical_form(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize("value", [MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER])
def test_the_largest_safe_integers_are_kept(value: int) -> None:
    assert canonical(value) == str(value).encode()


def test_nesting_ends_at_the_limit() -> None:
    assert canonical(nested(MAX_DEPTH)).count(b"1") == 1
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(NotCanonical, match="nested deeper than 128"):
            canonical(nested(depth))


def test_a_caller_deep_in_the_stack_is_told_the_same() -> None:
    value = nested(MAX_DEPTH)

    def fall() -> bytes:
        try:
            return fall()
        except RecursionError:
            return canonical(value)

    with pytest.raises(NotCanonical):
        fall()


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"a": (1.0, -0.0, 1.5)}, {"a": [1, 0, 1.5]}),
        ([2.0**53 - 1, -1e15, 1e21, 1.5e300], [2**53 - 1, -(10**15), 1e21, 1.5e300]),
        ("é", "é"),
    ],
)
def test_a_value_is_read_back_as_every_reader_finds_it(value: object, read: object) -> None:
    written, found = exact(value)
    assert written == canonical(value)
    assert found == read
    assert canonical(found) == written
    assert str(found) == str(read)


@pytest.mark.parametrize("value", [2.0**53, -(2.0**53), 1e16, 1e20, 9.99e20])
def test_a_number_that_readers_would_find_different_is_not_exact(value: float) -> None:
    for holder in (value, [value], {"a": {"é": (value,)}}):
        assert canonical(holder)
        with pytest.raises(NotCanonical, match="written as an integer"):
            exact(holder)


def test_what_has_no_canonical_form_is_not_exact() -> None:
    with pytest.raises(NotCanonical):
        exact({"a": float("nan")})


def test_a_digest_is_that_of_the_canonical_bytes() -> None:
    empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert sha256(b"{}") == digest({}) == empty
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1.0})
    assert digest({"a": 1}) != digest({"a": "1"})


def test_what_has_no_canonical_form_has_no_digest() -> None:
    with pytest.raises(NotCanonical):
        digest(float("nan"))
