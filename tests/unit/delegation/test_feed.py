from __future__ import annotations

import os
from pathlib import Path

import pytest

from safeconduct.delegation.feed import BEAT_FILE, LIST_FILE, STALE_MS, Feed, Follower, Stale

NOW_MS = 1_800_000_000_000
AGENT = ("agent", "spiffe://crm.example/agents/copilot")
USER = ("user", "jane@crm.example\n")


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def follower(tmp_path: Path, clock: Clock) -> Follower:
    return Follower(tmp_path, clock)


def test_what_was_revoked_is_heard_with_the_next_beat(tmp_path: Path, follower: Follower) -> None:
    writer = Feed(tmp_path, [AGENT])
    writer.beat(NOW_MS)
    assert follower.revoked(*AGENT)
    assert not follower.revoked(*USER)
    writer.revoke(*USER)
    assert not follower.revoked(*USER)
    writer.beat(NOW_MS)
    assert follower.revoked(*USER)
    assert follower.revoked(*AGENT)


def test_silence_is_a_refusal(tmp_path: Path, follower: Follower, clock: Clock) -> None:
    with pytest.raises(Stale):
        follower.revoked(*AGENT)
    writer = Feed(tmp_path, [])
    with pytest.raises(Stale):
        follower.revoked(*AGENT)
    writer.beat(NOW_MS)
    clock.now_ms = NOW_MS + STALE_MS
    assert not follower.revoked(*AGENT)
    clock.now_ms += 1
    with pytest.raises(Stale):
        follower.revoked(*AGENT)
    writer.beat(clock.now_ms)
    assert not follower.revoked(*AGENT)
    writer.close()
    with pytest.raises(Stale):
        follower.revoked(*AGENT)


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
def test_a_clock_that_steps_refuses(
    tmp_path: Path, follower: Follower, clock: Clock, step_ms: int
) -> None:
    Feed(tmp_path, []).beat(NOW_MS)
    clock.now_ms += step_ms
    with pytest.raises(Stale):
        follower.revoked(*AGENT)


def test_a_new_start_is_followed(tmp_path: Path, follower: Follower) -> None:
    first = Feed(tmp_path, [AGENT, USER])
    first.beat(NOW_MS)
    assert follower.revoked(*USER)
    second = Feed(tmp_path, [AGENT])
    with pytest.raises(Stale):
        follower.revoked(*AGENT)
    second.beat(NOW_MS)
    assert follower.revoked(*AGENT)
    assert not follower.revoked(*USER)


@pytest.mark.parametrize(
    "beat", [b"", b"x" * 63, b"1 2 3\n", b"-1 " * 21, b"0" * 20 + b" " + b"9" * 20 + b" x"]
)
def test_a_beat_of_garbage_refuses(tmp_path: Path, follower: Follower, beat: bytes) -> None:
    Feed(tmp_path, []).beat(NOW_MS)
    (tmp_path / BEAT_FILE).write_bytes(beat)
    with pytest.raises(Stale):
        follower.revoked(*AGENT)


@pytest.mark.parametrize("text", [b"", b"garbage", b"[1]", b'["agent"]\n["user"'])
def test_a_list_of_garbage_refuses_until_it_is_whole(
    tmp_path: Path, follower: Follower, text: bytes
) -> None:
    writer = Feed(tmp_path, [AGENT])
    writer.beat(NOW_MS)
    whole = (tmp_path / LIST_FILE).read_bytes()
    (tmp_path / LIST_FILE).write_bytes(text.ljust(len(whole))[: len(whole) if text else 0])
    with pytest.raises(Stale):
        follower.revoked(*AGENT)
    (tmp_path / LIST_FILE).write_bytes(whole)
    assert follower.revoked(*AGENT)


def test_another_list_than_the_beat_s_refuses(tmp_path: Path, follower: Follower) -> None:
    Feed(tmp_path, [AGENT]).beat(NOW_MS)
    copy = tmp_path / "copy"
    copy.write_bytes((tmp_path / LIST_FILE).read_bytes())
    copy.replace(tmp_path / LIST_FILE)
    with pytest.raises(Stale):
        follower.revoked(*AGENT)


def test_a_disk_that_takes_no_more_stops_the_beat(
    tmp_path: Path, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Feed(tmp_path, [])
    writer.beat(NOW_MS)
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda _, data: len(data) - 1)
        with pytest.raises(OSError, match="could not be written"):
            writer.revoke(*AGENT)
    with pytest.raises(OSError, match="start the gateway anew"):
        writer.beat(NOW_MS + 500)


def test_nobody_else_can_read_or_write_it(tmp_path: Path) -> None:
    Feed(tmp_path, []).beat(NOW_MS)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in (LIST_FILE, BEAT_FILE)} == {0o600}
