from __future__ import annotations

import errno
from pathlib import Path

import pytest

from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.payloads import blobs
from safeconduct.audit.payloads.blobs import Blobs
from safeconduct.ports import Sealed


def sealed(data: bytes) -> Sealed:
    return Sealed(data, {"kid": "k_1"})


def written(room: Blobs, *payloads: bytes) -> list[list[int]]:
    at = [room.stage(sealed(data))["at"] for data in payloads]
    room.flush()
    return at


def test_each_payload_is_where_its_record_was_told(tmp_path: Path) -> None:
    room = Blobs(tmp_path)
    at = written(room, b"one", b"two" * 1000)
    at += written(room, b"three")
    room.close()
    assert at == [[0, 0], [0, 11], [0, 3019]]
    found = [blobs.read(tmp_path, *place) for place in at]
    assert found == [b"one", b"two" * 1000, b"three"]
    assert [path.name for path in tmp_path.iterdir()] == ["payload-00000000.blob"]
    assert blobs.path(tmp_path, 0).stat().st_mode & 0o777 == 0o600


def test_what_is_forgotten_takes_no_place(tmp_path: Path) -> None:
    room = Blobs(tmp_path)
    room.stage(sealed(b"kept"))
    mark = room.mark()
    room.stage(sealed(b"refused"))
    room.back(mark)
    place = room.stage(sealed(b"next"))["at"]
    room.flush()
    room.close()
    assert blobs.read(tmp_path, *place) == b"next"
    assert b"refused" not in blobs.path(tmp_path, 0).read_bytes()


def test_what_is_too_large_to_be_kept_is_only_told_of(tmp_path: Path) -> None:
    room = Blobs(tmp_path)
    assert room.stage(Sealed(b"", {"left_out": "too-large"})) == {"left_out": "too-large"}
    room.flush()
    room.close()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_large_enough_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "FILE_BYTES", 20)
    room = Blobs(tmp_path)
    at = [place for number in range(5) for place in written(room, b"payload %d" % number)]
    room.close()
    assert [place[0] for place in at] == [0, 0, 1, 1, 2]
    assert [blobs.read(tmp_path, *place) for place in at] == [b"payload %d" % n for n in range(5)]
    room = Blobs(tmp_path)
    assert written(room, b"more") == [[2, 17]]
    room.close()


def test_after_a_crash_it_goes_on_behind_what_was_left(tmp_path: Path) -> None:
    room = Blobs(tmp_path)
    written(room, b"whole")
    path = blobs.path(tmp_path, 0)
    room.close()
    with path.open("ab") as file:
        file.write(b"torn" + bytes(1000))
    room = Blobs(tmp_path)
    (place,) = written(room, b"next")
    room.close()
    assert place == [0, 13 + 1004]
    assert blobs.read(tmp_path, 0, 0) == b"whole"
    assert blobs.read(tmp_path, *place) == b"next"


def test_an_empty_file_is_begun_anew(tmp_path: Path) -> None:
    blobs.path(tmp_path, 0).touch(mode=0o600)
    room = Blobs(tmp_path)
    assert written(room, b"first") == [[0, 0]]
    room.close()
    assert blobs.read(tmp_path, 0, 0) == b"first"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("before", [0, 1])
def test_without_space_nothing_is_written_and_the_next_group_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, before: int
) -> None:
    room = Blobs(tmp_path)
    for _ in range(before):
        written(room, b"before")
    room.stage(sealed(b"lost"))

    def full(*_: object) -> int:
        raise OSError(number, "no space")

    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", full)
        with pytest.raises(LogFault) as caught:
            room.flush()
    assert caught.value.code == "full"
    room.back(0)
    (place,) = written(room, b"next")
    room.close()
    assert blobs.read(tmp_path, *place) == b"next"
    assert place == [0, 14 * before]


def test_a_disk_that_fails_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(_: int) -> None:
        raise OSError(errno.EIO, "dying")

    room = Blobs(tmp_path)
    written(room, b"before")
    room.stage(sealed(b"lost"))
    monkeypatch.setattr("safeconduct.audit.tail.flush", failed)
    with pytest.raises(LogFault) as caught:
        room.flush()
    assert caught.value.code == "io"
    room.close()


@pytest.mark.parametrize("change", ["flip", "cut", "zeros"])
def test_a_changed_payload_is_not_returned(tmp_path: Path, change: str) -> None:
    room = Blobs(tmp_path)
    written(room, b"payload")
    room.close()
    path = blobs.path(tmp_path, 0)
    data = bytearray(path.read_bytes())
    match change:
        case "flip":
            data[-1] ^= 1
        case "cut":
            del data[-1]
        case _:
            data = bytearray(len(data))
    path.write_bytes(data)
    with pytest.raises(Damaged) as caught:
        blobs.read(tmp_path, 0, 0)
    assert caught.value.code == "edited"
    with pytest.raises(Damaged):
        blobs.read(tmp_path, 0, 10_000)
    with pytest.raises(FileNotFoundError):
        blobs.read(tmp_path, 7, 0)
