"""Fingerprints that are gone, damaged, or cannot be kept: a refusal, never silence."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from safeconduct.audit.retention.erasing import forget
from safeconduct.rooms import PRINTS_FILE, PRINTS_KEY, clock_ms
from safeconduct.simulation import SimulatedTask
from safeconduct.tasks.prints import PrintsUnusable
from tests.attacks.test_exfiltration import (
    DANA,
    SECRET,
    fingerprinted,
    invited,
    papers,
    world,
)
from tests.support.worlds import USER
from tests.unit.test_gateway import Spy, records

NEW = "Words that nobody has ever read, but long enough to be somebody's secret."


async def having_read(directory: Path) -> None:
    async with world(directory, stateless=False) as task:
        await task.call("crm.papers", {}, papers)
        assert await invited(task, event=NEW) == "nothing against it"


def opened(directory: Path) -> SimulatedTask:
    return world(directory, stateless=False)


async def test_an_index_that_is_gone_is_missed(tmp_path: Path) -> None:
    await having_read(tmp_path)
    for path in (tmp_path / "state").glob(f"{PRINTS_FILE}*"):
        path.unlink()
    async with opened(tmp_path) as task:
        assert await invited(task, event=NEW) == "content-fingerprint"
        assert await invited(task, event="See you on Friday.") == "nothing against it"
        # Nor does it catch up by what is read now.
        await task.call("crm.papers", {}, lambda: {"title": "x", "minutes": SECRET[::-1]})
        assert await invited(task, event=NEW + "!") == "content-fingerprint"


async def test_an_older_copy_of_the_index_is_missed(tmp_path: Path) -> None:
    await having_read(tmp_path)
    kept = tmp_path / "kept"
    shutil.copy(tmp_path / "state" / PRINTS_FILE, kept)
    async with opened(tmp_path) as task:
        await task.call("crm.papers", {}, lambda: {"title": "x", "minutes": NEW})
    shutil.copy(kept, tmp_path / "state" / PRINTS_FILE)
    async with opened(tmp_path) as task:
        assert await invited(task, event=NEW) == "content-fingerprint"


async def test_garbage_stops_the_start(tmp_path: Path) -> None:
    await having_read(tmp_path)
    (tmp_path / "state" / PRINTS_FILE).write_bytes(b"garbage" * 1000)
    with pytest.raises(PrintsUnusable, match=f"{PRINTS_FILE} cannot be used"):
        opened(tmp_path)


async def test_another_key_stops_the_start(tmp_path: Path) -> None:
    await having_read(tmp_path)
    (tmp_path / "state" / PRINTS_KEY).unlink()
    with pytest.raises(PrintsUnusable, match="another key"):
        opened(tmp_path)


async def test_a_result_whose_fingerprints_cannot_be_kept_is_not_delivered(tmp_path: Path) -> None:
    async with opened(tmp_path) as task:
        with sqlite3.connect(tmp_path / "state" / PRINTS_FILE) as db:
            said = "SELECT RAISE(FAIL, 'database or disk is full')"
            db.execute(f"CREATE TRIGGER full BEFORE INSERT ON prints BEGIN {said}; END")
        db.close()
        step = await task.call("crm.papers", {}, papers)
        assert (step.verdict, step.reason) == ("refused", "internal-fault")
        assert "Meridian" not in str(step)
        (outcome,) = records(task, "outcome")
        assert (outcome["status"], outcome["reason"]) == ("unknown", "internal-fault")


async def test_an_index_that_cannot_be_read_refuses_what_would_be_compared(tmp_path: Path) -> None:
    await having_read(tmp_path)
    with sqlite3.connect(tmp_path / "state" / PRINTS_FILE) as db:
        db.execute("UPDATE prints SET numbers = x'00'")
    db.close()
    async with opened(tmp_path) as task:
        tool = Spy()
        await task.call("mail.invite", {"attendees": [DANA], "event": "x"}, tool)
        assert (fingerprinted(task)[0], tool.runs) == ("inspector-failed", 0)


async def test_what_an_erased_user_s_tasks_have_read_is_forgotten(tmp_path: Path) -> None:
    await having_read(tmp_path)
    async with opened(tmp_path) as task:
        rooms = task.rooms
        await forget(
            rooms.log, rooms.keys, tenant="crm.example", user=USER, by="uid:0", at_ms=clock_ms()
        )
    async with opened(tmp_path) as task:
        assert await invited(task, event=SECRET) == "nothing against it"
        with sqlite3.connect(tmp_path / "state" / PRINTS_FILE) as db:
            assert db.execute("SELECT COUNT(*) FROM prints").fetchone() == (0,)
        db.close()
