"""docs/reference/benchmark.md against the program and what it prints."""

import inspect
import re

import pytest

from bench import memory, replays, rivals, subjects
from bench.__main__ import IN_FLIGHT, MEMORY_CALLS, OLDER, options
from bench.audit import append, index, replay, verify
from bench.figures import Slice, summary
from bench.memory import BLOCK
from tests.support.pages import DOCS, codes, sections, tables

PAGE = DOCS / "reference" / "benchmark.md"
OWN = ["direct", "null", "full", OLDER]


def rows(heading: str) -> list[list[str]]:
    return tables(sections(PAGE)[heading])[0][1:]


def test_every_subject_is_named_in_its_order() -> None:
    assert [codes(row[0])[0] for row in rows("What is measured")] == [*OWN, *rivals.PROGRAMS]


def test_every_figure_is_explained() -> None:
    slices = [Slice(cpu_us=1, p50_us=1, p99_us=1, rate=1)] * 2
    printed = summary({"direct": slices, "null": slices, "nginx": slices}, ["nginx"])["nginx"]
    named = [field for row in rows("How it is measured") for field in codes(row[0])]
    assert sorted(named) == sorted([*printed, "resident_mb", "memory"])


def test_the_members_of_memory_are_named() -> None:
    (row,) = [row for row in rows("How it is measured") if row[0] == "`memory`"]
    source = inspect.getsource(memory.growth)
    named = [code for code in codes(row[1]) if code != "full"]
    assert all(f'"{name}"' in source for name in named)
    assert sorted(named) == ["bytes_per_call", "calls", "end_mb", "interval", "start_mb"]


def test_the_numbers_of_the_text_are_those_of_the_program() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"with {IN_FLIGHT} connections in flight" in text
    assert f"over {MEMORY_CALLS} calls" in text
    assert BLOCK * options().parse_args([]).seconds == 4  # "spans of four seconds"
    assert f"calls `{subjects.SEND[0]}` instead" in text
    assert f"calls `{subjects.READ[0]}`" in text


def test_every_option_stands_with_its_default() -> None:
    parser = options()
    given = vars(parser.parse_args([]))
    shown = {codes(row[0])[0]: row[1] for row in rows("Options")}
    assert set(shown) == set(re.findall(r"--[a-z-]+", parser.format_usage()))
    for option, default in shown.items():
        value = given[option.lstrip("-").replace("-", "_")]
        assert default == (str(value) if value else "off")


def test_every_figure_of_an_append_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    section = sections(PAGE)["Append"]
    assert f"[{append.IN_FLIGHT} callers at once]" in section
    assert f"{append.FEW} callers" in section
    assert f"{append.SLOWER_S * 1000:g} ms more" in section
    monkeypatch.setattr(append, "CALLS", append.IN_FLIGHT)
    monkeypatch.setattr(append, "ROUNDS", 1)
    monkeypatch.setattr(append, "spare_the_collector", lambda: None)
    (table,) = tables(section)
    named = [name for row in table[1:] for name in codes(row[0])]
    assert named == list(append.measure(0))


def test_every_figure_of_a_search_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WARM", "COLD"):
        monkeypatch.setattr(index, name, 1)
    section = sections(PAGE)["Search"]
    (table,) = tables(section)
    assert [codes(row[0])[0] for row in table[1:]] == list(index.measure(2_100))
    for number in (index.AGENTS, index.USERS, index.DAYS, index.WANTED * 7 // index.DAYS):
        assert f"{number:,}" in section


def test_every_figure_of_a_replay_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    section = sections(PAGE)["Replay"]
    assert f"[{replays.DECISIONS:,} decisions]" in section
    for where in (replays, replay):
        monkeypatch.setattr(where, "DECISIONS", 24)
    monkeypatch.setattr(replay, "ROUNDS", 1)
    (table,) = tables(section)
    assert [codes(row[0])[0] for row in table[1:]] == list(replay.measure(0))


def test_every_figure_of_a_verification_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ROUNDS", 1)
    section = sections(PAGE)["Verify"]
    (table,) = tables(section)
    assert [codes(row[0])[0] for row in table[1:]] == list(verify.measure(100))
    assert f"in groups of {verify.GROUP}" in section
