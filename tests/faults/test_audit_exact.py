"""What is hashed is what is stored, and what cannot be stored exactly is refused."""

from __future__ import annotations

import asyncio
import struct
import time
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from safeconduct.audit import segments
from safeconduct.audit.log import Log
from safeconduct.audit.reading import read
from safeconduct.audit.walk import Walk
from safeconduct.core.canonical import NotCanonical
from safeconduct.core.merkle import Tree
from safeconduct.ports import RecordTooLarge
from tests.support.logs import opened

NS = 1_762_000_000_123_456_789


def appended(directory: Path, *records: dict[str, Any]) -> Log:
    log = opened(directory)
    try:
        for record in records:
            asyncio.run(log.append(record))
    finally:
        log.close()
    return log


def test_ns_timestamp_round_trip_the_bytes_on_disk_are_those_that_were_hashed(
    tmp_path: Path,
) -> None:
    """A database that keeps microseconds, sorts keys or rounds numbers gives other bytes back."""
    told: dict[str, Any] = {
        "kind": "config", "z": 1, "a": {"é": "\U0001f512", "b": [True, None, -1]},
        "at_ns": str(NS), "at_us": NS // 1000, "at_ms": time.time_ns() // 1_000_000,
    }  # fmt: skip
    log = appended(tmp_path, told)
    (group,) = Walk(tmp_path)
    assert group.entries == [rfc8785.dumps({**told, "n": 0})]
    assert list(read(tmp_path)) == [{**told, "n": 0}]
    tree = Tree()
    tree.extend(group.entries)
    assert tree.root() == log.root


@pytest.mark.parametrize(
    "value",
    [
        NS,
        float(NS),
        2**53,
        -(2**53),
        1.0,
        -0.0,
        1e17,
        float("nan"),
        float("inf"),
        {"\U0001f512": 1},
    ],
    ids=["ns", "float ns", "2^53", "-2^53", "1.0", "-0.0", "1e17", "NaN", "inf", "non-BMP key"],
)
def test_nan_float_2_53_and_non_bmp_are_refused_and_nothing_is_written(
    tmp_path: Path, value: object
) -> None:
    for record in ({"value": value}, {"deep": [{"value": (value,)}]}):
        with pytest.raises(NotCanonical):
            appended(tmp_path, record)
    assert list(read(tmp_path)) == []


def test_an_envelope_beyond_8_kib_and_a_leaf_beyond_64_kib_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordTooLarge):
        appended(tmp_path, {"text": "x" * 8192})
    assert list(read(tmp_path)) == []
    largest = b"x" * 65_535
    assert len(segments.group([largest], 1, bytes(32))) > 65_535
    with pytest.raises(struct.error):
        segments.group([largest + b"x"], 1, bytes(32))
