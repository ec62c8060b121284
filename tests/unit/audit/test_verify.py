from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import checkpoint, notes, segments, tail
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import LogFault
from safeconduct.audit.reading import decisions, find_decision, read
from safeconduct.audit.tail import Tail
from safeconduct.audit.verify import MAX_LISTED, Held, Report, verify
from safeconduct.audit.witness.keys import signers
from safeconduct.audit.witness.policy import parse
from safeconduct.core.merkle import EMPTY_ROOT, Tree
from tests.support.logs import (
    ORIGIN,
    Memory,
    forget,
    numbers,
    opened,
    outcome,
    permit,
    restart,
    sign,
    written,
)


def raw(directory: Path, *groups: Iterable[bytes]) -> None:
    """Writes entries as they are, past everything that would refuse them."""
    tree = Tree()
    end = Tail(directory, ORIGIN, 0, 0)
    for group in groups:
        entries = list(group)
        before = tree.copy()
        tree.extend(entries)
        end.append(segments.group(entries, tree.size, tree.root()), before)
    end.close()
    sign(directory, Checkpoint(ORIGIN, tree.size, tree.root()))


def sequence(records: Iterable[dict[str, Any]]) -> list[int]:
    return [record["n"] for record in records]


def codes(report: Report) -> list[tuple[str, int | None]]:
    return [(finding.code, finding.seq) for finding in report.findings]


def first_segment(directory: Path) -> Path:
    return segments.path(directory, 0)


class TestIntact:
    def test_a_log_is_what_it_was_written_to_be(self, tmp_path: Path) -> None:
        written(tmp_path, [permit("d_1")], [outcome("d_1")], *numbers(3))
        report = verify(tmp_path)
        assert (report.records, report.exit_code, report.findings) == (5, 0, ())
        assert report.kinds == {"config": 3, "decision": 1, "outcome": 1}
        assert (report.unknown, report.unknown_count, report.pending) == ((), 0, 0)
        root = base64.b64decode((tmp_path / "checkpoint").read_text().split("\n")[2]).hex()
        assert report.root == root
        assert report.sentence == f"audit verified: 5 records, root {root}"

    def test_an_empty_log_is_intact_and_says_so(self, tmp_path: Path) -> None:
        opened(tmp_path).close()
        report = verify(tmp_path)
        assert (report.exit_code, report.records, report.root) == (0, 0, EMPTY_ROOT.hex())
        assert "0 records (the log is empty)" in report.sentence

    async def test_a_log_in_use_is_verified_up_to_its_last_group(self, tmp_path: Path) -> None:
        log = opened(tmp_path)
        await log.append({"kind": "config"})
        whole = verify(tmp_path)
        with first_segment(tmp_path).open("r+b") as file:
            file.seek(len(file.read().rstrip(b"\0")))
            file.write(b"half of a group")
        torn = verify(tmp_path)
        log.close()
        assert (whole.records, whole.exit_code, whole.pending) == (1, 0, 0)
        assert (torn.records, torn.exit_code, torn.pending) == (1, 0, 15)

    async def test_a_log_may_be_verified_while_64_write(self, tmp_path: Path) -> None:
        log = opened(tmp_path)
        done = asyncio.Event()

        async def write() -> None:
            while not done.is_set():
                await log.append({"kind": "config"}, {"kind": "pin"})

        writers = [asyncio.ensure_future(write()) for _ in range(64)]
        for _ in range(20):
            before = log.size
            report = await asyncio.to_thread(verify, tmp_path)
            assert report.findings == ()
            assert before <= report.records
        done.set()
        await asyncio.gather(*writers)
        log.close()


