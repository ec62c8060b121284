import sys
from pathlib import Path

import pytest

from safeconduct.demo import process
from safeconduct.demo.process import Child, child

READY = "import sys; print('ready', flush=True); "
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
WAIT = "import threading; threading.Event().wait()"


async def test_a_child_says_that_it_is_ready_and_ends_with_the_context(tmp_path: Path) -> None:
    async with child("calm", sys.executable, "-c", READY + WAIT, directory=tmp_path) as calm:
        assert await calm.first_line() == b"ready\n"
        assert calm.returncode is None
    assert calm.returncode is not None


async def test_a_child_that_ignores_the_request_to_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_STOP_S", 0.05)
    command = (sys.executable, "-c", STUBBORN + READY + WAIT)
    async with child("stubborn", *command, directory=tmp_path) as stubborn:
        await stubborn.first_line()
    assert stubborn.returncode == -9


async def test_a_child_ends_also_when_the_story_breaks_off(tmp_path: Path) -> None:
    command = (sys.executable, "-c", READY + WAIT)
    started: list[Child] = []

    async def break_off() -> None:
        async with child("left", *command, directory=tmp_path) as left:
            started.append(left)
            await left.first_line()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await break_off()
    assert started[0].returncode is not None


async def test_a_child_that_does_not_start_tells_why(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "raise SystemExit('no port')")
    async with child("broken", *command, directory=tmp_path) as broken:
        with pytest.raises(RuntimeError, match="broken did not start: no port"):
            await broken.first_line()
