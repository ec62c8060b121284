"""What every index has to answer: what reading all of the log would give."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.audit import segments
from safeconduct.audit.index.entry import Entries, Party
from safeconduct.audit.index.port import Count, Index
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.core.trace import trace_of
from tests.support.trails import DAY_MS, HOUR_MS, START_MS, TENANT, Trail

CLAIMED = "0af7651916cd43dd8448eb211c80319c"


def trail() -> Trail:
    """Two agents, two users, five days across the end of a week, everything that can be asked."""
    made = Trail()
    made.start("t_1")
    made.call("t_1")
    made.call("t_1", "mail.send", verdict="deny", reason="flow-not-allowed")
    made.start("t_2", user="joe")
    made.call("t_2", objects={"case_id": "C-1"})
    made.at_ms += 2 * DAY_MS
    made.start("t_3", agent="writer")
    made.call("t_3", trace=CLAIMED, trace_claimed=True)
    dirty = {"integrity": "untrusted", "confidentiality": "restricted", "categories": ["pii"]}
    made.call("t_1", "mail.send", verdict="elevate", labels=dirty)
    made.add({"kind": "approval", "phase": "requested", "approval": "a_1", "task": "t_1"})
    made.at_ms += 3 * DAY_MS
    made.call("t_1")
    made.add({"kind": "revocation", "what": "task", "id": "t_1", "by": "uid:0"})
    return made


def asking(**asked: Any) -> Query:
    return msgspec.convert({"tenant": TENANT, **asked}, Query)


def by_reading(made: Trail, **asked: Any) -> list[int]:
    """The answer of somebody who looks at each record."""
    parties: dict[str, Party] = {}
    entries = Entries(TENANT, parties.get)
    query = asking(**asked)
    answer: list[int] = []
    for n, record in enumerate(made.records):
        entry = entries.entry(n, 0, record)
        parties.setdefault(entry.task, entry.party)
        if query.fits(entry):
            answer.append(n)
    return answer if query.limit is None else answer[-query.limit :]


def by_counting(made: Trail, every_ms: int, **asked: Any) -> list[Count]:
    """The counts of somebody who looks at each record."""
    counts = Counter[tuple[int, str]]()
    for n in by_reading(made, **asked):
        record = made.records[n]
        said = next((record[name] for name in ("verdict", "status", "phase") if name in record), "")
        counts[record["at_ms"] // every_ms * every_ms, said] += 1
    return [Count(*key, records) for key, records in sorted(counts.items())]


QUESTIONS: list[dict[str, Any]] = [
    dict(zip(names, values, strict=True))
    for size in (0, 1, 2, 3)
    for names in itertools.combinations(
        ("agent", "user", "task", "tool", "verdict", "since_ms"), size
    )
    for values in itertools.product(
        *(
            {
                "agent": ("triage", "writer", "nobody"),
                "user": ("jane", "joe"),
                "task": ("t_1", "t_3"),
                "tool": ("crm.get_case", "mail.send"),
                "verdict": ("permit", "deny"),
                "since_ms": (START_MS + DAY_MS, START_MS + 4 * DAY_MS),
            }[name]
            for name in names
        )
    )
]


class Conformance:
    """What is asked of an index, whatever keeps it."""

    def opened(self, directory: Path) -> Index:
        """The index of the log in a directory."""
        raise NotImplementedError

    def search(self, directory: Path) -> Search:
        return Search(directory, self.opened(directory), TENANT)

    def found(self, directory: Path, **asked: Any) -> list[int]:
        return [record["n"] for record in self.hits(directory, **asked)]

    def hits(self, directory: Path, **asked: Any) -> list[dict[str, Any]]:
        with self.search(directory) as search:
            return [hit.record for hit in search.find(asking(**asked))]

    def test_every_question_has_the_answer_of_who_reads_all(self, tmp_path: Path) -> None:
        made = trail()
        made.write(tmp_path)
        with self.search(tmp_path) as search:
            for asked in QUESTIONS:
                query = Query(tenant=TENANT, **asked)
                assert [hit.entry.n for hit in search.find(query)] == by_reading(made, **asked), (
                    asked
                )

    @pytest.mark.parametrize(
        "asked",
        [
            {"label": "untrusted"},
            {"label": "PII"},
            {"label": "trust"},
            {"kind": "revocation"},
            {"reason": "flow-not-allowed"},
            {"until_ms": START_MS + DAY_MS},
            {"until_ms": START_MS + 4 * DAY_MS, "since_ms": START_MS + DAY_MS, "agent": "triage"},
            {"limit": 3},
            {"limit": 3, "agent": "triage"},
            {"limit": 100, "task": "t_1"},
            {"limit": 1, "until_ms": START_MS + DAY_MS},
            {"decision": f"d_{TENANT}_2"},
            {"decision": "d_none"},
            {"approval": "a_1"},
            {"object": "C-1"},
            {"object": "C-1", "user": "jane"},
        ],
        ids=str,
    )
    def test_so_has_each_rarer_one(self, asked: dict[str, Any], tmp_path: Path) -> None:
        made = trail()
        made.write(tmp_path)
        assert self.found(tmp_path, **asked) == by_reading(made, **asked)

    def test_counts_are_those_of_who_reads_all(self, tmp_path: Path) -> None:
        made = trail()
        made.write(tmp_path)
        with self.search(tmp_path) as search:
            for asked in (*QUESTIONS, {"kind": "decision"}, {"label": "pii"}, {"reason": "none"}):
                for every_ms in (2_000, HOUR_MS, 20 * DAY_MS):
                    counts = search.count(asking(**asked), every_ms)
                    assert counts == by_counting(made, every_ms, **asked), asked

    def test_a_trace_is_what_calls_claimed_or_what_is_derived_from_their_task(
        self, tmp_path: Path
    ) -> None:
        made = trail()
        made.write(tmp_path)
        claimed = self.hits(tmp_path, trace=CLAIMED)
        assert [(one["kind"], one["task"]) for one in claimed] == [("decision", "t_3")]
        derived = self.found(tmp_path, trace=trace_of("t_3"))
        assert derived == [n for n in by_reading(made, task="t_3") if n != claimed[0]["n"]]
        assert (
            self.found(tmp_path, trace=trace_of("t_1"), limit=2)
            == by_reading(made, task="t_1")[-2:]
        )
        assert self.found(tmp_path, trace="00") == []

    def test_cross_tenant_query_leak(self, tmp_path: Path) -> None:
        """A log that was another tenant's for a while: neither sees what is the other's."""
        made = trail()
        n = len(made.records)
        made.add({"kind": "config", "phase": "loaded", "tenant": "other.example"})
        made.add({"kind": "revocation", "what": "user", "id": "jane", "by": "uid:0"})
        made.write(tmp_path)
        assert self.found(tmp_path) == [*range(n)]
        assert self.found(tmp_path, tenant="other.example") == [n, n + 1]
        for asked in (
            {"agent": "triage"},
            {"task": "t_1"},
            {"decision": f"d_{TENANT}_1"},
            {"limit": 9},
        ):
            answer = self.found(tmp_path, tenant="other.example", **asked)
            assert set(answer) <= {n, n + 1}, asked
        assert self.found(tmp_path, tenant="third.example") == []

    def test_an_index_goes_on_where_it_was(self, tmp_path: Path) -> None:
        made = trail()
        made.write(tmp_path, group=1)
        before = self.found(tmp_path, agent="triage")
        whole = segments.path(tmp_path, 0).read_bytes()
        made.call("t_1")
        made.start("t_9")
        made.call("t_9")
        made.write(tmp_path, group=1)
        assert segments.path(tmp_path, 0).read_bytes().startswith(whole)
        after = self.found(tmp_path, agent="triage")
        assert after == by_reading(made, agent="triage")
        assert after[: len(before)] == before

    def test_an_index_follows_from_segment_to_segment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("safeconduct.audit.tail.SEGMENT_BYTES", 1500)
        made = trail()
        made.write(tmp_path, group=2)
        assert self.found(tmp_path) == by_reading(made)
        for _ in range(5):
            made.call("t_1")
            made.write(tmp_path, group=2)
            assert self.found(tmp_path) == by_reading(made)
        assert len(segments.listing(tmp_path)) > 3

    @pytest.mark.parametrize("shorter", [True, False])
    def test_another_log_in_the_same_place_is_indexed_anew(
        self, shorter: bool, tmp_path: Path
    ) -> None:
        made = trail()
        made.write(tmp_path)
        self.found(tmp_path)
        other = Trail(at_ms=START_MS + 9 * DAY_MS)
        other.start("t_1", user="someone")
        for _ in range(1 if shorter else 30):
            other.call("t_1")
        other.write(tmp_path)
        assert self.found(tmp_path) == by_reading(other)
        assert self.found(tmp_path, user="jane") == []

    def test_of_a_damaged_log_what_comes_before_is_searched(self, tmp_path: Path) -> None:
        made = trail()
        made.write(tmp_path, group=5)
        path = segments.path(tmp_path, 0)
        data = bytearray(path.read_bytes())
        at = data.index(b'"n":7')
        data[at + 4] ^= 1
        path.write_bytes(data)
        with self.search(tmp_path) as search:
            answer = [hit.entry.n for hit in search.find(Query(tenant=TENANT))]
            assert search.damage is not None
            assert (answer, search.size) == ([0, 1, 2, 3, 4], 5)
            # and it is the same when the index has come so far already
            assert [hit.entry.n for hit in search.find(Query(tenant=TENANT))] == answer
            assert search.damage is not None

    def test_a_write_under_way_is_no_damage(self, tmp_path: Path) -> None:
        made = trail()
        made.write(tmp_path)
        self.found(tmp_path)
        with segments.path(tmp_path, 0).open("ab") as file:
            file.write(segments.frame(segments.ENTRY, b'{"half":"a group"}') + b"\0" * 100)
        with self.search(tmp_path) as search:
            assert [hit.entry.n for hit in search.find(Query(tenant=TENANT))] == by_reading(made)
            assert search.damage is None
