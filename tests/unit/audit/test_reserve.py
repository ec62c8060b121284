"""The room that is kept for the day when there is none."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.audit.faults import LogFault
from safeconduct.audit.reserve import MARGIN_BYTES, RESERVE_BYTES, Reserve


@pytest.fixture
def limit() -> Iterator[int]:
    """No file grows beyond the limit that a test sets."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield before[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_takes_room_on_the_disk_and_gives_it_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    assert reserve.take()
    (held,) = tmp_path.iterdir()
    assert held.stat().st_size == RESERVE_BYTES == 4 << 20
    assert held.stat().st_blocks * 512 >= RESERVE_BYTES
    assert reserve.take()
    reserve.release()
    reserve.release()
    assert not list(tmp_path.iterdir())


def test_what_is_just_enough_is_too_little_and_leaves_nothing_behind(
    tmp_path: Path, limit: int
) -> None:
    reserve = Reserve(tmp_path)
    assert RESERVE_BYTES + MARGIN_BYTES == 5 << 20
    resource.setrlimit(resource.RLIMIT_FSIZE, ((5 << 20) - 1, limit))
    assert not reserve.take()
    assert not list(tmp_path.iterdir())
    with pytest.raises(LogFault, match="no space is left") as caught:
        reserve.require()
    assert caught.value.code == "full"
    resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, limit))
    reserve.require()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "reserve").symlink_to(victim)
    with pytest.raises(OSError, match="Too many levels"):
        Reserve(tmp_path).take()
    assert victim.read_bytes() == b"precious"
