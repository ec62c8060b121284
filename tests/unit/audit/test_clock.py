"""A clock that somebody sets leaves a record; one that only runs leaves none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from safeconduct.audit import clock
from safeconduct.audit.clock import AHEAD_MS, BACK_MS, Clock
from safeconduct.audit.reading import read
from tests.support.logs import opened

HOUR_MS = 3_600_000


class Times:
    """Two clocks. `busy_ms` is what goes by while one of them is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told_ms = 1_762_000_000_000
        self.ran_ms = 0
        self.busy_ms: list[int] = []
        monkeypatch.setattr(
            "safeconduct.audit.clock.time.time_ns", lambda: self.told_ms * 1_000_000
        )
        monkeypatch.setattr("safeconduct.audit.clock.time.monotonic_ns", self._ran)

    def _ran(self) -> int:
        if self.busy_ms:
            self.pass_by(self.busy_ms.pop(0))
        return self.ran_ms * 1_000_000

    def pass_by(self, ms: int) -> None:
        self.ran_ms += ms
        self.told_ms += ms


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    return Times(monkeypatch)


def test_time_that_goes_by_is_no_step(times: Times) -> None:
    watched = Clock()
    times.pass_by(24 * HOUR_MS)
    assert watched.step_ms() == 0


@pytest.mark.parametrize("step_ms", [-HOUR_MS, -BACK_MS, AHEAD_MS, HOUR_MS])
def test_a_step_is_told_once(times: Times, step_ms: int) -> None:
    watched = Clock()
    times.told_ms += step_ms
    times.pass_by(5)
    assert watched.step_ms() == step_ms
    assert watched.step_ms() == 0


@pytest.mark.parametrize("step_ms", [1 - BACK_MS, AHEAD_MS - 1])
def test_a_small_step_is_told_when_several_add_up(times: Times, step_ms: int) -> None:
    watched = Clock()
    times.told_ms += step_ms
    assert watched.step_ms() == 0
    times.told_ms += step_ms
    assert watched.step_ms() == 2 * step_ms


def test_a_machine_that_is_busy_is_no_step(times: Times) -> None:
    watched = Clock()
    times.busy_ms = [0, HOUR_MS] * 2
    assert watched.step_ms() == 0
    times.busy_ms = [0, HOUR_MS] * 9
    assert watched.step_ms() == 0


def test_the_real_clocks_do_not_step() -> None:
    assert abs(clock.now_ms() - time.time() * 1000) < 60_000
    assert Clock().step_ms() == 0


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
async def test_a_clock_step_leaves_a_record_before_the_next(
    tmp_path: Path, times: Times, step_ms: int
) -> None:
    log = opened(tmp_path)
    await log.append({"kind": "task"})
    times.told_ms += step_ms
    assert await log.append({"kind": "decision"}) == 2
    assert await log.append({"kind": "outcome"}) == 3
    log.close()
    kinds = [record["kind"] for record in read(tmp_path)]
    assert kinds == ["task", "clock.step", "decision", "outcome"]
    step = list(read(tmp_path))[1]
    assert step == {"kind": "clock.step", "at_ms": times.told_ms, "step_ms": step_ms, "n": 1}
