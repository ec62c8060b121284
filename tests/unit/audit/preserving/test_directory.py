import asyncio
import errno
import fcntl
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shutil import copytree

import pytest

from safeconduct.audit import checkpoint, segments, tail
from safeconduct.audit.checkpoint import NAME
from safeconduct.audit.log import Log
from safeconduct.audit.preserving import Altered, NotPreserved
from safeconduct.audit.preserving.directory import Directory, immutable
from safeconduct.audit.preserving.preserving import opened, preserve
from safeconduct.audit.signer import keys
from safeconduct.audit.signer.notary import MEMORY
from safeconduct.audit.verify import verify
from safeconduct.audit.walk import Walk
from tests.support.logs import ORIGIN, Memory


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """Where files can be made immutable, and taken away again after the test."""
    place = tmp_path / "store"
    place.mkdir()
    probe = place / "probe"
    probe.touch()
    try:
        immutable(probe)
    except NotPreserved as error:
        pytest.skip(str(error))
    yield place
    for file in place.rglob("*"):
        if file.is_file():
            immutable(file, on=False)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 2_000)
    grow(tmp_path / "log")
    return tmp_path / "log"


def grow(directory: Path, count: int = 60, what: str = "config") -> None:
    log = Log.open(directory, Memory(), origin=ORIGIN)

    async def append() -> None:
        for number in range(count):
            await log.append({"kind": what, "number": number})

    asyncio.run(append())
    log.close()


def test_what_was_put_is_a_log_that_nobody_changes(log: Path, store: Path) -> None:
    first = preserve(log, Directory(store))
    assert first.records == 60
    assert verify(store).records == 60
    grow(log)
    second = preserve(log, Directory(store))
    assert second.records == 120
    assert not set(first.put) & set(second.put)
    assert preserve(log, Directory(store)).put == ()
    report = verify(store)
    assert (report.exit_code, report.records) == (0, 120)
    for name in ("segment-00000000.log", "checkpoint", "log.pub"):
        file = store / name
        for change in (file.unlink, partial(file.write_bytes, b""), partial(file.chmod, 0o777)):
            with pytest.raises(PermissionError):
                change()


def test_a_log_that_is_hardly_begun_is_there_as_a_whole(tmp_path: Path, store: Path) -> None:
    for records in (3, 6, 9):
        grow(tmp_path / "log", 3)
        done = preserve(tmp_path / "log", Directory(store))
        assert done.records == records
        report = verify(store)
        assert (report.exit_code, report.records) == (0, records)
    assert [segments.number(one) for one in segments.listing(store)] == [0, 1, 2]


def test_what_the_checkpoint_does_not_cover_yet_waits(tmp_path: Path, store: Path) -> None:
    log = tmp_path / "log"
    grow(log, 3)
    signed = {name: (log / name).read_bytes() for name in (NAME, MEMORY)}
    grow(log, 3)
    for name, data in signed.items():
        (log / name).write_bytes(data)
    assert preserve(log, Directory(store)).records == 3
    assert verify(store).records == 3


def test_a_log_that_was_put_back_is_found(log: Path, store: Path, tmp_path: Path) -> None:
    copytree(log, tmp_path / "backup")
    grow(log, 1)
    preserve(log, Directory(store))
    with pytest.raises(Altered, match="goes on to size 61, the checkpoint to 60"):
        preserve(tmp_path / "backup", Directory(store))


def test_what_is_there_and_was_pruned_here_stays(log: Path, store: Path) -> None:
    preserve(log, Directory(store))
    grow(log)
    preserve(log, Directory(store))
    _prune(log, 4)
    assert preserve(log, Directory(store)).put == ()
    assert verify(store).records == 120


def test_of_a_segment_whose_beginning_was_pruned_here_the_end_is_compared(
    log: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 1 << 20)
    preserve(log, Directory(store))
    _prune(log, 2)
    assert preserve(log, Directory(store)).put == ()
    segment = store / "segment-00000000.log"
    data = segment.read_bytes()
    Directory(store).point(segment.name, data[:-60] + bytes(1) + data[-59:])
    with pytest.raises(Altered, match="is not what was preserved of it"):
        preserve(log, Directory(store))


