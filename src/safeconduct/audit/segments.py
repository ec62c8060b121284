"""The files of a log, byte for byte.

A log is a directory of `segment-00000000.log`, `segment-00000001.log` and so on, and a `checkpoint`
(see there). A segment is a run of frames, each

    crc32 (4 bytes) | kind (1) | length (2) | payload

in network byte order, the checksum over all that follows it. Length and payload together are an
entry of a C2SP tlog-tiles bundle, so tiles can be cut out of a log without rewriting an entry.

    H  once, first: canonical JSON of `Header`, which lets a reader begin at any segment
    E  the exact bytes of one record: a leaf of the tree
    T  after each group of entries: the tree's size (8 bytes) and root (32) with that group

What ends with a whole trailer was flushed in one piece, and nothing else is part of the log. Zeros
may follow it: room for the next groups (see `tail`). No frame is made of them, as the checksum of a
frame of zeros is not zero.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from safeconduct.audit.damage import Damaged
from safeconduct.core.merkle import HASH_BYTES, Tree

HEADER: Final = ord("H")
ENTRY: Final = ord("E")
TRAILER: Final = ord("T")

PRUNED: Final = "pruned"
"""A file that says up to which segment a log was pruned."""

MOST_BYTES: Final = 1 << 30
"""No segment is so long: one gets no further group from 64 MiB on. A file of holes may be."""

_PREFIX: Final = Struct(">IBH")
_CHECKED: Final = Struct(">BH")
_CHECKSUM_BYTES: Final = 4
_TRAILER: Final = Struct(f">Q{HASH_BYTES}s")
_TRAILER_MARK: Final = _CHECKED.pack(TRAILER, _TRAILER.size)
"""How a trailer begins after its checksum. An entry cannot hold it: JSON has no NUL byte."""

_NAME: Final = re.compile(r"segment-(\d{8})\.log")
_CHUNK_BYTES: Final = 1 << 20

_prefix: Final = _PREFIX.unpack_from
_crc32: Final = zlib.crc32


Frame: TypeAlias = tuple[int, bytes, int]
"""Kind and payload of one frame, and the offset of the byte after it."""


class Group(NamedTuple):
    """What was flushed in one piece: entries, and the tree's size and root with them.

    `end` is the offset of the byte after its trailer.
    """

    entries: list[bytes]
    size: int
    root: bytes
    end: int


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a segment says of itself: which one it is of which log, and the tree it continues."""

    format: Literal[1] = 1
    nodes: tuple[str, ...]
    origin: str
    segment: int
    size: int

    def tree(self) -> Tree:
        """The tree before this segment's first entry.

        Raises:
            ValueError: `size` and `nodes` do not make a tree.
        """
        return Tree(self.size, [bytes.fromhex(node) for node in self.nodes])


def frame(kind: int, payload: bytes) -> bytes:
    """The bytes of one frame; the payload has at most 65,535 bytes."""
    checked = _CHECKED.pack(kind, len(payload)) + payload
    return zlib.crc32(checked).to_bytes(_CHECKSUM_BYTES) + checked


def header(origin: str, segment: int, tree: Tree) -> bytes:
    """The frame that opens a segment."""
    nodes = tuple(node.hex() for node in tree.nodes)
    said = Header(nodes=nodes, origin=origin, segment=segment, size=tree.size)
    return frame(HEADER, msgspec.json.encode(said, order="sorted"))


def group(entries: Iterable[bytes], size: int, root: bytes) -> bytes:
    """The frames of a group, with the tree's size and root after its entries."""
    frames = [frame(ENTRY, entry) for entry in entries]
    frames.append(frame(TRAILER, _TRAILER.pack(size, root)))
    return b"".join(frames)


def path(directory: Path, segment: int) -> Path:
    """Where a segment is kept."""
    return directory / f"segment-{segment:08}.log"


def listing(directory: Path) -> list[Path]:
    """The segments of a log, in order, but for those that were pruned.

    Raises:
        Damaged: one is missing.
        OSError: the directory cannot be read.
    """
    names = sorted(file.name for file in directory.iterdir() if _NAME.fullmatch(file.name))
    first = number(directory / names[0]) if names else 0
    if first > pruned(directory):
        raise Damaged("edited", f"{path(directory, 0).name} is missing, and {names[0]} exists")
    paths = [path(directory, first + at) for at in range(len(names))]
    for name, wanted in zip(names, paths, strict=True):
        if name != wanted.name:
            raise Damaged("edited", f"{wanted.name} is missing, and {name} exists")
    return paths


