"""Proof that an answer is in the log and that nothing is missing from it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.audit import checkpoint
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import Damaged
from safeconduct.audit.index import evidence
from safeconduct.audit.index.evidence import Evidence, counter_of, gather, prove
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.audit.index.sqlite import WeeklyIndex
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import is_included
from tests.support.logs import ORIGIN
from tests.support.trails import DAY_MS, START_MS, TENANT, Trail

LATER = START_MS + 10 * DAY_MS


def trail() -> Trail:
    """Three days of one pair in two tasks, beside another pair's."""
    made = Trail()
    made.start("t_1")
    made.start("t_9", user="joe")
    for _ in range(3):
        made.call("t_1")
        made.call("t_9")
        made.at_ms += DAY_MS
    made.start("t_2")
    made.call("t_2")
    made.at_ms = LATER
    made.call("t_2")
    return made


def asking(**asked: Any) -> Query:
    pair = {"tenant": TENANT, "agent": "triage", "user": "jane", "until_ms": LATER}
    return msgspec.convert({**pair, **asked}, Query)


def gathered(directory: Path, query: Query) -> Evidence:
    with Search(directory, WeeklyIndex(directory / "index"), TENANT) as search:
        return gather(search, query)


def counted(found: Evidence, name: str = "pair_n") -> list[int]:
    return [hit.record[name] for hit in found.hits if hit.entry.party.user == "jane"]


