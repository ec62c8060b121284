import asyncio
import errno
import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.audit import tail
from safeconduct.audit.log import Log
from safeconduct.audit.preserving import Altered, NotPreserved
from safeconduct.audit.preserving.directory import Directory, immutable
from safeconduct.audit.preserving.preserving import opened, preserve
from safeconduct.audit.verify import verify
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
    assert first.records > 0
    assert first.covered == 0
    grow(log)
    second = preserve(log, Directory(store))
    assert second.covered == 60 <= second.records
    assert not set(first.put) & set(second.put)
    assert preserve(log, Directory(store)).put == ()
    report = verify(store)
    assert (report.exit_code, report.records) == (0, second.records)
    segment = store / "segment-00000000.log"
    for change in (segment.unlink, lambda: segment.write_bytes(b""), lambda: segment.chmod(0o777)):
        with pytest.raises(PermissionError):
            change()


def test_a_log_that_was_rewritten_since_is_found(log: Path, store: Path, tmp_path: Path) -> None:
    preserve(log, Directory(store))
    grow(tmp_path / "other", what="confyg")
    rewritten = (tmp_path / "other" / "segment-00000000.log").read_bytes()
    (log / "segment-00000000.log").write_bytes(rewritten)
    with pytest.raises(Altered, match=r"segment-00000000\.log is not what was preserved of it"):
        preserve(log, Directory(store))


def test_what_is_there_is_not_replaced(store: Path, tmp_path: Path) -> None:
    place, file = Directory(store), tmp_path / "file"
    file.write_bytes(b"one")
    place.put("a/name", file)
    file.write_bytes(b"two")
    with pytest.raises(FileExistsError):
        place.put("a/name", file)
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
        opened("s3://bucket/prefix", days=None)
    with pytest.raises(NotPreserved, match="needs --days"):
        opened("s3://", days=1)
