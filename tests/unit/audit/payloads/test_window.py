"""Payloads read through a window are those of the file, whatever was read before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from safeconduct.audit.faults import Damaged
from safeconduct.audit.payloads import blobs
from safeconduct.audit.payloads.window import Window

LARGE = os.urandom(300_000)


def written(directory: Path, number: int, payloads: list[bytes], room: int = 0) -> list[int]:
    """The payloads of a file, with room after them; where they begin."""
    offsets: list[int] = []
    data = b""
    for one in payloads:
        offsets.append(len(data))
        data += blobs.frame(one)
    blobs.path(directory, number).write_bytes(data + bytes(room))
    return offsets


def test_each_payload_is_read_as_it_is_read_alone(tmp_path: Path) -> None:
    several = [b"a" * 40, LARGE, b"b", *(b"%d" % n * 90 for n in range(9_000))]
    places = [(0, at) for at in written(tmp_path, 0, several)]
    places += [(1, at) for at in written(tmp_path, 1, [b"other", b"more"])]
    window = Window(tmp_path)
    for place in (*places, places[0], places[-1], *reversed(places[:50]), places[1]):
        assert window.read(*place) == blobs.read(tmp_path, *place)
    window.close()


def test_what_is_written_into_room_that_was_read_is_seen(tmp_path: Path) -> None:
    written(tmp_path, 0, [b"first"], room=4096)
    window = Window(tmp_path)
    assert window.read(0, 0) == b"first"
    second = written(tmp_path, 0, [b"first", b"second"], room=4096)[1]
    assert window.read(0, second) == b"second"
    window.close()


@pytest.mark.parametrize("junk", [b"\0" * 8, b"\xff" * 8, b"\xff", b"", b"\1\2\3\4\0\0\0\1a"])
def test_what_is_not_as_it_was_written_is_damaged_and_the_rest_is_read(
    tmp_path: Path, junk: bytes
) -> None:
    (first,) = written(tmp_path, 0, [b"first"])
    with blobs.path(tmp_path, 0).open("ab") as file:
        at = file.tell()
        file.write(junk)
    window = Window(tmp_path)
    for _ in range(2):
        assert window.read(0, first) == b"first"
        with pytest.raises(Damaged) as caught:
            window.read(0, at)
        assert caught.value.code == "edited"
    with pytest.raises(FileNotFoundError):
        window.read(7, 0)
    assert window.read(0, first) == b"first"
    window.close()
    window.close()