def test_a_log_that_was_pruned_is_preserved_as_it_is(log: Path, store: Path) -> None:
    early = log.with_name("early")
    copytree(log, early)
    grow(log)
    for one, records in ((early, 60), (log, 120)):
        _prune(one, 2)
        assert preserve(one, Directory(store)).records == records
    assert (store / segments.PRUNED).read_bytes() == b"2"
    first = Walk(log)
    walk = Walk(store, checkpoint.load(store))
    assert [group.entries for group in walk] == [group.entries for group in first]
    assert walk.began.size > 0
    walk.check_claim()


def test_what_was_pruned_too_soon_is_told(log: Path, store: Path) -> None:
    preserve(log, Directory(store))
    grow(log, 120)
    _prune(log, 5)
    with pytest.raises(NotPreserved, match=r"records 60 to \d+ were pruned before"):
        preserve(log, Directory(store))


def _prune(log: Path, before: int) -> None:
    (log / segments.PRUNED).write_bytes(b"%d" % before)
    for one in segments.listing(log):
        if segments.number(one) < before:
            one.unlink()


@pytest.mark.parametrize("place", ["state/audit", "state/audit/copy", "state/copy", "state", "."])
def test_a_store_is_not_where_the_log_is(tmp_path: Path, place: str) -> None:
    log = tmp_path / "state" / "audit"
    log.mkdir(parents=True)
    (tmp_path / "state" / keys.NAME).touch()
    with pytest.raises(NotPreserved, match="is where the log itself is"):
        opened(str(tmp_path / place), log, days=None)
    opened(str(tmp_path / "store"), log, days=None)


def test_the_open_file_of_payloads_is_there_up_to_now(log: Path, store: Path) -> None:
    blob = log / "payload-00000000.blob"
    blob.write_bytes(b"one" + bytes(100))
    assert blob.name in preserve(log, Directory(store)).put
    assert (store / blob.name).read_bytes() == b"one" + bytes(16)
    assert preserve(log, Directory(store)).put == ()
    blob.write_bytes(bytes(3) + b"two" + bytes(100))
    (log / "payload-00000001.blob").write_bytes(b"next")
    assert preserve(log, Directory(store)).put == (blob.name, "payload-00000001.blob")
    assert (store / blob.name).read_bytes() == bytes(3) + b"two" + bytes(16)
    assert preserve(log, Directory(store)).put == ()


def test_a_log_that_was_rewritten_since_is_found(log: Path, store: Path, tmp_path: Path) -> None:
    preserve(log, Directory(store))
    grow(tmp_path / "other", what="confyg")
    rewritten = (tmp_path / "other" / "segment-00000000.log").read_bytes()
    (log / "segment-00000000.log").write_bytes(rewritten)
    with pytest.raises(Altered, match=r"segment-00000000\.log is not what was preserved of it"):
        preserve(log, Directory(store))


def test_what_is_there_is_not_replaced(store: Path) -> None:
    place = Directory(store)
    place.put("a/name", b"one")
    with pytest.raises(FileExistsError):
        place.put("a/name", b"two")
    assert place.read("a/name") == b"one"
    assert "a/name" in place.names()


def test_where_nothing_can_be_made_immutable_nothing_counts_as_preserved(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(*_: object) -> bytes:
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    monkeypatch.setattr(fcntl, "ioctl", unable)
    with pytest.raises(NotPreserved, match="files cannot be made immutable here"):
        preserve(log, Directory(tmp_path / "store"))
    assert Directory(tmp_path / "store").names() == frozenset()


def test_a_bucket_needs_to_be_told_for_how_long() -> None:
    with pytest.raises(NotPreserved, match="needs --days"):
        opened("s3://bucket/prefix", Path(), days=None)
    with pytest.raises(NotPreserved, match="needs --days"):
        opened("s3://", Path(), days=1)
