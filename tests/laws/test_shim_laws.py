"""What holds for every line of a local client, however it arrives."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.kit import strictjson
from safeconduct.shim import message
from safeconduct.shim.stdio import Line, Splitter, TooLong

MAX = 8
CHUNKS = st.lists(
    st.binary(max_size=20) | st.sampled_from([b"\n", b"\n\n", b"abc\n", b"abcdefghi"])
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0"),
        "id": VALUES,
        "method": VALUES,
        "params": VALUES,
        "result": VALUES,
    },
)


def split(chunks: list[bytes]) -> list[Line]:
    splitter = Splitter(MAX)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.rest()


@given(chunks=CHUNKS)
def test_lines_are_the_same_however_they_are_cut(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    found = split(chunks)
    assert len(found) == len(expected)
    for line, right in zip(found, expected, strict=True):
        assert isinstance(line, TooLong) if len(right) > MAX else line == right


@given(line=st.binary() | MESSAGES.map(lambda value: json.dumps(value).encode()))
def test_a_line_is_a_message_of_one_kind_or_refused(line: bytes) -> None:
    try:
        read = message.parse(line)
    except message.Unreadable:
        return
    said = strictjson.loads(line)
    assert read.line == line
    assert (read.id, read.method) == (said.get("id"), said.get("method"))
    assert type(read.id) in {str, int, type(None)}
    assert type(read.method) in {str, type(None)}
    assert (read.id, read.method) != (None, None)
    assert read.params == said.get("params", {})


@given(value=VALUES.filter(lambda value: value == value), indent=st.none() | st.integers(0, 3))  # noqa: PLR0124  NaN is not itself
def test_a_message_on_one_line_means_what_it_meant(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent).replace("\n", "\r\n").encode()
    line = message.one_line(text)
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.dumps(json.loads(line)) == json.dumps(value)
