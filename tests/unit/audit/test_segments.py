from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.audit import segments
from safeconduct.audit.faults import Damaged
from safeconduct.core.merkle import Tree

ROOT = bytes(range(32))


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def test_a_frame_is_checksum_kind_length_and_payload() -> None:
    data = segments.frame(segments.ENTRY, b"{}")
    assert data[4:] == b"E\x00\x02{}"
    assert data[:4] == zlib.crc32(b"E\x00\x02{}").to_bytes(4)


def test_length_and_payload_are_an_entry_of_a_tile_bundle() -> None:
    data = segments.frame(segments.ENTRY, b"x" * 65_535)
    assert data[5:] == b"\xff\xff" + b"x" * 65_535


def test_groups_come_back_as_they_were_written(descriptor: int) -> None:
    first = segments.group([b"a", b"b"], 2, ROOT)
    second = segments.group([b"c"], 3, ROOT)
    os.write(descriptor, first + second)
    assert list(segments.groups(descriptor, 0)) == [
        segments.Group([b"a", b"b"], 2, ROOT, len(first)),
        segments.Group([b"c"], 3, ROOT, len(first) + len(second)),
    ]


def test_reading_may_begin_at_the_end_of_any_group(descriptor: int) -> None:
    first = segments.group([b"a"], 1, ROOT)
    os.write(descriptor, first + segments.group([b"b"], 2, ROOT))
    assert [group.size for group in segments.groups(descriptor, len(first))] == [2]


def test_long_files_are_read_in_pieces(descriptor: int) -> None:
    entries = [bytes([number % 251]) * 60_000 for number in range(80)]
    os.write(descriptor, segments.group(entries, 80, ROOT))
    (group,) = segments.groups(descriptor, 0)
    assert group.entries == entries


@pytest.mark.parametrize(
    "what_follows",
    [
        b"\x00" * 100,
        b"garbage that is longer than the prefix of a frame",
        segments.frame(segments.ENTRY, b"no trailer"),
        segments.frame(segments.TRAILER, b"too short"),
        segments.frame(segments.TRAILER, bytes(40)),
        segments.frame(segments.HEADER, b"{}") + segments.group([b"b"], 2, ROOT),
        segments.frame(ord("?"), b"") + segments.group([b"b"], 2, ROOT),
        segments.group([b"b"], 2, ROOT)[:-1],
    ],
)
def test_groups_end_before_what_is_not_a_whole_group(descriptor: int, what_follows: bytes) -> None:
    os.write(descriptor, segments.group([b"a"], 1, ROOT) + what_follows)
    assert [group.entries for group in segments.groups(descriptor, 0)] == [[b"a"]]


@pytest.mark.parametrize("padding", [0, 1, (1 << 20) - 50, (1 << 20) - 3, 1 << 20, 3 << 20])
def test_a_trailer_is_found_behind_anything(descriptor: int, padding: int) -> None:
    os.write(descriptor, b"\x01" * padding + segments.group([b"a"], 1, ROOT))
    assert segments.has_trailer(descriptor, 0)
    assert not segments.has_trailer(descriptor, padding + len(segments.frame(ord("E"), b"a")) + 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 200,
        b"T\x00\x28" * 100,
        segments.group([b"a"], 1, ROOT)[:-1],
        segments.frame(segments.ENTRY, b'{"text":"T\\u0000("}'),
    ],
)
def test_what_only_resembles_a_trailer_is_none(descriptor: int, content: bytes) -> None:
    os.write(descriptor, content)
    assert not segments.has_trailer(descriptor, 0)


def test_a_header_names_the_log_and_the_tree_it_continues(descriptor: int) -> None:
    tree = Tree()
    tree.extend([b"a", b"b", b"c"])
    data = segments.header("crm.example/audit", 7, tree)
    os.write(descriptor, data)
    opening = segments.read_header(descriptor)
    assert opening is not None
    said, end = opening
    assert (said.origin, said.segment, end) == ("crm.example/audit", 7, len(data))
    assert said.tree().root() == tree.root()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        segments.frame(segments.ENTRY, b"{}"),
        segments.frame(segments.HEADER, b"{}"),
        segments.frame(segments.HEADER, b"not json"),
        segments.frame(
            segments.HEADER, b'{"format":2,"nodes":[],"origin":"o","segment":0,"size":0}'
        ),
        segments.frame(
            segments.HEADER, b'{"format":1,"nodes":[],"origin":"o","segment":0,"size":0,"x":1}'
        ),
    ],
)
def test_a_segment_without_a_header_of_this_format_has_none(
    descriptor: int, content: bytes
) -> None:
    os.write(descriptor, content)
    assert segments.read_header(descriptor) is None


def test_segments_are_listed_in_order_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("segment-00000001.log", "segment-00000000.log", "checkpoint", "segment-2.log"):
        (tmp_path / name).touch()
    names = [path.name for path in segments.listing(tmp_path)]
    assert names == ["segment-00000000.log", "segment-00000001.log"]


def test_a_missing_segment_is_an_edit(tmp_path: Path) -> None:
    for number in (0, 2):
        segments.path(tmp_path, number).touch()
    with pytest.raises(Damaged, match=r"segment-00000001\.log is missing") as caught:
        segments.listing(tmp_path)
    assert caught.value.code == "edited"
