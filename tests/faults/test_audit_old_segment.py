"""A segment that was finished long ago is corrupt or gone: what the gateway does, and verify says.

docs/design/0018-damaged-segments.md says why nothing is set aside, and no record excuses a gap.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from safeconduct.audit import segments, tail
from safeconduct.audit.faults import LogFault
from safeconduct.audit.tiles import Hashes
from safeconduct.audit.verify import verify
from safeconduct.audit.walk import Walk
from safeconduct.cli import main
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import inclusion, is_included
from tests.support.evidence import append
from tests.support.logs import Memory, numbers, opened

RECORDS = 600


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Memory]:
    """So long that full tiles have the hashes of its first segments."""
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 4000)
    known = Memory()
    append(tmp_path / "log", known, numbers(RECORDS))
    return tmp_path / "log", known


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_corrupt_old_segment_stops_no_gateway_and_is_never_skipped(
    log: tuple[Path, Memory], capsys: pytest.CaptureFixture[str]
) -> None:
    directory, known = log
    second = segments.path(directory, 1)
    last = [entry for group in Walk(directory) for entry in group.entries][-1]
    whole = second.read_bytes()
    flip(second)
    damaged = second.read_bytes()
    append(directory, known, numbers(3, first=RECORDS))
    assert second.read_bytes() == damaged  # it is evidence
    report = verify(directory)
    assert report.exit_code == 11
    (finding,) = report.findings
    with second.open("rb") as file:
        header = segments.read_header(file.fileno())
    assert header is not None
    assert finding.seq is not None
    assert header[0].size <= finding.seq < RECORDS
    assert finding.sentence == (
        f"record {finding.seq} or one soon after it is not as it was written"
    )
    assert report.records == finding.seq
    # What comes after can still be proven, one by one: full tiles have the hashes of what is lost.
    walk = Walk(directory, start=2)
    for _ in walk:
        pass
    size, root = walk.tree.size, walk.tree.root()
    path = inclusion(RECORDS - 1, size, Hashes(directory, size))
    assert is_included(leaf_hash(last), RECORDS - 1, size, path, root)
    capsys.readouterr()
    assert main.main(["audit", "prove", "--record", str(RECORDS - 1), str(directory)]) == 0
    # The way out: the same bytes from a copy.
    second.write_bytes(whole)
    assert verify(directory).exit_code == 0


def test_a_missing_old_segment_refuses_until_it_is_brought_back(
    log: tuple[Path, Memory], tmp_path: Path
) -> None:
    directory, known = log
    path = segments.path(directory, 1)
    shutil.copy(path, tmp_path / "copy")
    path.unlink()
    before = sorted(directory.rglob("*"))
    with pytest.raises(LogFault, match=r"segment-00000001.log is missing, and segment-0") as caught:
        opened(directory, known)
    assert caught.value.code == "edited"
    assert sorted(directory.rglob("*")) == before
    assert verify(directory).exit_code == 11
    shutil.copy(tmp_path / "copy", path)
    append(directory, known, numbers(1, first=RECORDS))
    assert verify(directory).exit_code == 0


def test_a_record_of_a_gap_excuses_nothing(log: tuple[Path, Memory]) -> None:
    """Else whoever can damage a segment could have the loss put on record as known."""
    directory, known = log
    flip(segments.path(directory, 1))
    gap = {"kind": "audit.gap", "segments_before": 2, "payloads_before": 0}
    append(directory, known, [[gap]])
    assert verify(directory).exit_code == 11
