import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from safeconduct.audit import checkpoint, notes, segments, tiles
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.exports.exporter import Exporter
from safeconduct.audit.exports.sink import ALL, Sink, Taken
from safeconduct.audit.faults import LogFault
from safeconduct.audit.following import Copy, Cursor, Reader
from safeconduct.audit.index.following import catch_up
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.audit.index.sqlite import WeeklyIndex
from safeconduct.audit.payloads import blobs
from safeconduct.audit.reading import read
from safeconduct.audit.retention import covering
from safeconduct.audit.retention.holding import Holds
from safeconduct.audit.retention.pruning import Plan, plan, prune
from safeconduct.audit.signer import keys
from safeconduct.audit.verify import Held, verify
from safeconduct.audit.verify.claims import read as read_claim
from safeconduct.config.audit import Retention
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import inclusion, is_included, root
from safeconduct.ports import LedgerConflict
from tests.support.evidence import theirs
from tests.support.logs import ORIGIN
from tests.unit.audit.retention.conftest import DAY_MS, JANE, NOW_MS, TENANT, Kept

MONTH = Retention(records_days=30, payloads_days=30)


def lived(kept: Kept) -> None:
    """Calls of forty days, in several segments and many files of payloads."""
    kept.now_ms = NOW_MS - 40 * DAY_MS
    kept.start("t_1")
    for _ in range(40):
        kept.call("t_1", times=8)
        kept.now_ms += DAY_MS


def planned(kept: Kept, retention: Retention = MONTH, *held: str) -> Plan:
    return plan(kept.directory, retention, Holds(held), NOW_MS)


def pruned(kept: Kept, gone: Plan) -> int:
    record: dict[str, Any] = {
        "kind": "retention",
        "segments_before": gone.segments_before,
        "records_before": gone.records_before,
        "payloads_before": gone.payloads_before,
        "holds": kept.state.holds(),
        "by": "uid:0",
        "at_ms": NOW_MS,
    }
    kept.append(record)
    return prune(kept.directory, gone)


def signed(kept: Kept) -> None:
    """Has the tiles written that a running log's signer writes."""
    kept.close()
    kept.open()


