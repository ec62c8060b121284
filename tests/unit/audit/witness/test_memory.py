import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from safeconduct.audit.witness.memory import NEVER, Latest, Memory

LOG = "acme.example/audit"
FIVE = Latest(5, b"5" * 32, b"note of five")
NINE = Latest(9, b"9" * 32, b"note of nine")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    kept = Memory(tmp_path / "witness.sqlite3")
    yield kept
    kept.close()


def test_a_log_that_was_never_seen_has_size_zero(memory: Memory) -> None:
    assert memory.latest(LOG) == NEVER


def test_it_goes_forward_from_what_it_knows_alone(memory: Memory) -> None:
    assert memory.advance(LOG, 0, FIVE)
    assert not memory.advance(LOG, 0, NINE)
    assert memory.latest(LOG) == FIVE
    assert memory.advance(LOG, 5, NINE)
    assert memory.latest(LOG) == NINE
    assert memory.latest("other") == NEVER


def test_it_remembers_across_a_restart(memory: Memory, tmp_path: Path) -> None:
    memory.advance(LOG, 0, FIVE)
    again = Memory(tmp_path / "witness.sqlite3")
    assert again.latest(LOG) == FIVE
    again.close()


def test_contradictions_are_all_kept_once_each(memory: Memory) -> None:
    memory.keep(LOG, FIVE)
    memory.keep(LOG, FIVE)
    other = Latest(5, b"x" * 32, b"another five")
    memory.keep(LOG, other)
    assert sorted(memory.contradictions(LOG), key=lambda one: one.root) == [FIVE, other]
    assert memory.contradictions("other") == []


def test_of_many_at_once_one_goes_forward(tmp_path: Path) -> None:
    path, count = tmp_path / "witness.sqlite3", 8
    Memory(path).close()
    start, said = Barrier(count), list[bool]()

    def advance(number: int) -> None:
        memory = Memory(path)
        start.wait()
        said.append(memory.advance(LOG, 0, Latest(number, bytes([number]) * 32, b"")))
        memory.close()

    threads = [Thread(target=advance, args=(number,)) for number in range(1, count + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [False] * (count - 1) + [True]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "witness.sqlite3"
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(sqlite3.Error):
        Memory(path)


def test_a_failed_step_leaves_what_was(memory: Memory) -> None:
    memory.advance(LOG, 0, FIVE)
    with pytest.raises(sqlite3.Error):
        memory.advance(LOG, 5, Latest("nine", b"9", b""))  # type: ignore[arg-type]
    assert memory.latest(LOG) == FIVE
    assert memory.advance(LOG, 5, NINE)