def test_all_that_an_agent_did_for_a_user_in_a_time_with_one_before_and_all_after(
    tmp_path: Path,
) -> None:
    trail().write(tmp_path)
    found = gathered(
        tmp_path, asking(since_ms=START_MS + DAY_MS // 2, until_ms=START_MS + 3 * DAY_MS // 2)
    )
    assert (found.counter, found.flaw, found.last) == ("pair_n", None, "t_2")
    # the start of the task, which says whose it is; the outcome before; the call; what followed
    assert counted(found) == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert {hit.entry.party.user for hit in found.hits} == {"jane"}


def test_from_the_beginning_on_no_record_before_is_needed(tmp_path: Path) -> None:
    trail().write(tmp_path)
    found = gathered(tmp_path, asking(until_ms=START_MS + DAY_MS // 2))
    assert (counted(found), found.flaw) == ([*range(1, 13)], None)


def test_that_nothing_was_done_is_shown_by_the_one_before_and_those_after(tmp_path: Path) -> None:
    trail().write(tmp_path)
    found = gathered(
        tmp_path, asking(since_ms=START_MS + 5 * DAY_MS, until_ms=START_MS + 6 * DAY_MS)
    )
    assert (counted(found), found.flaw) == ([8, 10, 11, 12], None)


def test_an_open_end_is_no_proof(tmp_path: Path) -> None:
    trail().write(tmp_path)
    found = gathered(tmp_path, asking(until_ms=LATER + DAY_MS))
    assert found.flaw == "nothing shows that number 12 was the last"
    assert (found.contiguous, found.last) == (True, "t_2")


def test_an_open_end_is_no_reason_to_build_an_index_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail().write(tmp_path)
    monkeypatch.delattr(Search, "rebuild")
    assert gathered(tmp_path, asking(until_ms=LATER + DAY_MS)).flaw is not None


def test_filters_do_not_narrow_the_evidence(tmp_path: Path) -> None:
    trail().write(tmp_path)
    narrow = gathered(tmp_path, asking(tool="mail.send", verdict="deny", limit=1))
    assert counted(narrow) == counted(gathered(tmp_path, asking())) == [*range(1, 13)]


def test_all_of_a_task(tmp_path: Path) -> None:
    trail().write(tmp_path)
    query = Query(tenant=TENANT, task="t_2", until_ms=LATER)
    found = gathered(tmp_path, query)
    assert (counted(found, "task_n"), found.counter, found.flaw) == (
        [1, 2, 3, 4, 5],
        "task_n",
        None,
    )


@pytest.mark.parametrize(
    ("asked", "counter"),
    [
        ({}, None),
        ({"agent": "triage"}, None),
        ({"user": "jane"}, None),
        ({"agent": "triage", "user": "jane"}, "pair_n"),
        ({"agent": "triage", "user": "jane", "task": "t_1"}, "task_n"),
        ({"decision": "d_1"}, None),
        ({"agent": "triage", "user": "jane", "object": "C-1"}, None),
    ],
)
def test_only_a_task_and_a_pair_are_counted(asked: dict[str, str], counter: str | None) -> None:
    assert counter_of(msgspec.convert({"tenant": TENANT, **asked}, Query)) == counter


def test_a_wide_answer_is_its_own_evidence(tmp_path: Path) -> None:
    made = trail()
    made.write(tmp_path)
    found = gathered(tmp_path, Query(tenant=TENANT, until_ms=LATER, kind="task"))
    assert [hit.entry.task for hit in found.hits] == ["t_1", "t_9", "t_2"]
    assert (found.counter, found.flaw) == (None, None)


def test_records_out_of_the_order_of_their_times_are_all_there(tmp_path: Path) -> None:
    """A call is decided when it comes, and on record some seconds later."""
    made = trail()
    records = [one for one in made.records if one.get("pair_n") in (4, 5) and one["task"] != "t_9"]
    records[0]["at_ms"], records[1]["at_ms"] = records[1]["at_ms"], records[0]["at_ms"]
    made.write(tmp_path)
    since_ms = (records[0]["at_ms"] + records[1]["at_ms"]) // 2
    found = gathered(tmp_path, asking(since_ms=since_ms, until_ms=since_ms + DAY_MS // 2))
    assert found.flaw is None
    assert counted(found)[1:] == [*range(3, 13)]


@pytest.mark.parametrize("ahead", [False, True])
def test_a_record_that_followed_a_clock_that_was_set_back_cannot_be_left_out(
    ahead: bool, tmp_path: Path
) -> None:
    """It belongs to the span, and stands behind one that is after it."""
    made = trail()
    made.at_ms = START_MS + (11 * DAY_MS if ahead else DAY_MS)
    made.call("t_2")
    made.at_ms = START_MS + 4 * DAY_MS
    late = made.add({"kind": "revocation", "what": "task", "id": "t_2", "task": "t_2"})
    made.at_ms = LATER
    made.call("t_2")
    made.write(tmp_path)
    found = gathered(tmp_path, asking(since_ms=START_MS + 3 * DAY_MS))
    assert (found.flaw, counted(found)[-1]) == (None, 17)
    assert late in [hit.record for hit in found.hits]
    shortened = [hit for hit in found.hits if hit.record["n"] < late["n"]]
    assert shortened[-1].entry.at_ms > LATER or not ahead  # alone, its times would satisfy


def test_however_many_records_followed_with_times_from_before_the_span(tmp_path: Path) -> None:
    made = trail()
    made.at_ms = START_MS - DAY_MS
    for _ in range(3 * evidence.BESIDE):
        made.call("t_2")
    made.at_ms = LATER
    made.call("t_2")
    made.write(tmp_path)
    found = gathered(tmp_path, asking(since_ms=START_MS + DAY_MS))
    assert found.flaw is None
    assert counted(found) == [1, *range(3, 12 + 6 * evidence.BESIDE + 3)]


def test_a_last_record_that_is_told_by_a_clock_set_back_is_no_end(tmp_path: Path) -> None:
    made = trail()
    made.at_ms = START_MS + DAY_MS
    made.call("t_2")
    made.write(tmp_path)
    found = gathered(tmp_path, asking())
    assert (found.flaw, found.contiguous) == ("nothing shows that number 14 was the last", True)


def test_index_row_deleted_leaves_a_counter_gap_and_the_index_is_built_anew(tmp_path: Path) -> None:
    """By somebody who knows how not to be noticed by the index itself."""
    made = trail()
    made.write(tmp_path)
    whole = counted(gathered(tmp_path, asking()))
    (path, *_) = (tmp_path / "index").glob("*.sqlite3")
    with sqlite3.connect(path) as db:
        assert db.execute("delete from rows where n in (3, 4)").rowcount == 2
        db.execute("update through set writes = writes + 1")
    db.close()
    with Search(tmp_path, WeeklyIndex(tmp_path / "index"), TENANT) as search:
        assert 3 not in [hit.entry.n for hit in search.find(asking())]
        assert search.rebuilt is None
        assert [hit.record["pair_n"] for hit in gather(search, asking()).hits] == whole
        assert search.rebuilt == "it has a gap: after number 1 comes 4"


def test_a_record_that_the_log_itself_lacks_is_a_gap(tmp_path: Path) -> None:
    """Whoever rewrites the log would have to renumber what came after."""
    made = trail()
    at = next(n for n, one in enumerate(made.records) if one.get("pair_n") == 3)
    del made.records[at]
    for n, record in enumerate(made.records):
        record["n"] = n
    made.write(tmp_path)
    found = gathered(tmp_path, asking())
    assert found.flaw == "after number 2 comes 4"


def test_a_log_without_counters_proves_nothing_complete(tmp_path: Path) -> None:
    made = trail()
    for record in made.records:
        record.pop("pair_n", None)
    made.write(tmp_path)
    assert gathered(tmp_path, asking()).flaw == "there is no record that was counted"


def test_proofs_lead_to_the_checkpoint(tmp_path: Path) -> None:
    made = trail()
    made.write(tmp_path)
    hits = gathered(tmp_path, asking()).hits
    tree, note, proven = prove(tmp_path, hits)
    assert note == (tmp_path / "checkpoint").read_bytes()
    assert (tree.size, len(proven)) == (len(made.records), len(hits))
    for hit, path in proven:
        assert is_included(leaf_hash(hit.data), hit.entry.n, tree.size, path, tree.root)


def test_no_proof_is_given_that_does_not_hold(tmp_path: Path) -> None:
    made = trail()
    made.write(tmp_path)
    hits = gathered(tmp_path, asking()).hits
    checkpoint.store(tmp_path, Checkpoint(ORIGIN, len(made.records), bytes(32)))
    with pytest.raises(Damaged, match="does not stand under the checkpoint"):
        prove(tmp_path, hits)


def test_a_checkpoint_that_lags_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trail()
    made.write(tmp_path)
    hits = gathered(tmp_path, asking()).hits
    newest = checkpoint.load(tmp_path)
    assert newest is not None
    checkpoint.store(tmp_path, Checkpoint(ORIGIN, 0, newest.root))
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            checkpoint.store(tmp_path, newest)

    assert prove(tmp_path, hits, sleep=sleep)[0] == newest
    assert len(waited) == 3
    monkeypatch.setattr(evidence, "PATIENCE_S", 0.1)
    checkpoint.store(tmp_path, Checkpoint(ORIGIN, 0, newest.root))
    with pytest.raises(Damaged, match="no checkpoint covers the log's first"):
        prove(tmp_path, hits, sleep=waited.append)
