from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from safeconduct.audit import lock
from safeconduct.audit.faults import LogFault


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "audit"
    os.close(lock.acquire(directory))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_second_opener_in_this_process_is_refused(tmp_path: Path) -> None:
    held = lock.acquire(tmp_path)
    with pytest.raises(LogFault, match="already open") as caught:
        lock.acquire(tmp_path)
    assert caught.value.code == "busy"
    os.close(held)
    os.close(lock.acquire(tmp_path))


def test_a_second_opener_in_another_process_is_refused(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from safeconduct.audit import lock\n"
        "lock.acquire(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(LogFault, match="another process"):
            lock.acquire(tmp_path)
        other.kill()
    os.close(lock.acquire(tmp_path))


def test_looking_at_the_lock_takes_nothing(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path)
    held = lock.acquire(tmp_path)
    assert lock.is_held(tmp_path)
    os.close(held)
    assert not lock.is_held(tmp_path)


def test_one_who_only_looks_does_not_refuse_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = lock.acquire(tmp_path)
    waited = threading.Event()

    def pause(_: float) -> None:
        waited.set()
        os.close(looking)

    monkeypatch.setattr("safeconduct.audit.lock.time.sleep", pause)
    os.close(lock.acquire(tmp_path))
    assert waited.is_set()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_that_others_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "audit"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(LogFault, match="chmod 700") as caught:
        lock.acquire(directory)
    assert caught.value.code == "unsafe"
    directory.chmod(0o750)
    os.close(lock.acquire(directory))
