"""One record and its exact bytes.

The bytes are restricted canonical JSON (RFC 8785 without floats, integers within 2^53-1, no object
key outside the Basic Multilingual Plane): of what is left, sorted orjson is RFC 8785 byte for byte,
and every reader agrees on it. The log hashes these bytes and never a re-serialisation of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import msgspec
import orjson

from safeconduct.core.canonical import NotCanonical
from safeconduct.ports import RecordTooLarge

MAX_RECORD_BYTES: Final = 8 * 1024
SEQUENCE: Final = "n"
"""The key of a record's number in the log, counted from 0."""
ADDED: Final = (SEQUENCE, "task_n", "pair_n")
"""The keys that the log adds to records."""
PAYLOAD: Final = "payload"
"""The key of a record's sealed payload: while it is appended a `Sealed`, then where that lies."""

_NONE: Final[Mapping[str, int]] = {}
_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_NON_BMP: Final = re.compile(rb"[\xf0-\xf4]")  # how UTF-8 begins a character of four bytes


def _refuse_float(text: str) -> None:
    raise msgspec.DecodeError(f"{text} is a float")


_exact: Final = msgspec.json.Decoder(float_hook=_refuse_float).decode


def numbered(
    record: Mapping[str, Any], seq: int, counters: Mapping[str, int] = _NONE
) -> dict[str, Any]:
    """The record as it is written and applied: with its sequence number, and what it counts.

    Raises:
        ValueError: the record already has a key that the log adds.
    """
    for key in ADDED:
        if key in record:
            raise ValueError(f"the key {key!r} belongs to the log")
    return {**record, SEQUENCE: seq, **counters}


def encode(entry: Mapping[str, Any]) -> bytes:
    """The exact bytes of a numbered record.

    Raises:
        NotCanonical: a float, an integer beyond 2^53-1, a lone surrogate, an object key outside the
            Basic Multilingual Plane, or a value that JSON does not have.
        RecordTooLarge: more than 8 KiB.
    """
    try:
        data = orjson.dumps(entry, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise NotCanonical(str(error)) from None
    # orjson also writes floats (NaN as null), UUIDs, dates and the like. It has refused cycles and
    # absurd depth by now, so this recursion ends.
    _only_exact(entry.values())
    if len(data) > MAX_RECORD_BYTES:
        raise RecordTooLarge(f"a record of {len(data)} bytes; at most {MAX_RECORD_BYTES} are kept")
    # RFC 8785 sorts keys by UTF-16 units, orjson by UTF-8 bytes: the same order as long as no key
    # leaves the Basic Multilingual Plane. Hardly any record needs the closer look.
    if not data.isascii() and _NON_BMP.search(data):
        _only_bmp_keys([entry])
    return data


def decode(data: bytes) -> dict[str, Any]:
    """The record in an entry's bytes.

    Raises:
        NotCanonical: these are not the bytes that `encode` writes.
        RecordTooLarge: more than 8 KiB.
    """
    try:
        record: dict[str, Any] = _exact(data)
        # Also finds duplicate keys, white space, and anything else that reads the same and is not.
        same = type(record) is dict and orjson.dumps(record, option=_OPTIONS) == data
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError):
        return _explained(data)
    if same and len(data) <= MAX_RECORD_BYTES and (data.isascii() or not _NON_BMP.search(data)):
        return record
    return _explained(data)


def _explained(data: bytes) -> dict[str, Any]:
    """As `decode`, slowly: only here is it known what is wrong."""
    try:
        entry = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise NotCanonical(str(error)) from None
    if type(entry) is not dict:
        raise NotCanonical("not a JSON object")
    record = cast("dict[str, Any]", entry)
    if encode(record) != data:
        raise NotCanonical("not in canonical form")
    return record


def _only_exact(values: Iterable[object]) -> None:
    # One loop over all that is in the record, however deep: the list grows while it is read.
    found: list[Any] = list(values)
    for value in found:
        kind = type(value)  # pyright: ignore[reportUnknownVariableType] - of anything
        if kind is str or kind is int:
            continue
        if kind is dict:
            found += value.values()
        elif kind is list or kind is tuple:
            found += value
        elif value is not None and kind is not bool:
            raise NotCanonical(f"a value of type {kind.__name__}")


def _only_bmp_keys(values: Iterable[object]) -> None:
    for value in values:
        if type(value) is dict:
            members = cast("dict[str, object]", value)
            if max("".join(members), default="") > "\uffff":
                raise NotCanonical("an object key outside the Basic Multilingual Plane")
            _only_bmp_keys(members.values())
        elif type(value) is list or type(value) is tuple:
            _only_bmp_keys(cast("Iterable[object]", value))