class TestDamage:
    def test_a_directory_without_a_log_is_not_intact(self, tmp_path: Path) -> None:
        report = verify(tmp_path)
        assert (report.exit_code, codes(report)) == (10, [("truncated", 0)])
        assert report.sentence.startswith("audit NOT verified: the checkpoint is gone")
        with pytest.raises(FileNotFoundError):
            verify(tmp_path / "nowhere")

    def test_lost_records_are_missed_by_the_checkpoint(self, tmp_path: Path) -> None:
        written(tmp_path, *numbers(2))
        shorter = first_segment(tmp_path).read_bytes()
        forget(tmp_path)
        first_segment(tmp_path).unlink()
        written(tmp_path, *numbers(3))
        first_segment(tmp_path).write_bytes(shorter)
        report = verify(tmp_path)
        assert (report.exit_code, report.records) == (10, 2)
        assert "the checkpoint knows 3 records, the log holds 2" in report.sentence

    def test_a_torn_end_that_nobody_is_writing_is_a_finding(self, tmp_path: Path) -> None:
        written(tmp_path, *numbers(2))
        with first_segment(tmp_path).open("ab") as file:
            file.write(b"half of a group")
        report = verify(tmp_path)
        assert (report.exit_code, report.records, report.pending) == (10, 2, 0)
        assert "15 bytes" in report.sentence

    def test_a_cut_is_found_twice_when_the_checkpoint_saw_more(self, tmp_path: Path) -> None:
        written(tmp_path, *numbers(2))
        path = first_segment(tmp_path)
        path.write_bytes(path.read_bytes()[:-1])
        assert codes(verify(tmp_path)) == [("truncated", 1), ("truncated", 1)]

    def test_an_edit_is_found_where_it_is_and_proves_nothing_after_it(self, tmp_path: Path) -> None:
        written(tmp_path, *numbers(9))
        path = first_segment(tmp_path)
        path.write_bytes(path.read_bytes().replace(b'"value":4', b'"value":0'))
        report = verify(tmp_path)
        assert (report.exit_code, codes(report)) == (11, [("edited", 4)])
        assert (report.records, report.kinds) == (4, {"config": 4})

    def test_a_log_written_anew_is_a_fork_of_the_one_in_the_checkpoint(
        self, tmp_path: Path
    ) -> None:
        written(tmp_path, *numbers(3))
        claimed = (tmp_path / "checkpoint").read_bytes()
        restart(tmp_path)
        written(tmp_path, *numbers(3, first=7))
        (tmp_path / "checkpoint").write_bytes(claimed)
        report = verify(tmp_path)
        assert (report.exit_code, codes(report)) == (12, [("forked", 3)])

    def test_the_gravest_finding_gives_the_exit_code(self, tmp_path: Path) -> None:
        raw(tmp_path, [b'{"kind":"outcome","n":0}'])
        sign(tmp_path, Checkpoint(ORIGIN, 1, bytes(32)))
        report = verify(tmp_path)
        assert codes(report) == [("forked", 1), ("unpaired", 0)]
        assert report.exit_code == 12