def test_what_is_old_goes_and_what_is_left_verifies(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    before = list(read(kept.directory))
    gone = planned(kept)
    assert 0 < gone.segments_before < len(segments.listing(kept.directory))
    assert before[gone.records_before - 1]["at_ms"] < NOW_MS - 30 * DAY_MS
    freed = pruned(kept, gone)
    assert freed > 0
    report = verify(kept.directory)
    assert (report.exit_code, report.findings) == (0, ())
    assert (report.pruned, report.records) == (gone.records_before, len(before) + 1)
    assert theirs(kept.directory).code == 11  # as its help says
    assert list(read(kept.directory))[:-1] == before[gone.records_before :]
    assert not blobs.path(kept.directory, gone.payloads_before - 1).exists()


def test_a_checkpoint_that_was_kept_of_what_went_is_still_held_against_the_log(
    kept: Kept,
) -> None:
    lived(kept)
    signed(kept)
    gone = planned(kept)
    tree = tiles.Hashes(kept.directory, kept.log.size)
    pruned(kept, gone)
    for size in (1, gone.records_before - 1):
        said = Checkpoint(ORIGIN, size, root(size, tree))
        note = keys.load(kept.directory / keys.NAME, ORIGIN)
        text = f"{said.text()}\n{notes.sign(said.text(), note)}"
        held = Held(kept=(read_claim("the kept one", text.encode()),))
        assert verify(kept.directory, held).exit_code == 0
        other = Checkpoint(ORIGIN, size, bytes(32)).text()
        text = f"{other}\n{notes.sign(other, note)}"
        held = Held(kept=(read_claim("the kept one", text.encode()),))
        assert verify(kept.directory, held).findings[0].code == "forked"


def test_a_record_that_went_is_still_proven(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    entry = next(iter(segments_of(kept)))
    pruned(kept, planned(kept))
    size = kept.log.size
    signed(kept)
    proof = inclusion(0, size, tiles.Hashes(kept.directory, size))
    assert is_included(leaf_hash(entry), 0, size, proof, kept.log.root)


def segments_of(kept: Kept) -> list[bytes]:
    fd = segments.path(kept.directory, 0).open("rb")
    with fd as file:
        found = segments.read_header(file.fileno())
        assert found is not None
        return next(iter(segments.groups(file.fileno(), found[1]))).entries


def test_payloads_go_sooner_than_records(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    gone = planned(kept, Retention(payloads_days=5))
    assert (gone.segments_before, gone.records_before) == (0, 0)
    assert gone.payloads_before > 1
    pruned(kept, gone)
    report = verify(kept.directory)
    assert report.exit_code == 0
    assert report.expired > 0
    assert f"{report.expired} payloads pruned" in report.sentence


def test_without_a_bound_nothing_goes(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    assert planned(kept, Retention()) == Plan(0, 0, 0)


@pytest.mark.parametrize("what", ["log *", "task t_1", "user"])
def test_what_is_held_stays(kept: Kept, what: str) -> None:
    lived(kept)
    signed(kept)
    name = f"user {kept.keys.known('crm.example', JANE)}" if what == "user" else what
    assert planned(kept, MONTH, name) == Plan(0, 0, 0)


def test_a_hold_that_came_meanwhile_stops_it(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    gone, holds = planned(kept), kept.state.holds()
    kept.append({"kind": "hold", "phase": "placed", "what": "log", "id": "*", "reason": "case 7"})
    with pytest.raises(LedgerConflict, match="held"):
        kept.append(
            {"kind": "retention", **dict.fromkeys(gone.__struct_fields__, 0), "holds": holds}
        )


def test_the_log_goes_on_after_it_and_opens_again(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    pruned(kept, planned(kept))
    kept.now_ms = NOW_MS
    kept.call("t_1", times=50)
    signed(kept)
    kept.call("t_1")
    assert verify(kept.directory).exit_code == 0


def test_it_is_done_again_after_a_crash_in_between(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    gone = planned(kept)
    pruned(kept, gone)
    assert prune(kept.directory, gone) == 0
    again = planned(kept)
    assert again.segments_before == gone.segments_before
    assert again.payloads_before == gone.payloads_before


def test_a_beginning_that_is_missing_without_a_record_is_found(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    gone = planned(kept)
    prune(kept.directory, gone)
    report = verify(kept.directory)
    assert report.exit_code == 10
    assert report.findings[0].sentence == (
        f"the log begins with record {gone.records_before}, and none says that others went"
    )


def test_a_beginning_that_is_missing_without_the_file_is_damage(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    kept.close()
    segments.path(kept.directory, 0).unlink()
    assert verify(kept.directory).exit_code == 11
    with pytest.raises(LogFault, match=r"segment-00000000\.log is missing"):
        kept.open()
    shutil.rmtree(kept.directory)
    Path(kept.state_directory / "state.sqlite3").unlink()
    kept.open()


def test_a_state_that_needs_what_went_is_refused(kept: Kept) -> None:
    lived(kept)
    signed(kept)
    gone = planned(kept)
    pruned(kept, gone)
    kept.close()
    state = kept.state_directory / "state.sqlite3"
    saved = state.read_bytes()
    state.unlink()
    why = f"the state needs record 0, and the log was pruned up to record {gone.records_before}"
    with pytest.raises(LogFault, match=why):
        kept.open()
    for file in kept.state_directory.glob("state.sqlite3*"):
        file.unlink()
    state.write_bytes(saved)
    kept.open()


def test_who_follows_begins_with_the_first_record_that_is_left(
    kept: Kept, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lived(kept)
    signed(kept)
    early = Reader(kept.directory, Cursor())
    passed_on = early.read(10)[-1].place
    gone = planned(kept)
    pruned(kept, gone)
    signed(kept)
    for place, missed in (
        (Cursor(), gone.records_before),
        (passed_on, gone.records_before - passed_on.n),
    ):
        reader = Reader(kept.directory, place)
        copies = reader.read(10**6)
        assert (copies[0].place.n, copies[-1].place.n) == (gone.records_before, kept.log.size - 1)
        assert reader.missed == missed
    # One that gets to what went while it reads is opened anew.
    with pytest.raises(LogFault, match="the log holds"):
        early.read(10**6)
    # Of another log nothing is passed on, and no record of it is missed.
    with pytest.raises(LogFault, match="another log"):
        Reader(kept.directory, msgspec.structs.replace(passed_on, origin="other")).read(1)
    after = Cursor(origin=ORIGIN, n=gone.records_before + 1, before="00", segment=0)
    with pytest.raises(LogFault, match="begins before the cursor, and is after it"):
        Reader(kept.directory, after).read(1)
    sink = Takes()
    with caplog.at_level(logging.ERROR):
        export = Exporter(
            *("siem", kept.directory, tmp_path / "cursors", sink), shown=dict, stop=Event()
        )
        while export.advance():
            pass
    assert sink.took == [*range(gone.records_before, kept.log.size)]
    (said,) = (record.getMessage() for record in caplog.records)
    assert said == (
        f"export siem: {gone.records_before} records before record {gone.records_before} were "
        "pruned before they were handed over, and never will be"
    )
    caplog.clear()
    assert not Exporter(
        *("siem", kept.directory, tmp_path / "cursors", sink), shown=dict, stop=Event()
    ).advance()
    assert not caplog.records


def test_an_index_begins_with_the_first_record_that_is_left(kept: Kept, tmp_path: Path) -> None:
    lived(kept)
    signed(kept)
    index = WeeklyIndex(tmp_path / "index")
    assert catch_up(kept.directory, index) == kept.log.size
    gone = planned(kept)
    pruned(kept, gone)
    signed(kept)
    # One that was there before is built anew when a row of it leads nowhere.
    for one in (WeeklyIndex(tmp_path / "new"), index):
        with Search(kept.directory, one, TENANT) as search:
            found = [hit.entry.n for hit in search.find(Query(tenant=TENANT))]
            assert (found, search.damage) == ([*range(gone.records_before, kept.log.size)], None)


class Takes(Sink):
    """Takes the numbers of records."""

    max_items = 1000
    max_bytes = 10**6

    def __init__(self) -> None:
        self.took: list[int] = []

    def encode(self, copy: Copy) -> bytes | None:
        return b"%d" % copy.place.n

    def send(self, items: Sequence[bytes]) -> Taken:
        self.took += map(int, items)
        return ALL


def test_nothing_goes_before_a_checkpoint_covers_the_record_that_says_so(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(kept)
    signed(kept)
    gone = planned(kept)
    before = segments.listing(kept.directory)
    monkeypatch.setattr(covering, "PATIENCE_S", 0)
    monkeypatch.setattr(checkpoint, "load", lambda _: None)
    with pytest.raises(LogFault) as refused:
        pruned(kept, gone)
    assert refused.value.code == "unsigned"
    assert segments.listing(kept.directory) == before
    assert not (kept.directory / segments.PRUNED).exists()
