"""The process that signs is killed, hangs, talks nonsense: no record is taken that nobody signs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from safeconduct.audit import checkpoint, checkpointing, notes
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import LogFault
from safeconduct.audit.notes import parse_key
from safeconduct.audit.signer import Refused, Signing, Unavailable, apart, keys
from safeconduct.audit.signer.apart import Apart
from safeconduct.audit.signer.frames import ANSWERED, DONE, REFUSED, UNAVAILABLE, received
from safeconduct.audit.signer.notary import CLOSED, MEMORY, PUBLIC, beside
from tests.support.logs import ORIGIN, Memory, numbers, opened, written


@pytest.fixture
def state(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def log(tmp_path: Path, state: Path) -> Path:
    """A log of five records, signed by a process of its own."""
    written(tmp_path / "audit", *numbers(5), signer=lambda d, origin: Apart(d, state, origin))
    return tmp_path / "audit"


@pytest.fixture
def signer(log: Path, state: Path) -> Iterator[Apart]:
    made = Apart(log, state, ORIGIN)
    yield made
    made.close()


def process(signer: Apart) -> int:
    assert signer.pid is not None
    return signer.pid


def signed(log: Path) -> Checkpoint:
    """The checkpoint, if the key that the log tells signed it."""
    note = notes.parse((log / checkpoint.NAME).read_bytes())
    notes.verify(note, [parse_key((log / PUBLIC).read_text().strip())])
    return checkpoint.parse(note.text)


def test_it_signs(log: Path, state: Path) -> None:
    assert signed(log).size == 5
    own = {keys.NAME, MEMORY, CLOSED}
    assert {path.name for path in state.iterdir()} == own
    assert not own & {path.name for path in log.iterdir()}


def test_it_is_another_process_and_ends_when_nobody_asks(signer: Apart) -> None:
    assert str(signer.start()).startswith(f"{ORIGIN}+")
    pid = process(signer)
    assert pid != os.getpid()
    signer.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_ends_with_the_one_that_asks(log: Path, state: Path, tmp_path: Path) -> None:
    program = f"""
import os, signal, sys
from pathlib import Path
from safeconduct.audit.signer.apart import Apart
signer = Apart(Path({str(log)!r}), Path({str(state)!r}), {ORIGIN!r})
signer.start()
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run([sys.executable, "-c", program], check=False)
    assert run.returncode == -signal.SIGKILL
    # The next one waits until it has let go of the key, and not for long.
    next_one = Apart(log, state, ORIGIN)
    next_one.start()
    next_one.close()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the kernel shows no files here")
def test_it_gets_nothing_of_the_environment_and_no_open_file(
    log: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSTREAM_TOKEN", "canary-7f3a")
    with (log / checkpoint.NAME).open("rb") as kept:
        os.set_inheritable(kept.fileno(), True)
        signer = Apart(log, state, ORIGIN)
        signer.start()
        of = Path(f"/proc/{process(signer)}")
        assert b"canary-7f3a" not in (of / "environ").read_bytes()
        files = {str(fd.readlink()) for fd in (of / "fd").iterdir()}
        signer.close()
    assert str(log / checkpoint.NAME) not in files
    assert str(state / keys.NAME) in files


def test_a_signal_to_all_processes_does_not_end_it(signer: Apart) -> None:
    signer.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(process(signer), number)
    assert checkpoint.parse(signer.sign(5)).size == 5


def test_killed_it_is_started_again(signer: Apart) -> None:
    key, pid = signer.start(), process(signer)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="did not sign"):
        signer.sign(5)
    assert checkpoint.parse(signer.sign(5)).size == 5
    assert signer.start() == key
    assert process(signer) != pid


def test_hanging_it_is_ended_and_started_again(
    signer: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "ANSWER_S", 0.05)
    signer.sign(5)
    hanging = process(signer)
    os.kill(hanging, signal.SIGSTOP)
    with pytest.raises(Unavailable, match="timed out"):
        signer.sign(5)
    with pytest.raises(ProcessLookupError):
        os.kill(hanging, 0)
    assert checkpoint.parse(signer.sign(5)).size == 5


def test_another_key_than_before_is_not_believed(signer: Apart, state: Path) -> None:
    signer.start()
    os.kill(process(signer), signal.SIGKILL)
    with pytest.raises(Unavailable):
        signer.sign(5)
    (state / keys.NAME).unlink()
    (state / MEMORY).unlink()
    keys.create(state / keys.NAME)
    with pytest.raises(Refused) as caught:
        signer.sign(5)
    assert caught.value.code == "edited"


