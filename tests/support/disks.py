"""A disk that takes as long as a test says, by a clock of its own, and one that hangs."""

from __future__ import annotations

import threading

import pytest

from safeconduct.audit.flush import flush

QUICK_S = 0.0001
SLOW_S = 0.1


class Disk:
    """Flushes for a log; `threads` are the names of the threads in which it flushed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.takes_s = QUICK_S
        self.now_s = 0.0
        self.threads: list[str] = []
        self.hangs = False
        self.arrived = threading.Event()
        self.let_go = threading.Event()
        monkeypatch.setattr("safeconduct.audit.tail.flush", self._flush)
        for room in ("committer", "writer"):
            monkeypatch.setattr(f"safeconduct.audit.{room}.perf_counter", lambda: self.now_s)

    def _flush(self, fd: int) -> None:
        self.threads.append(threading.current_thread().name)
        self.now_s += self.takes_s
        if self.hangs:
            self.arrived.set()
            assert self.let_go.wait(30)
        flush(fd)
