"""Answers part by part: nothing is lost between two parts, however times lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.audit.index.newest import End, newest
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.audit.index.sqlite import WeeklyIndex
from tests.support.searching import CLAIMED, trail
from tests.support.trails import DAY_MS, START_MS, TENANT, Trail

END_MS = START_MS + 400 * DAY_MS


def parts(directory: Path, most: int, until_ms: int = END_MS, **asked: Any) -> list[list[int]]:
    """The numbers of all records that answer, part by part."""
    found: list[list[int]] = []
    after: End | None = None
    with Search(directory, WeeklyIndex(directory / "index"), TENANT) as search:
        while True:
            query = Query(tenant=TENANT, **asked)
            part = newest(search, query, until_ms, most, after)
            found.append([hit.entry.n for hit in part.hits])
            after = part.older
            if after is None:
                return found


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"agent": "triage"}, {"task": "t_1"}, {"verdict": "deny"}, {"label": "untrusted"},
        {"since_ms": START_MS + DAY_MS}, {"trace": CLAIMED}, {"object": "C-1"},
        {"approval": "a_1"}, {"tool": "nobody.knows"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("most", [1, 3, 50])
def test_the_parts_are_the_answer(tmp_path: Path, asked: dict[str, Any], most: int) -> None:
    trail().write(tmp_path)
    with Search(tmp_path, WeeklyIndex(tmp_path / "index"), TENANT) as search:
        whole = [hit.entry.n for hit in search.find(Query(tenant=TENANT, **asked))]
    found = parts(tmp_path, most, **asked)
    assert [n for part in found for n in part] == whole[::-1]
    assert all(len(part) == most for part in found[:-1])


def test_what_is_asked_for_ends_where_it_was_said(tmp_path: Path) -> None:
    made = trail()
    made.write(tmp_path)
    until_ms = made.records[3]["at_ms"]
    assert parts(tmp_path, 2, until_ms) == [[2, 1], [0]]


@given(
    times=st.lists(
        st.one_of(
            st.just(0), st.integers(0, 3), st.integers(0, 10 * DAY_MS), st.integers(0, 60_000)
        ),
        max_size=40,
    ),
    most=st.integers(1, 5),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_clocks_that_were_set_back_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], most: int
) -> None:
    directory = tmp_path_factory.mktemp("log")
    made = Trail()
    for at_ms in times:
        made.at_ms = START_MS + at_ms
        made.add({"kind": "pin", "target": "crm#tools:x", "tenant": TENANT})
    made.write(directory)
    ordered = sorted(((one["at_ms"], one["n"]) for one in made.records), reverse=True)
    assert [n for part in parts(directory, most) for n in part] == [n for _, n in ordered]
