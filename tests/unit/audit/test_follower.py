"""Parts that follow a log, each for itself."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from safeconduct.audit import follower
from safeconduct.audit.follower import Part, follow, hold


class Works:
    """Does something each time it is asked."""

    def __init__(self, work: Callable[[], bool]) -> None:
        self.advance = work


def test_a_part_that_hangs_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "_LEAVE_S", 0.1)
    stop, never = Event(), Event()
    done: list[int] = []

    def works() -> bool:
        done.append(1)
        if len(done) == 3:
            stop.set()
        return True

    def opens(work: Callable[[], bool]) -> Callable[[Event], Part]:
        return lambda _: Works(work)

    try:
        follow({"hung": opens(never.wait), "well": opens(works)}, stop)
        assert len(done) == 3
    finally:
        never.set()


def test_a_part_that_fails_is_opened_anew_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follower, "AGAIN_S", 0.0)
    stop = Event()
    opened: list[int] = []

    def opens(_: Event) -> Part:
        opened.append(1)
        if len(opened) == 1:
            raise OSError("no such place")
        if len(opened) == 3:
            stop.set()
        return Works(fails)

    def fails() -> bool:
        raise RuntimeError("out of order")

    follow({"siem": opens}, stop)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said[:2] == [
        "siem stands still: OSError: no such place",
        "siem stands still: RuntimeError: out of order",
    ]
    assert len(opened) == 3


def test_a_part_with_nothing_to_do_is_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "POLL_S", 0.001)
    stop = Event()
    asked: list[str] = []

    def idle() -> bool:
        asked.append(threading.current_thread().name)
        if len(asked) == 5:
            stop.set()
        return False

    follow({"siem": lambda _: Works(idle)}, stop)
    assert asked == ["follow-siem"] * 5


def test_only_one_follower_is_at_work(tmp_path: Path) -> None:
    held = hold(tmp_path / "cursors")
    assert held is not None
    assert hold(tmp_path / "cursors") is None
    assert (tmp_path / "cursors").stat().st_mode & 0o777 == 0o700
    os.close(held)
    again = hold(tmp_path / "cursors")
    assert again is not None
    os.close(again)