class TestManySegments:
    """So many that processes share them; that changes nothing."""

    @pytest.fixture
    def several(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(tail, "SEGMENT_BYTES", 600)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
        calls = [[record] for n in range(9) for record in (permit(f"d_{n}"), outcome(f"d_{n}"))]
        written(tmp_path, *calls)
        assert len(segments.listing(tmp_path)) >= 4
        return tmp_path

    def test_they_are_told_of_and_put_together(self, several: Path) -> None:
        told: list[tuple[int, int]] = []
        report = verify(several, progress=lambda done, total: told.append((done, total)))
        assert (report.exit_code, report.records, report.unknown_count) == (0, 18, 0)
        total = len(segments.listing(several))
        assert told == [(done, total) for done in range(1, total + 1)]

    def test_nothing_after_the_first_damage_is_proven(self, several: Path) -> None:
        path = segments.listing(several)[2]
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"d_', b'"e_', 1))
        report = verify(several)
        assert report.exit_code == 11
        assert 0 < report.records < 18
        assert codes(report)[0] == ("edited", report.records)


@pytest.mark.parametrize(
    ("cosigned_s", "max_age_s", "code"),
    [(100, 60, 0), (40, 60, 0), (39, 60, 14), (39, 61, 0), (39, None, 0)],
)
def test_a_signature_of_a_witness_counts_until_records_are_much_newer(
    tmp_path: Path, cosigned_s: int, max_age_s: int | None, code: int
) -> None:
    log, room = tmp_path / "log", tmp_path / "witness"
    room.mkdir()
    written(log, [{"kind": "note", "at_ms": 99_000}], [{"kind": "note", "at_ms": 100_999}])
    witness = signers(room, "w.example")[0]
    note = notes.parse((log / checkpoint.NAME).read_bytes())
    (log / "witnessed").write_text(f"{note}{notes.sign(note.text, witness, cosigned_s)}")
    policy = parse(f"witness w {witness.key}\nquorum w\n")
    report = verify(log, Held(policy=policy, max_age_s=max_age_s))
    assert report.exit_code == code
    if code:
        why = "cosigned by nobody within 60 s before the newest record"
        assert report.findings[0].sentence == f"not witnessed as the policy asks: {why}"


class TestRecords:
    @pytest.mark.parametrize(
        "entry",
        [
            b'{"kind":"config","n":1,"value":1.5}',
            b'{"n":1,"kind":"config"}',
            b'{"kind":"config","n":1,"n":1}',
            b'{"kind":"config","n":7}',
            b'{"kind":"config"}',
            b"not json",
        ],
    )
    def test_a_proven_entry_that_this_log_does_not_write_is_an_edit(
        self, tmp_path: Path, entry: bytes
    ) -> None:
        raw(tmp_path, [b'{"kind":"config","n":0}', entry, b'{"kind":"config","n":2}'])
        report = verify(tmp_path)
        assert (report.exit_code, codes(report)) == (11, [("edited", 1)])
        assert report.records == 3

    def test_findings_are_not_endless(self, tmp_path: Path) -> None:
        raw(tmp_path, [b"{}"] * 100)
        assert len(verify(tmp_path).findings) == MAX_LISTED


class TestPairing:
    def test_a_permit_without_an_outcome_is_unknown(self, tmp_path: Path) -> None:
        written(tmp_path, [permit("d_1")], [permit("d_2")], [outcome("d_1")])
        report = verify(tmp_path)
        assert (report.exit_code, report.unknown, report.unknown_count) == (0, ("d_2",), 1)

    def test_only_permits_promise_an_outcome(self, tmp_path: Path) -> None:
        written(tmp_path, *[[{**permit("d_1"), "verdict": word}] for word in ("deny", "elevate")])
        assert verify(tmp_path).unknown == ()

    def test_the_oldest_unknown_are_listed_and_all_are_counted(self, tmp_path: Path) -> None:
        written(tmp_path, [permit(f"d_{number}") for number in range(30)])
        report = verify(tmp_path)
        assert report.unknown == tuple(f"d_{number}" for number in range(20))
        assert report.unknown_count == 30

    @pytest.mark.parametrize(
        "before",
        [
            [],
            [permit("d_2")],
            [permit("d_1"), outcome("d_1")],
            [{**permit("d_1"), "verdict": "deny"}],
        ],
    )
    def test_an_outcome_that_no_permit_waits_for_is_a_finding(
        self, tmp_path: Path, before: list[dict[str, Any]]
    ) -> None:
        written(tmp_path, [*before, outcome("d_1")])
        report = verify(tmp_path)
        assert (report.exit_code, codes(report)) == (11, [("unpaired", len(before))])
        assert "an outcome for d_1" in report.sentence


class TestRead:
    @pytest.fixture(autouse=True)
    def log(self, tmp_path: Path) -> Memory:
        return written(
            tmp_path,
            [{"kind": "task", "task": "t_1"}],
            [permit("d_1", "t_1"), {"kind": "memory", "task": "t_1", "decision": "d_1"}],
            [permit("d_2", "t_2")],
            [outcome("d_2")],
            [outcome("d_1")],
            [permit("d_3", "t_1")],
        )

    def test_all_records_come_in_order(self, tmp_path: Path, log: Memory) -> None:
        assert list(read(tmp_path)) == log.records

    def test_those_of_a_decision(self, tmp_path: Path) -> None:
        assert sequence(read(tmp_path, decision="d_1")) == [1, 2, 5]
        assert sequence(read(tmp_path, decision="d_9")) == []

    def test_those_of_a_task_with_the_outcomes_of_its_decisions(self, tmp_path: Path) -> None:
        assert sequence(read(tmp_path, task="t_1")) == [0, 1, 2, 5, 6]
        assert sequence(read(tmp_path, task="t_2")) == [3, 4]

    def test_the_last_ones(self, tmp_path: Path) -> None:
        assert sequence(read(tmp_path, last=2)) == [5, 6]
        assert sequence(read(tmp_path, last=100)) == list(range(7))
        assert sequence(read(tmp_path, task="t_1", last=1)) == [6]

    def test_a_decision_comes_with_its_outcome_if_there_is_one(
        self, tmp_path: Path, log: Memory
    ) -> None:
        assert find_decision(tmp_path, "d_1") == (log.records[1], log.records[5])
        assert find_decision(tmp_path, "d_3") == (log.records[6], None)
        with pytest.raises(LookupError, match="d_9"):
            find_decision(tmp_path, "d_9")

    def test_what_is_not_proven_is_not_shown(self, tmp_path: Path) -> None:
        path = first_segment(tmp_path)
        path.write_bytes(path.read_bytes().replace(b'"task":"t_2"', b'"task":"t_1"'))
        records = read(tmp_path)
        assert [next(records)["n"] for _ in range(3)] == [0, 1, 2]
        with pytest.raises(LogFault) as caught:
            next(records)
        assert caught.value.code == "edited"

    def test_an_entry_that_is_no_record_is_not_shown(self, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        raw(other, [b'{"value":1.5}'])
        with pytest.raises(LogFault, match="float"):
            list(read(other))


class TestDecisions:
    def test_only_decisions_are_read_and_nested_or_quoted_words_are_none(
        self, tmp_path: Path
    ) -> None:
        quoted = {"kind": "config", "text": '"kind":"decision"', "inner": {"kind": "decision"}}
        written(tmp_path, [permit("d_1"), outcome("d_1")], [quoted, permit("d_2")])
        assert [record["decision"] for record in decisions(tmp_path)] == ["d_1", "d_2"]
        odd = tmp_path / "odd"
        odd.mkdir()
        raw(odd, [b'[{"kind":"decision"}]', b'{"inner":{"kind":"decision"}}'])
        assert list(decisions(odd)) == []

    def test_what_is_not_as_it_was_written_is_not_read(self, tmp_path: Path) -> None:
        written(tmp_path, [permit("d_1")], [permit("d_2")])
        path = first_segment(tmp_path)
        path.write_bytes(path.read_bytes().replace(b"d_2", b"d_9"))
        read_until = decisions(tmp_path)
        assert next(read_until)["decision"] == "d_1"
        with pytest.raises(LogFault):
            next(read_until)

    def test_a_log_that_ends_before_its_checkpoint_is_a_fault(self, tmp_path: Path) -> None:
        written(tmp_path, [permit("d_1")], [permit("d_2")])
        claimed = checkpoint.load(tmp_path)
        assert claimed is not None
        checkpoint.store(tmp_path, Checkpoint(claimed.origin, claimed.size + 1, claimed.root))
        found = decisions(tmp_path)
        assert [next(found)["decision"], next(found)["decision"]] == ["d_1", "d_2"]
        with pytest.raises(LogFault, match="knows 3 records, the log holds 2") as caught:
            next(found)
        assert caught.value.code == "truncated"
        (tmp_path / checkpoint.NAME).unlink()
        with pytest.raises(LogFault, match="the checkpoint is gone"):
            list(decisions(tmp_path))

    def test_a_proven_entry_that_is_no_json_is_a_fault(self, tmp_path: Path) -> None:
        raw(tmp_path, [b'{"kind":"decision"'])
        with pytest.raises(LogFault):
            list(decisions(tmp_path))
