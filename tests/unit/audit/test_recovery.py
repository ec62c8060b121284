from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from safeconduct.audit import checkpoint, recovery, segments, tail
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.records import decode, encode, numbered
from safeconduct.audit.tail import Tail
from safeconduct.audit.walk import Walk
from safeconduct.core.merkle import EMPTY_ROOT, Tree
from tests.support.logs import ORIGIN, Memory, numbers, written


def behind(projection: Memory, applied: int) -> Memory:
    """The same projection after its last commits were lost."""
    earlier = Memory()
    earlier.begin()
    for record in projection.records[:applied]:
        earlier.apply(record["n"], record, replay=False)
    earlier.commit()
    return earlier


@pytest.fixture
def segmented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 400)
    return written(tmp_path, *numbers(12))


def test_the_end_is_where_the_next_group_goes(tmp_path: Path, segmented: Memory) -> None:
    last = segments.listing(tmp_path)[-1]
    whole = Walk(tmp_path)
    for _ in whole:
        pass
    for applied in range(13):
        end = recovery.find_end(tmp_path, ORIGIN, applied)
        assert (end.tree.size, end.tree.root()) == (12, whole.tree.root())
        assert (end.segment, end.offset) == (int(last.stem[-8:]), last.stat().st_size)


def test_a_directory_that_never_was_a_log_becomes_one(tmp_path: Path) -> None:
    end = recovery.find_end(tmp_path, ORIGIN, 0)
    assert (end.tree.size, end.segment, end.offset) == (0, 0, 0)


def test_a_projection_that_knows_more_than_the_log_refuses(
    tmp_path: Path, segmented: Memory
) -> None:
    with pytest.raises(Damaged, match="13 records were applied, the log holds 12") as caught:
        recovery.find_end(tmp_path, ORIGIN, 13)
    assert caught.value.code == "truncated"


def test_a_checkpoint_that_knows_more_than_the_log_refuses(
    tmp_path: Path, segmented: Memory
) -> None:
    checkpoint.store(tmp_path, Checkpoint(ORIGIN, 13, bytes(32)))
    with pytest.raises(Damaged, match="checkpoint knows 13"):
        recovery.find_end(tmp_path, ORIGIN, 0)


def test_a_log_that_is_gone_refuses_whoever_remembers_it(tmp_path: Path, segmented: Memory) -> None:
    for path in segments.listing(tmp_path):
        path.unlink()
    with pytest.raises(Damaged, match="the log holds 0"):
        recovery.find_end(tmp_path, ORIGIN, 0)
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(Damaged, match="checkpoint is gone"):
        recovery.find_end(tmp_path, ORIGIN, 12)


def test_a_log_without_its_checkpoint_refuses(tmp_path: Path, segmented: Memory) -> None:
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(Damaged, match="checkpoint is gone"):
        recovery.find_end(tmp_path, ORIGIN, 12)


def test_an_older_checkpoint_is_as_true_as_it_was(tmp_path: Path, segmented: Memory) -> None:
    for group in Walk(tmp_path):
        checkpoint.store(tmp_path, Checkpoint(ORIGIN, group.size, group.root))
        assert recovery.find_end(tmp_path, ORIGIN, 12).tree.size == 12
    checkpoint.store(tmp_path, Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    assert recovery.find_end(tmp_path, ORIGIN, 12).tree.size == 12


def test_a_log_of_another_origin_refuses(tmp_path: Path, segmented: Memory) -> None:
    with pytest.raises(LogFault) as caught:
        recovery.find_end(tmp_path, "other/log", 12)
    assert caught.value.code == "foreign"


def test_what_refuses_leaves_the_evidence_alone(tmp_path: Path, segmented: Memory) -> None:
    last = segments.listing(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:-3])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(Damaged):
        recovery.find_end(tmp_path, ORIGIN, 12)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_projection_is_brought_up_to_the_log_from_wherever_it_is(
    tmp_path: Path, segmented: Memory
) -> None:
    for applied in range(13):
        projection = behind(segmented, applied)
        recovery.replay(tmp_path, projection)
        assert projection.records == segmented.records
        assert projection.replayed == list(range(applied, 12))
        assert projection.applied() == 12


def test_long_logs_are_replayed_in_several_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection = written(tmp_path, *numbers(10))
    monkeypatch.setattr(recovery, "_REPLAY_BATCH", 4)
    lost = behind(projection, 1)
    commits: list[int] = []
    commit = lost.commit

    def counted() -> None:
        commit()
        commits.append(lost.applied())

    monkeypatch.setattr(lost, "commit", counted)
    recovery.replay(tmp_path, lost)
    assert commits == [5, 9, 10]


def test_a_record_that_contradicts_the_projection_refuses(tmp_path: Path) -> None:
    projection = written(tmp_path, *numbers(3))
    lost = behind(projection, 1)

    class Stubborn(Memory):
        def apply(self, seq: int, record: object, *, replay: bool) -> str | None:
            return "no such task" if seq == 2 else None

    stubborn = Stubborn()
    with pytest.raises(LogFault, match="record 2 contradicts what was applied: no such task"):
        recovery.replay(tmp_path, stubborn)
    assert lost.applied() == 1
    assert stubborn.applied() == 0


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([b'{"n":0}', b'{"n":1,"value":1.5}'], "record 1: a value of type float"),
        ([b'{"n":0}', b'{"n":0}'], "record 1 says that it is another"),
        ([b'{"n":0}', b'{"kind":"config"}'], "record 1 says that it is another"),
    ],
)
def test_entries_that_the_log_would_not_write_refuse(
    tmp_path: Path, entries: list[bytes], sentence: str
) -> None:
    tree = Tree()
    tree.extend(entries)
    end = Tail(tmp_path, ORIGIN, 0, 0)
    end.append(segments.group(entries, tree.size, tree.root()), Tree())
    end.close()
    projection = Memory()
    with pytest.raises(Damaged, match=sentence) as caught:
        recovery.replay(tmp_path, projection)
    assert (caught.value.code, caught.value.seq) == ("edited", 1)
    assert projection.records == []


def test_an_edit_in_a_segment_that_is_no_longer_read_is_left_to_verify(
    tmp_path: Path, segmented: Memory
) -> None:
    """Opening proves the end of a log; proving all of it takes time that grows with the log."""
    path = segments.listing(tmp_path)[0]
    path.write_bytes(path.read_bytes().replace(b'"value":0', b'"value":9'))
    assert recovery.find_end(tmp_path, ORIGIN, 12).tree.size == 12
    with pytest.raises(Damaged):
        recovery.find_end(tmp_path, ORIGIN, 0)


def test_a_copied_log_is_the_same_log(tmp_path: Path, segmented: Memory) -> None:
    other = tmp_path / "copy"
    shutil.copytree(tmp_path, other)
    assert recovery.find_end(other, ORIGIN, 12).tree.size == 12


def test_a_replayed_record_is_what_was_given(tmp_path: Path) -> None:
    record = {"kind": "config", "list": [1, {"a": None}], "text": "é"}
    projection = written(tmp_path, [record])
    lost = Memory()
    recovery.replay(tmp_path, lost)
    assert lost.records == projection.records == [decode(encode(numbered(record, 0)))]