class Fake:
    """Says whatever a test lets it say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.says = b""
        self.listens = True
        monkeypatch.setattr(apart, "program", self.program)

    def program(self, *_: str) -> tuple[list[str], dict[str, str]]:
        text = f"import os; os.write(0, bytes.fromhex({self.says.hex()!r}))"
        text += "; os.read(0, 8)" * self.listens
        return [sys.executable, "-S", "-c", text], {}


def framed(kind: int, text: str) -> bytes:
    return ANSWERED.pack(kind, len(text.encode())) + text.encode()


VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi"
    "2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"\0",
        b"\0" * 5,
        ANSWERED.pack(DONE, 1 << 31),
        ANSWERED.pack(DONE, 10) + b"short",
        framed(DONE, "not a key"),
        framed(9, VKEY),
        ANSWERED.pack(DONE, 2) + b"\xff\xff",
        framed(UNAVAILABLE, "no room"),
    ],
)
def test_a_greeting_that_makes_no_sense_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    fake = Fake(monkeypatch)
    fake.says, fake.listens = says, False
    signer = Apart(tmp_path, tmp_path, ORIGIN)
    with pytest.raises(Unavailable):
        signer.start()
    signer.close()


@pytest.mark.parametrize(
    "says",
    [
        b"",
        framed(DONE, ""),
        framed(DONE, f"{ORIGIN}\n5\nnot signed\n"),
        framed(DONE, NOTE),
        framed(DONE, NOTE.replace("example message", "other message")),
        framed(UNAVAILABLE, "no room"),
    ],
)
def test_what_is_no_checkpoint_under_the_key_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    Fake(monkeypatch).says = framed(DONE, VKEY) + says
    signer = Apart(tmp_path, tmp_path, ORIGIN)
    signer.start()
    with pytest.raises(Unavailable):
        signer.sign(5)
    signer.close()


def test_a_refusal_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch).says = framed(DONE, VKEY) + framed(REFUSED, "forked two trees")
    signer = Apart(tmp_path, tmp_path, ORIGIN)
    with pytest.raises(Refused, match="two trees") as caught:
        signer.sign(5)
    assert caught.value.code == "forked"
    signer.close()


def test_without_a_process_no_log_opens(
    log: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: str) -> tuple[list[str], dict[str, str]]:
        return ["/nonexistent"], {}

    monkeypatch.setattr(apart, "program", none)
    with pytest.raises(OSError, match="nonexistent"):
        opened(log, signer=lambda directory, origin: Apart(directory, state, origin))


class Moody:
    """A signer in this process that fails as it is told. Implements `Signing`."""

    def __init__(self, signing: Signing) -> None:
        self.signing = signing
        self.fails: list[Exception] = []
        self.start = signing.start
        self.close = signing.close

    def sign(self, size: int, *, last: bool = False) -> str:
        if self.fails:
            raise self.fails[0]
        return self.signing.sign(size, last=last)


class Room:
    """An open log whose signer fails when told to."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.projection = Memory()
        self.signer = Moody(beside(directory, ORIGIN))
        self.log = opened(directory, self.projection, lambda *_: self.signer)

    async def refused(self) -> LogFault:
        """Writes until that is refused."""
        while True:
            try:
                await self.log.append({"kind": "config"})
            except LogFault as fault:
                return fault

    async def taken(self) -> int:
        """Tries to write until that is not refused."""
        while True:
            try:
                return await self.log.append({"kind": "config"})
            except LogFault:
                await asyncio.sleep(0)


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(checkpointing, "INTERVAL_S", 0.001)
    made = Room(tmp_path)
    yield made
    made.log.close()


async def test_unsigned_for_a_minute_the_log_takes_nothing_until_it_is_signed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.signer.fails.append(Unavailable("no room"))
    for _ in range(20):
        await room.log.append({"kind": "config"})  # for a minute nobody notices
    monkeypatch.setattr(checkpointing, "UNSIGNED_S", -1)
    fault = await room.refused()
    assert fault.code == "unsigned"
    assert "nothing is written until one is" in fault.sentence
    size = room.log.size
    assert room.projection.applied() == size
    assert (await room.refused()).code == "unsigned"
    assert room.log.size == size
    room.signer.fails.clear()
    assert await room.taken() == size


@pytest.mark.parametrize("code", ["edited", "forked", "truncated"])
async def test_refused_the_log_takes_nothing_more(room: Room, code: str) -> None:
    room.signer.fails.append(Refused(code, "these are not my records"))
    assert (await room.refused()).code == code
    room.signer.fails.clear()
    fault = await room.refused()
    assert (fault.code, "these are not my records" in fault.sentence) == (code, True)


async def test_a_checkpoint_of_another_tree_ends_the_log(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = room.signer.sign(0)
    monkeypatch.setattr(room.signer, "sign", lambda _, **__: first)
    fault = await room.refused()
    assert (fault.code, "not what was written" in fault.sentence) == ("forked", True)


async def test_a_log_whose_signer_fails_once_at_the_end_is_signed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [Unavailable("not now")]

    def once(size: int, *, last: bool = False) -> str:
        if failures and size:
            raise failures.pop()
        return room.signer.signing.sign(size, last=last)

    monkeypatch.setattr(room.signer, "sign", once)
    await room.log.append({"kind": "config"})
    room.log.close()
    assert signed(room.directory).size == 1


def test_a_log_that_cannot_be_signed_does_not_open(tmp_path: Path) -> None:
    for fails, code in ((Unavailable("no"), "unsigned"), (Refused("forked", "no"), "forked")):
        with pytest.raises(LogFault, match="no") as caught:
            opened(tmp_path, signer=lambda *_, fails=fails: Failing(fails, at="sign"))
        assert caught.value.code == code
        with pytest.raises(LogFault, match="no") as caught:
            opened(tmp_path, signer=lambda *_, fails=fails: Failing(fails, at="start"))
        assert caught.value.code == code
    opened(tmp_path).close()


class Failing:
    """Implements `Signing`, badly."""

    def __init__(self, error: Exception, at: str) -> None:
        self._error = error
        self._at = at

    def start(self) -> notes.Key:
        if self._at == "start":
            raise self._error
        return parse_key(VKEY)

    def sign(self, size: int, *, last: bool = False) -> str:
        del size
        raise self._error

    def close(self) -> None:
        pass


def test_the_frames_end_where_the_connection_does() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"abc")
        theirs.shutdown(socket.SHUT_WR)
        assert received(ours, 2) == b"ab"
        assert received(ours, 2) == b""
