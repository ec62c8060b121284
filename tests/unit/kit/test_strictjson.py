"""JSON that has one meaning for every reader."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.kit.strictjson import MAX_DEPTH, StrictJSONError, loads

_SAFE_INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda x: x != 0 or math.copysign(1, x) > 0
)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _SAFE_INTEGERS | _FLOATS | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
)


def _refused(data: bytes) -> str:
    with pytest.raises(StrictJSONError) as caught:
        loads(data)
    return str(caught.value)


@given(_JSON, st.booleans(), st.sampled_from([None, 2]))
def test_agrees_with_the_standard_library_on_valid_documents(
    value: object, ascii_only: bool, indent: int | None
) -> None:
    document = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    decoded = loads(document, max_depth=10_000)
    assert decoded == value
    assert json.dumps(decoded) == json.dumps(json.loads(document))


@given(st.binary() | st.text(alphabet='[]{}",:\\ud08-1e.+ntfalse \n').map(str.encode))
def test_any_bytes_are_a_value_or_an_error(data: bytes) -> None:
    try:
        value = loads(data)
    except StrictJSONError:
        return
    assert json.loads(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"x":{"k":null,"k":null}}]',
    ],
)
def test_duplicate_keys_are_refused(data: bytes) -> None:
    assert _refused(data) == "an object with a duplicate key"


@pytest.mark.parametrize(
    "data", [b'"\\ud800"', b'["\\uDFFF"]', b'{"\\udc00":1}', b'"\\ude00\\ud83d"']
)
def test_lone_surrogates_are_refused(data: bytes) -> None:
    assert "surrogate" in _refused(data)


def test_surrogate_pairs_and_escaped_backslashes_are_accepted() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"
    assert loads(b'"\\\\ud800"') == "\\ud800"


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**16, 10**40, int("9" * 4000)])
def test_integers_that_readers_round_are_refused(number: int) -> None:
    assert _refused(str(number).encode()) == "an integer beyond 2^53-1"


@pytest.mark.parametrize("number", [2**53 - 1, -(2**53) + 1, 10**15, 0])
def test_integers_that_all_readers_keep_are_accepted(number: int) -> None:
    assert loads(str(number).encode()) == number


def test_absurdly_long_integers_are_refused_without_converting_them() -> None:
    assert _refused(b"1" * 1_000_000) == "an integer beyond 2^53-1"


@pytest.mark.parametrize("data", [b"NaN", b"Infinity", b"[-Infinity]"])
def test_numbers_that_json_does_not_have_are_refused(data: bytes) -> None:
    assert _refused(data) == "a number that JSON does not have"


@pytest.mark.parametrize("data", [b"1e999", b"-1e999", b"[1.0e400]"])
def test_numbers_that_overflow_are_refused(data: bytes) -> None:
    assert _refused(data) == "a number that overflows"


@pytest.mark.parametrize("data", [b"-0", b"-0.0", b"[-0e5]", b"-1e-999"])
def test_negative_zero_is_refused(data: bytes) -> None:
    assert _refused(data) == "a negative zero"


def test_depth_counts_brackets_but_not_those_in_strings() -> None:
    nested = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert loads(nested) is not None
    assert "deeper" in _refused(b"[" + nested + b"]")
    assert "deeper" in _refused(b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1))
    assert loads(b"[" + b"[]," * 500 + b'"' + b"[{" * 500 + b'\\"["]')[-1].endswith('"[')


_UNITS = [b"[", b'{"a":', b"[{", b'[["', b'"\\"[', b"]", b"[]{", b'{"":[']


@pytest.mark.parametrize("unit", _UNITS)
def test_a_hundred_thousand_levels_never_crash(unit: bytes) -> None:
    assert _refused(unit * 100_000)


def test_depth_beyond_the_interpreter_is_an_error_too() -> None:
    with pytest.raises(StrictJSONError, match="deep"):
        loads(b"[" * 100_000 + b"]" * 100_000, max_depth=200_000)


def test_length_is_bounded() -> None:
    assert loads(b"[1]", max_bytes=3) == [1]
    with pytest.raises(StrictJSONError, match="longer than 3 bytes"):
        loads(b"[1] ", max_bytes=3)


@pytest.mark.parametrize(
    "data",
    [b"[1,2,3,4]", b'{"a":1,"b":[2,3]}', b"[[],{}]", b'["a,b[{",",\\",,",2,3]', b"[[[[1]]]]"],
)
def test_the_number_of_values_is_bounded(data: bytes) -> None:
    assert loads(data, max_values=5) == json.loads(data)
    with pytest.raises(StrictJSONError, match="more than 4 values"):
        loads(data, max_values=4)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b'"\xc0\xaf"', "not UTF-8 at byte 1"),
        (b"", "not JSON at character 0"),
        (b"{} {}", "not JSON at character 3"),
        (b"[1,]", "not JSON at character 3"),
        (b"{'a':1}", "not JSON at character 1"),
        (b'"\x00"', "not JSON at character 1"),
        (b"01", "not JSON at character 1"),
        (b"[1.]", "not JSON at character 2"),
        (b"\xc2\xa01", "not JSON at character 0"),
    ],
)
def test_what_is_not_json_is_refused(data: bytes, why: str) -> None:
    assert _refused(data) == why


@given(st.text(alphabet="qwxyz", min_size=4))
def test_errors_never_repeat_content(word: str) -> None:
    for document in (f'{{"{word}":1,"{word}":2}}', f'["\\ud800{word}"]', f"[{word}]", f'"{word}'):
        assert word not in _refused(document.encode())


_NAMES = st.sampled_from(['"a"', '"b"', '"a "', '"\\u0061"', '"\\\\"', '"\\":"', '":"'])
_SCALARS = st.sampled_from(
    ["0", "1.50", "1.5", "1e2", "-1", "9007199254740991", '"a"', '":"', '"\\u0022:"', '"\\/"']
)
_SPACES = st.sampled_from(["", " ", "\n\t"])
_SPELLED: st.SearchStrategy[str] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(st.tuples(_NAMES, _SPACES, inner), max_size=3).map(
        lambda members: "{" + ",".join(f"{name}{gap}:{item}" for name, gap, item in members) + "}"
    ),
    max_leaves=6,
)


@given(_SPELLED)
def test_however_it_is_spelled_a_key_stands_once(document: str) -> None:
    doubled = False

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal doubled
        doubled = doubled or len(dict(pairs)) < len(pairs)
        return dict(pairs)

    expected = json.loads(document, object_pairs_hook=members)
    if doubled:
        assert _refused(document.encode()) == "an object with a duplicate key"
    else:
        assert repr(loads(document.encode())) == repr(expected)
