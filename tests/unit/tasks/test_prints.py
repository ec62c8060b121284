"""Fingerprints in their file: durable, bounded, and never silently gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safeconduct.core import fingerprints
from safeconduct.core.copying import Held
from safeconduct.core.labels import Confidentiality
from safeconduct.tasks import prints as module
from safeconduct.tasks.prints import Prints, PrintsUnusable

KEY = b"a key"
ONE = {Confidentiality.confidential: "The board has agreed in confidence to sell the works."}
TWO = {Confidentiality.restricted: "Nobody outside this room may hear before the notary has."}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prints.sqlite3"


@pytest.fixture
def prints(path: Path) -> Iterator[Prints]:
    made = Prints(path, KEY)
    yield made
    made.close()


def sources(prints: Prints, memory: str, text: str) -> list[str]:
    return [match.source for match in prints.held(memory).prints.match(text, KEY)]


def test_what_is_added_is_there_after_another_start(prints: Prints, path: Path) -> None:
    assert prints.add(("a", "b"), "t_1", ONE | TWO) == ("a", "b")
    assert prints.add(("a",), "t_2", TWO) == ()
    before = prints.held("a")
    assert (before.results, before.highest) == (1, Confidentiality.restricted)
    again = Prints(path, KEY)
    assert again.held("a") == again.held("b")
    assert again.held("a").results == 1
    for made in (prints, again):
        assert sources(made, "a", f"I say: {ONE[Confidentiality.confidential]}") == ["confidential"]
        assert sources(made, "b", f"I say: {TWO[Confidentiality.restricted]}") == ["restricted"]
        assert made.held("c") == Held()
    again.close()


def test_what_finds_no_room_is_said_and_raises_the_label(
    prints: Prints, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "CAPACITY", 2)
    assert prints.add(("a",), "t_1", ONE) == ("a",)
    assert prints.add(("a",), "t_1", TWO) == ("a",)
    assert prints.add(("a",), "t_1", TWO) == ()
    again = Prints(path, KEY)
    for made in (prints, again):
        held = made.held("a")
        assert (held.prints.full, held.highest) == (True, Confidentiality.restricted)
        assert held.results == 2
    again.close()


def test_what_is_full_stays_so_where_more_fits_later(
    prints: Prints, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "CAPACITY", 2)
    prints.add(("a",), "t_1", ONE)
    monkeypatch.undo()
    again = Prints(path, KEY)
    assert again.held("a").prints.full
    again.close()


def test_tasks_are_forgotten_and_what_was_counted_is_not(prints: Prints, path: Path) -> None:
    prints.add(("a",), "t_1", ONE)
    prints.add(("a",), "t_2", TWO)
    numbers = prints.held("a").prints.entries
    prints.forget(lambda _: False)
    assert prints.held("a").prints.entries == numbers
    prints.forget("t_1".__eq__)
    assert sources(prints, "a", ONE[Confidentiality.confidential]) == []
    assert sources(prints, "a", TWO[Confidentiality.restricted]) == ["restricted"]
    assert prints.held("a").results == 2
    assert b"t_1" not in path.read_bytes()


def test_few_memories_are_kept_at_hand(prints: Prints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMORIES", 2)
    for memory in "abcd":
        prints.add((memory,), "t_1", ONE)
    assert all(prints.held(memory).results == 1 for memory in "abcd")


def test_another_key_is_refused(prints: Prints, path: Path) -> None:
    prints.add(("a",), "t_1", ONE)
    with pytest.raises(PrintsUnusable, match="written with another key"):
        Prints(path, b"another key")


def test_garbage_is_refused(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(PrintsUnusable, match="not a database"):
        Prints(path, KEY)


def test_a_number_that_was_cut_off_is_refused(prints: Prints, path: Path) -> None:
    prints.add(("a",), "t_1", ONE)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE prints SET numbers = x'00'")
    db.close()
    again = Prints(path, KEY)
    with pytest.raises(PrintsUnusable):
        again.held("a")
    with pytest.raises(PrintsUnusable):
        again.add(("a",), "t_1", ONE)
    again.close()


def adds(prints: Prints) -> None:
    prints.add(("a",), "t_1", TWO)


def forgets(prints: Prints) -> None:
    prints.forget(lambda _: True)


@pytest.mark.parametrize("act", [adds, forgets])
def test_what_cannot_be_written_is_said_and_changes_nothing(
    prints: Prints, path: Path, act: Callable[[Prints], None]
) -> None:
    prints.add(("a",), "t_1", ONE)
    before = prints.held("a")
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE prints")
    db.close()
    with pytest.raises(PrintsUnusable):
        act(prints)
    assert prints.held("a") == before
