"""Writes that were cut off, and bytes that are not those that were written.

Whatever happens to the end of a log, opening it gives the whole groups that were written, or
refuses. Nothing that was answered is ever given up silently: whoever remembers it refuses.
"""

from __future__ import annotations

import asyncio
from hashlib import shake_128
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.audit import segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import LogFault
from safeconduct.audit.reading import read
from safeconduct.audit.verify import verify
from safeconduct.audit.walk import Walk
from tests.support.logs import ORIGIN, Memory, opened, rewind, written

GROUPS: list[list[dict[str, Any]]] = [
    [{"kind": "config", "value": 0}],
    [{"kind": "config", "value": 1}, {"kind": "config", "value": 2}],
    [{"kind": "pin", "tool": "crm.get_case"}, {"kind": "pin", "tool": "mail.send"}],
]


class Torn(NamedTuple):
    """A log of three groups of which nobody was told of the last."""

    directory: Path
    whole: bytes
    last: int  # where its last group begins
    records: list[dict[str, Any]]

    @property
    def path(self) -> Path:
        return segments.path(self.directory, 0)

    def told(self, groups: int) -> Memory:
        """A projection, and a checkpoint, that know of the first groups."""
        projection = Memory()
        for group in list(Walk(self.directory))[:groups]:
            rewind(self.directory, Checkpoint(ORIGIN, group.size, group.root))
        projection.begin()
        for record in self.records[: sum(map(len, GROUPS[:groups]))]:
            projection.apply(record["n"], record, replay=False)
        projection.commit()
        return projection


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Torn:
    directory = tmp_path_factory.mktemp("audit")
    records = written(directory, *GROUPS).records
    whole = segments.path(directory, 0).read_bytes()
    return Torn(directory, whole, list(Walk(directory))[1].end, records)


def restore(torn: Torn, content: bytes, told: int) -> Memory:
    torn.path.write_bytes(torn.whole)
    projection = torn.told(told)
    torn.path.write_bytes(content)
    return projection


def goes_on(torn: Torn, projection: Memory, size: int) -> None:
    """The log opens with that many records, takes another one, and is whole."""
    log = opened(torn.directory, projection)
    assert log.size == size
    assert asyncio.run(log.append({"kind": "after"})) == size
    log.close()
    assert list(read(torn.directory)) == [*torn.records[:size], {"kind": "after", "n": size}]
    assert verify(torn.directory).exit_code == 0
    assert projection.records == list(read(torn.directory))


def refuses(torn: Torn, projection: Memory) -> str:
    """The log does not open, and its file is left as it is."""
    before = torn.path.read_bytes()
    with pytest.raises(LogFault) as caught:
        opened(torn.directory, projection)
    assert torn.path.read_bytes() == before
    assert verify(torn.directory).exit_code != 0
    return caught.value.code


@pytest.mark.parametrize("tail", [b"", b"\x00" * 4096, b"\xff" * 40], ids=["cut", "zeros", "ones"])
def test_a_group_that_was_cut_anywhere_was_never_written(torn: Torn, tail: bytes) -> None:
    for cut in range(torn.last, len(torn.whole)):
        if (torn.whole[:cut] + tail).startswith(torn.whole):
            continue  # the tail happens to be what was cut off
        projection = restore(torn, torn.whole[:cut] + tail, told=2)
        goes_on(torn, projection, 3)


def test_a_group_that_someone_was_told_of_is_missed_wherever_it_was_cut(torn: Torn) -> None:
    for cut in range(len(torn.whole)):
        projection = restore(torn, torn.whole[:cut], told=3)
        assert refuses(torn, projection) == "truncated"
        assert refuses(torn, Memory()) == "truncated"  # the checkpoint still knows


def test_a_whole_group_that_nobody_was_told_of_counts(torn: Torn) -> None:
    projection = restore(torn, torn.whole, told=2)
    goes_on(torn, projection, 5)
    assert projection.replayed == [3, 4]


@pytest.mark.parametrize("seed", range(20))
def test_garbage_after_the_last_group_is_no_part_of_the_log(torn: Torn, seed: int) -> None:
    garbage = shake_128(bytes([seed])).digest(1 + seed * 257)
    projection = restore(torn, torn.whole + garbage, told=3)
    goes_on(torn, projection, 5)


def test_a_flipped_bit_anywhere_is_refused_by_whoever_was_told(torn: Torn) -> None:
    for at in range(len(torn.whole)):
        content = bytearray(torn.whole)
        content[at] ^= 1 << at % 8
        projection = restore(torn, bytes(content), told=3)
        assert refuses(torn, projection) in {"edited", "truncated"}


def test_a_flipped_bit_in_a_group_that_nobody_was_told_of_is_never_read(torn: Torn) -> None:
    """A disk that lost power while it wrote leaves the same behind as somebody who changed it."""
    for at in range(torn.last, len(torn.whole)):
        content = bytearray(torn.whole)
        content[at] ^= 1 << at % 8
        projection = restore(torn, bytes(content), told=2)
        goes_on(torn, projection, 3)


def test_a_flipped_bit_before_the_last_group_is_no_torn_write(torn: Torn) -> None:
    """The last group was begun when that before it was durable."""
    torn.path.write_bytes(torn.whole)
    first, second, _ = list(Walk(torn.directory))
    trailer = len(segments.group([], 0, bytes(32)))
    for at in range(first.end, second.end):
        content = bytearray(torn.whole)
        content[at] ^= 1 << at % 8
        assert refuses(torn, restore(torn, bytes(content), told=2)) in {"edited", "truncated"}
        if at < second.end - trailer:
            assert refuses(torn, restore(torn, bytes(content), told=1)) == "edited"


@settings(max_examples=300)
@given(start=st.integers(0, 1000), removed=st.integers(0, 200), inserted=st.binary(max_size=200))
def test_what_is_read_is_always_a_beginning_of_what_was_written(
    torn: Torn, start: int, removed: int, inserted: bytes
) -> None:
    content = torn.whole[:start] + inserted + torn.whole[start + removed :]
    restore(torn, content, told=3)
    report = verify(torn.directory)
    shown: list[dict[str, Any]] = []
    try:
        shown.extend(read(torn.directory))
    except LogFault:
        assert report.exit_code != 0
    if not content.startswith(torn.whole):
        assert report.exit_code != 0
    if report.exit_code == 0:
        assert shown == torn.records
