from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Any

import pytest
import rfc8785

from safeconduct.audit.records import MAX_RECORD_BYTES, decode, encode, numbered
from safeconduct.core.canonical import NotCanonical
from safeconduct.ports import RecordTooLarge


class Word(StrEnum):
    permit = "permit"


def cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["itself"] = value
    return value


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


RECORDS: list[dict[str, Any]] = [
    {"b": 1, "a": [True, None, {"y": "x", "x": []}], "n": 0},
    {"text": 'quote " slash / back \\ control \x01\x7f\n\u2028 é 𝄞'},
    {"é": 1, "ÿ": 2, "z": 3, "\ue000": 4},
    {"most": 2**53 - 1, "least": -(2**53) + 1, "zero": 0},
    {"": "", "tuple": (1, (2, 3))},
]


@pytest.mark.parametrize("record", RECORDS)
def test_the_bytes_are_those_of_rfc_8785_and_read_back(record: dict[str, Any]) -> None:
    data = encode(record)
    assert data == rfc8785.dumps(record)
    assert encode(decode(data)) == data


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        "\ud800",
        {"\udfff": 1},
        {1: 2},
        {"𝄞": 1},
        {"plain": [{"x𝄞": 1}]},
        b"bytes",
        {"a set"},
        object(),
        uuid.UUID(int=0),
        Word.permit,
        cyclic(),
        deep(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_without_exact_bytes_is_refused_wherever_it_is(value: object) -> None:
    for record in ({"in": value}, {"in": [0, value]}, {"in": {"in": (value,)}}):
        with pytest.raises(NotCanonical):
            encode(record)


def test_8_kib_fit_and_one_byte_more_does_not() -> None:
    frame = len(encode({"text": ""}))
    assert len(encode({"text": "x" * (MAX_RECORD_BYTES - frame)})) == MAX_RECORD_BYTES
    with pytest.raises(RecordTooLarge, match="8193"):
        encode({"text": "x" * (MAX_RECORD_BYTES - frame + 1)})


def test_size_is_that_of_the_bytes() -> None:
    with pytest.raises(RecordTooLarge):
        encode({"text": "é" * (MAX_RECORD_BYTES // 2)})


def test_the_sequence_number_is_the_logs_own() -> None:
    record = {"kind": "config"}
    assert numbered(record, 7) == {"kind": "config", "n": 7}
    assert record == {"kind": "config"}
    with pytest.raises(ValueError, match="belongs to the log"):
        numbered({"n": 7}, 7)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1.5}',
        b'{"a":1e2}',
        b'{"a":9007199254740992}',
        b'{"a":"\\u0041"}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":NaN}',
        b'{"a":1}\n',
    ],
)
def test_bytes_that_encode_does_not_write_are_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode(data)


def test_a_record_beyond_the_limit_is_refused_when_read() -> None:
    with pytest.raises(RecordTooLarge):
        decode(b'{"a":"' + b"x" * MAX_RECORD_BYTES + b'"}')