def pruned(directory: Path) -> int:
    """Up to which segment a log may have been pruned. That it was is for a record to say.

    Raises OSError.
    """
    try:
        fd = os.open(directory / PRUNED, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return 0
    try:
        text = os.read(fd, 16)
    finally:
        os.close(fd)
    return int(text) if text.isdigit() else 0


def number(segment: Path) -> int:
    """Which segment a path is of."""
    return int(segment.stem.removeprefix("segment-"))


def holding(paths: Sequence[Path], size: int) -> int:
    """The number of the segment that holds the last of a log's first `size` records, or of the
    first there is.

    Raises OSError.
    """
    for segment in reversed(paths[1:]):
        fd = os.open(segment, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            opening = read_header(fd)
        finally:
            os.close(fd)
        if opening is not None and opening[0].size < size:
            return number(segment)
    return number(paths[0]) if paths else 0


def frames(fd: int, offset: int) -> Iterator[Frame]:
    """Whole frames from an offset on; ends before the first that is incomplete or not as written.

    Reads the file as it is now: nothing is cached between two calls.
    """
    window = b""
    while more := os.pread(fd, _CHUNK_BYTES, offset + len(window)):
        window += more
        position, size = 0, len(window)
        while (start := position + _PREFIX.size) <= size:
            checksum, kind, length = _prefix(window, position)
            end = start + length
            if end > size:
                break
            if _crc32(window[position + _CHECKSUM_BYTES : end]) != checksum:
                return
            yield kind, window[start:end], offset + end
            position = end
        offset, window = offset + position, window[position:]


def read_header(fd: int) -> tuple[Header, int] | None:
    """A segment's header and the offset after it; None when there is no whole one."""
    first = next(frames(fd, 0), None)
    if first is None or first[0] != HEADER:
        return None
    try:
        return msgspec.json.decode(first[1], type=Header), first[2]
    except msgspec.DecodeError:
        return None


def groups(fd: int, offset: int) -> Iterator[Group]:
    """Whole groups from an offset on; ends before what is not a whole group."""
    entries: list[bytes] = []
    window, head = b"", _PREFIX.size
    while more := os.pread(fd, _CHUNK_BYTES, offset + len(window)):
        window += more
        position, size = 0, len(window)
        while (start := position + head) <= size:
            checksum, kind, length = _prefix(window, position)
            end = start + length
            if end > size:
                break
            if _crc32(window[position + _CHECKSUM_BYTES : end]) != checksum:
                return
            if kind == ENTRY:
                entries.append(window[start:end])
            elif kind == TRAILER and entries and length == _TRAILER.size:
                said, root = _TRAILER.unpack_from(window, start)
                yield Group(entries, said, root, offset + end)
                entries = []
            else:
                return
            position = end
        offset, window = offset + position, window[position:]


def has_trailer(fd: int, offset: int) -> bool:
    """Whether a whole trailer stands anywhere after an offset, readable frames before it or not."""
    return after_trailer(fd, offset) is not None


def after_trailer(fd: int, offset: int) -> int | None:
    """Where the first whole trailer after an offset ends; None where there is none."""
    window = b""
    while more := os.pread(fd, _CHUNK_BYTES, offset + len(window)):
        window += more
        at = window.find(_TRAILER_MARK, _CHECKSUM_BYTES)
        while at >= 0:
            start = offset + at - _CHECKSUM_BYTES
            if _is_trailer(fd, start):
                return start + _PREFIX.size + _TRAILER.size
            at = window.find(_TRAILER_MARK, at + 1)
        keep = min(len(window), _PREFIX.size - 1)  # a mark, or its checksum, may be cut in two
        offset, window = offset + len(window) - keep, window[len(window) - keep :]
    return None


def without_zeros(fd: int, start: int, end: int) -> int:
    """How many bytes of a file lie between two offsets, but for the zeros at their end."""
    count = 0
    for offset in range(start, end, _CHUNK_BYTES):
        chunk = os.pread(fd, min(_CHUNK_BYTES, end - offset), offset).rstrip(b"\0")
        if chunk:
            count = offset - start + len(chunk)
    return count


def _is_trailer(fd: int, offset: int) -> bool:
    data = os.pread(fd, _PREFIX.size + _TRAILER.size, offset)
    checksum = int.from_bytes(data[:_CHECKSUM_BYTES])
    return (
        len(data) == _PREFIX.size + _TRAILER.size and zlib.crc32(data[_CHECKSUM_BYTES:]) == checksum
    )
