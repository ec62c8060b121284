"""What is put on record and in force, and in which order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from safeconduct.app import reloading
from safeconduct.app.reloading import Reloading
from safeconduct.audit.reading import read
from safeconduct.config.policy import PolicySource
from safeconduct.policy.bundles.release import SOON_MS
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.ports import LedgerFault
from tests.support.releases import FILES, NOW_MS, digest, released, unfolded
from tests.support.reloading import Reloaded, reloaded

OTHER = {**FILES, "data/crm.json": b'{"tiers": [1]}'}
DAY_MS = 24 * 3600 * 1000


def records(directory: Path) -> list[dict[str, Any]]:
    return [dict(one) for one in read(directory / "audit") if one["kind"] == "policy"]


def newer(made: Reloaded) -> None:
    unfolded(released(OTHER, version=2, previous=digest()), made.policy)


async def test_what_decides_is_on_record_from_the_start(tmp_path: Path) -> None:
    async with reloaded(tmp_path) as made:
        policy = made.begun()
        await policy.start()
        (record,) = records(tmp_path)
        assert {name: record[name] for name in ("phase", "by", "policy", "release", "name")} == {
            "phase": "loaded",
            "by": "start",
            "policy": digest(),
            "release": 1,
            "name": "test",
        }
        assert policy.shown() == {
            "source": str(made.policy),
            "digest": digest(),
            "refused": None,
            "release": 1,
            "ends_ms": NOW_MS + 30 * DAY_MS,
            "since_ms": NOW_MS,
            "by": "start",
        }


async def test_a_newer_release_is_in_force_once_it_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reloaded(tmp_path) as made:
        policy = made.begun()
        await policy.start()
        newer(made)
        append = made.rooms.log.append

        async def full(record: Any) -> Any:
            raise LedgerFault("the disk is full")

        monkeypatch.setattr(made.rooms.log, "append", full)
        with pytest.raises(LedgerFault):
            await policy.reload("uid:0")
        assert made.rooms.policy.digest == digest()
        monkeypatch.setattr(made.rooms.log, "append", append)
        assert await policy.reload("timer", again=False)
        assert made.rooms.policy.digest == digest(OTHER)
        _, record = records(tmp_path)
        assert (record["before"], record["policy"], record["release"]) == (
            digest(),
            digest(OTHER),
            2,
        )
        await policy.close()


async def test_what_cannot_be_kept_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reloaded(tmp_path) as made:
        policy = made.begun()
        await policy.start()
        newer(made)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(made.keeper, "keep", full)
        with pytest.raises(OSError, match="No space"):
            await policy.reload("uid:0")
        assert made.rooms.policy.digest == digest()
        assert len(records(tmp_path)) == 1


async def test_what_is_refused_is_said_once_and_shown_until_it_is_mended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloaded(tmp_path) as made:
        policy = made.begun()
        await policy.start()
        unfolded({"rules/test.rego": FILES["rules/test.rego"] + b"# more\n"}, made.policy)
        for _ in range(2):
            with pytest.raises(PolicyRefused, match="changed after it was signed"):
                await policy.reload("uid:0")
        with pytest.raises(PolicyRefused, match="changed after it was signed"):
            await policy.reload("timer", again=False)
        assert "changed after" in str(policy.shown()["refused"])
        _, record = records(tmp_path)
        assert (record["phase"], record["policy"]) == ("refused", digest())
        assert "changed after" in record["why"]
        assert sum("a policy was refused" in one.message for one in caplog.records) == 1
        newer(made)
        assert await policy.reload("uid:0")
        assert policy.shown()["refused"] is None
        await policy.close()


async def test_a_gateway_begins_with_what_was_kept(tmp_path: Path) -> None:
    async with reloaded(tmp_path) as made:
        await made.begun().start()
    async with reloaded(tmp_path, source=PolicySource(https="http://127.0.0.1:9/x")) as made:
        policy = made.begun()
        await policy.start()
        assert "did not answer" in str(policy.shown()["refused"])
        assert made.rooms.policy.digest == digest()
        assert "did not answer" in records(tmp_path)[-1]["why"]


@pytest.mark.parametrize("broken", [PolicyRefused("no", file="x", fix="y"), ValueError("odd")])
async def test_upkeep_outlives_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    async with reloaded(tmp_path, reload_s=1) as made:
        policy = made.begun()
        looked = asyncio.Event()
        failed = iter([broken])

        async def reload(self: Reloading, by: str, *, again: bool) -> bool:
            assert (by, again) == ("timer", False)
            for error in failed:
                raise error
            looked.set()
            return False

        monkeypatch.setattr(Reloading, "reload", reload)
        policy._every_s = 0.001  # type: ignore[assignment]  # noqa: SLF001 nobody waits that long in a test
        upkeep = asyncio.create_task(policy.keep_up())
        async with asyncio.timeout(10):
            await looked.wait()
        upkeep.cancel()
        await asyncio.gather(upkeep, return_exceptions=True)


async def test_a_release_that_ends_is_complained_about_in_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "WATCH_S", 0.001)
    async with reloaded(tmp_path) as made:
        policy = made.begun()
        ends_ms = NOW_MS + 30 * DAY_MS

        async def until(words: str) -> None:
            upkeep = asyncio.create_task(policy.keep_up())
            async with asyncio.timeout(10):
                while True:
                    await asyncio.sleep(0)
                    if any(words in one.message for one in caplog.records):
                        break
            upkeep.cancel()
            await asyncio.gather(upkeep, return_exceptions=True)

        await policy.start()
        assert not [one for one in caplog.records if one.levelno >= logging.ERROR]
        made.now_ms = ends_ms - SOON_MS
        await until("release 1 of the policy ends soon")
        made.now_ms = ends_ms
        await until("release 1 of the policy has ended, and every call is refused")
        assert sum("ends soon" in one.message for one in caplog.records) == 1


async def test_engines_of_before_are_closed_once_they_have_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    class Own:
        digest = "0a"
        unsafe = ()
        members = None

        async def close(self) -> None:
            closed.append(self.digest)

    async with reloaded(tmp_path) as made:
        policy = made.begun()
        await policy.start()
        made.rooms.policy = Own()  # type: ignore[assignment]
        newer(made)
        await policy.reload("uid:0")
        assert closed == []
        await policy.close()
        assert closed == ["0a"]


async def test_what_is_there_already_is_not_loaded_again(tmp_path: Path) -> None:
    async with reloaded(tmp_path) as made:
        policy = made.begun()
        await policy.start()
        before = made.rooms.policy
        assert not await policy.reload("uid:0")
        assert made.rooms.policy is before
        assert len(records(tmp_path)) == 1


async def test_a_signal_has_it_look_again(tmp_path: Path) -> None:
    async with reloaded(tmp_path) as made:
        policy = made.begun()
        await policy.start()
        newer(made)
        upkeep = asyncio.create_task(policy.keep_up())
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(30):
            while True:
                await asyncio.sleep(0.01)
                if made.rooms.policy.digest == digest(OTHER):
                    break
        upkeep.cancel()
        await asyncio.gather(upkeep, return_exceptions=True)
        assert records(tmp_path)[-1]["by"] == "SIGHUP"
        await policy.close()
