"""Files that claim to be huge and hold next to nothing: verifiers say so, and read none of it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from safeconduct.audit import checkpoint, segments, tiles
from safeconduct.audit.faults import Damaged
from safeconduct.audit.payloads import blobs
from safeconduct.audit.payloads.sealing import MAX_PLAIN_BYTES
from safeconduct.audit.payloads.window import Window
from safeconduct.audit.records import decode, encode
from tests.support import evidence
from tests.support.evidence import Evidence, ours, rewritten, signed_anew, theirs

TIB = 1 << 40
EDITED = 11


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    return evidence.evidence(tmp_path, monkeypatch)


def claim_a_payload(log: Evidence) -> None:
    """A record says that its payload is all of a file of holes."""

    def change(entries: list[bytes]) -> list[bytes]:
        records = [decode(entry) for entry in entries]
        records[2]["payload"]["bytes"] = TIB
        return [encode(record) for record in records]

    rewritten(log, change)
    signed_anew(log)
    os.truncate(log.blob, 2 * TIB)


HOLES: dict[str, tuple[Callable[[Evidence], None], int, str]] = {
    "the last segment": (
        lambda log: os.truncate(log.segment(2), TIB),
        EDITED,
        f"edited: segment 2 has {TIB} bytes, and none is so long",
    ),
    "a segment before": (
        lambda log: os.truncate(log.segment(0), TIB),
        EDITED,
        f"edited: segment 0 has {TIB} bytes, and none is so long",
    ),
    "the payloads": (lambda log: os.truncate(log.blob, TIB), 0, "audit verified: 22 records"),
    "a payload": (claim_a_payload, EDITED, "edited: record 2: a payload at a place that cannot be"),
    "the checkpoint": (
        lambda log: os.truncate(log.directory / checkpoint.NAME, TIB),
        EDITED,
        "edited: the checkpoint is not signed by the log's key",
    ),
    "the key": (
        lambda log: os.truncate(log.directory / "log.pub", TIB),
        EDITED,
        "edited: log.pub holds no verifier key",
    ),
}


@pytest.mark.parametrize("name", HOLES)
def test_a_file_of_holes_is_told_of_and_not_read(
    name: str, log: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    make, code, sentence = HOLES[name]
    make(log)
    said = ours(capsys, log.directory)
    assert said.code == code, said.text
    assert sentence in said.text
    said = theirs(log.directory)
    assert said.code == code, said.text
    assert "MemoryError" not in said.text


def test_a_tile_of_holes_is_none(tmp_path: Path) -> None:
    path = tmp_path / tiles.path(0, 0)
    path.parent.mkdir(parents=True)
    path.touch()
    os.truncate(path, TIB)
    assert tiles.read(tmp_path, 0, 0) is None
    path.unlink()
    os.mkfifo(path)
    assert tiles.read(tmp_path, 0, 0) is None


def test_what_was_pruned_is_not_asked_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / segments.PRUNED)
    assert segments.pruned(tmp_path) == 0


def test_no_payload_is_so_long_that_what_a_file_says_of_it_is_read(tmp_path: Path) -> None:
    assert MAX_PLAIN_BYTES < blobs.MOST_BYTES
    path = blobs.path(tmp_path, 0)
    path.write_bytes(bytes(4) + (blobs.MOST_BYTES).to_bytes(4))
    os.truncate(path, TIB)
    for read in (partial(blobs.read, tmp_path), Window(tmp_path).read):
        with pytest.raises(Damaged, match="is not as"):
            read(0, 0)


def test_a_bundle_of_holes_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "case.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("case.json", b"{}")
    whole = path.read_bytes()
    directory = whole.index(b"PK\1\2")
    size = (3 << 30).to_bytes(4, "little")
    local, listed = bytearray(whole[:directory]), bytearray(whole[directory:])
    local[18:26] = listed[20:28] = size * 2
    at = len(local) - 2 + (3 << 30)
    end = listed.index(b"PK\5\6")
    listed[end + 16 : end + 20] = at.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(local)
        file.seek(at)
        file.write(listed)
    said = ours(capsys, "--bundle", path)
    assert said.code == 3, said.text
    assert "more is in it than it is long, or 1 GiB" in said.text
    said = theirs(path)
    assert (said.code, "more is in it than in any bundle" in said.text) == (EDITED, True)
