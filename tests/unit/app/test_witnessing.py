"""Witnesses over real sockets, and who asks them."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from safeconduct.app.witnessed import not_behind, seen
from safeconduct.app.witnessing import MEMORY, Witness
from safeconduct.audit import notes
from safeconduct.audit.faults import LogFault
from safeconduct.audit.log import Log
from safeconduct.audit.nodes.heads import Heads
from safeconduct.audit.notes import Note
from safeconduct.audit.witness import standing as standing_module
from safeconduct.audit.witness.asking import Answered, Witnesses
from safeconduct.audit.witness.policy import Policy, content, parse
from safeconduct.audit.witness.standing import Standing
from safeconduct.config import load
from safeconduct.config.audit import Witnesses as WitnessesBlock
from safeconduct.config.schema import Config
from safeconduct.kit.fetch import fetch
from tests.support.configs import Gateway as SoundGateway
from tests.support.installation import free_port
from tests.support.logs_of_others import OtherLog


class Running:
    """A witness that serves, and the policy that trusts it."""

    def __init__(self, directory: Path, watched: Policy, name: str = "w.example") -> None:
        self.witness = Witness(directory, name, watched)
        self.listen = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.listen}"
        self._serving: asyncio.Task[None] | None = None

    def lines(self, name: str = "w") -> str:
        classic, lasting = self.witness.keys
        return f"witness {name}1 {classic} {self.url}\nwitness {name}2 {lasting} {self.url}\n"

    async def start(self) -> None:
        ready = asyncio.Event()
        self._serving = asyncio.create_task(self.witness.serve(self.listen, self.url, ready.set))
        await asyncio.wait(
            {self._serving, asyncio.create_task(ready.wait())}, return_when="FIRST_COMPLETED"
        )

    async def stop(self) -> None:
        assert self._serving is not None
        self._serving.cancel()
        await asyncio.gather(self._serving, return_exceptions=True)


@pytest.fixture
def log() -> OtherLog:
    log = OtherLog()
    log.grow(5)
    return log


@pytest_asyncio.fixture
async def running(tmp_path: Path, log: OtherLog) -> AsyncIterator[Running]:
    running = Running(tmp_path / "w", watching(log))
    await running.start()
    yield running
    await running.stop()


def watching(log: OtherLog) -> Policy:
    return parse(f"log {log.signer.key}\nquorum none")


def policy_of(log: OtherLog, *lines: str) -> str:
    return f"log {log.signer.key}\n" + "".join(lines)


async def test_a_log_is_cosigned_as_it_grows(running: Running, log: OtherLog) -> None:
    policy = parse(policy_of(log, running.lines(), "group G all w1 w2\nquorum G"))
    asking = Witnesses(policy)
    for more in (0, 3, 0, 400):
        log.grow(more)
        answered = await asking.cosigned(log.note(), log.prove)
        assert (answered.silent, answered.contradicted) == ({}, {})
        assert content(policy, answered.note) == (True, "cosigned by w1, w2")


async def test_who_asks_anew_learns_what_was_cosigned(running: Running, log: OtherLog) -> None:
    policy = parse(policy_of(log, running.lines(), "quorum w1"))
    await Witnesses(policy).cosigned(log.note(), log.prove)
    log.grow(7)
    answered = await Witnesses(policy).cosigned(log.note(), log.prove)
    assert content(policy, answered.note)[0]


async def test_a_log_that_lost_records_is_contradicted(running: Running, log: OtherLog) -> None:
    policy = parse(policy_of(log, running.lines(), "quorum w1"))
    await Witnesses(policy).cosigned(log.note(), log.prove)
    restored = OtherLog(leaves=log.leaves[:3])
    answered = await Witnesses(policy).cosigned(restored.note(), restored.prove)
    assert answered.contradicted == {running.url: "it cosigned 5 records, and the log has 3"}
    assert not content(policy, answered.note)[0]


async def test_a_log_that_was_deleted_and_begun_anew_is_contradicted(
    running: Running, log: OtherLog
) -> None:
    policy = parse(policy_of(log, running.lines(), "quorum w1"))
    await Witnesses(policy).cosigned(log.note(), log.prove)
    anew = OtherLog()
    anew.grow(9, b"new")
    answered = await Witnesses(policy).cosigned(anew.note(), anew.prove)
    assert answered.contradicted == {
        running.url: "the 5 records that it cosigned are not in this log"
    }


async def test_a_witness_that_is_down_is_named_and_the_others_count(
    running: Running, log: OtherLog, tmp_path: Path
) -> None:
    down = Running(tmp_path / "down", watching(log), "down.example")
    lines = (running.lines(), down.lines("d"), "group G any w1 d1\nquorum G")
    policy = parse(policy_of(log, *lines))
    answered = await Witnesses(policy).cosigned(log.note(), log.prove)
    assert list(answered.silent) == [down.url]
    assert content(policy, answered.note) == (True, "cosigned by w1, w2")
    down.witness.memory.close()


async def test_a_witness_without_a_memory_does_not_cosign(
    running: Running, log: OtherLog, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "w" / MEMORY)) as database:
        database.execute("drop table latest")
    policy = parse(policy_of(log, running.lines(), "quorum w1"))
    answered = await Witnesses(policy).cosigned(log.note(), log.prove)
    assert answered.silent == {running.url: "it answered 500"}
    assert answered.note == log.note()


async def test_what_was_cosigned_is_shown_to_monitors(running: Running, log: OtherLog) -> None:
    policy = parse(policy_of(log, running.lines(), "quorum w1"))
    url = f"{running.url}/{sha256(log.origin.encode()).hexdigest()}/checkpoint"
    assert (await fetch(url)).status == 404
    answered = await Witnesses(policy).cosigned(log.note(), log.prove)
    shown = await fetch(url)
    assert shown.status == 200
    assert notes.parse(shown.body) == answered.note


async def test_a_witness_remembers_across_a_restart(tmp_path: Path, log: OtherLog) -> None:
    first = Running(tmp_path / "w", watching(log))
    await first.start()
    policy = parse(policy_of(log, first.lines(), "quorum w1"))
    await Witnesses(policy).cosigned(log.note(), log.prove)
    await first.stop()
    again = Running(tmp_path / "w", watching(log))
    await again.start()
    restored = OtherLog(leaves=log.leaves[:3])
    policy = parse(policy_of(log, again.lines(), "quorum w1"))
    answered = await Witnesses(policy).cosigned(restored.note(), restored.prove)
    assert again.url in answered.contradicted
    await again.stop()


def test_a_memory_that_is_damaged_refuses_to_start(tmp_path: Path, log: OtherLog) -> None:
    (tmp_path / "witness.sqlite3").write_bytes(b"garbage" * 1000)
    with pytest.raises(sqlite3.Error):
        Witness(tmp_path, "w.example", watching(log))


class TestStanding:
    """What keeps the file `witnessed` of a log."""

    @pytest_asyncio.fixture
    async def directory(self, tmp_path: Path) -> Path:
        await self.grow(tmp_path / "log", 3)
        return tmp_path / "log"

    async def grow(self, directory: Path, count: int) -> None:
        log = Log.open(directory, Heads(), origin="acme.example/audit")
        for number in range(count):
            await log.append({"kind": "config", "number": number})
        log.close()

    def standing(self, directory: Path, policy: Policy) -> Standing:
        times = iter(range(0, 10**6, 10))
        return Standing(
            directory, policy, Witnesses(policy), every_s=1, clock_s=lambda: next(times)
        )

    async def test_each_new_checkpoint_is_cosigned(self, directory: Path, tmp_path: Path) -> None:
        running, text = await self.witness(directory, tmp_path)
        policy = parse(text)
        standing = self.standing(directory, policy)
        for more in (0, 0, 400):
            await self.grow(directory, more)
            await asyncio.to_thread(standing.advance)
            note = notes.parse((directory / "witnessed").read_bytes())
            assert note.text == notes.parse((directory / "checkpoint").read_bytes()).text
            assert content(policy, note) == (True, "cosigned by w1, w2")
        await running.stop()

    async def test_without_a_quorum_the_file_stays_as_it_was(
        self, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        running, text = await self.witness(directory, tmp_path)
        standing = self.standing(directory, parse(text))
        await asyncio.to_thread(standing.advance)
        before = (directory / "witnessed").read_bytes()
        await running.stop()
        await self.grow(directory, 1)
        await asyncio.to_thread(standing.advance)
        assert (directory / "witnessed").read_bytes() == before
        assert "is not witnessed as configured: cosigned by nobody" in caplog.text

    async def test_a_quorum_is_said_to_be_lost_once_and_to_be_back_once(
        self,
        directory: Path,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        running, text = await self.witness(directory, tmp_path)
        policy = parse(text)
        asked = Witnesses(policy)
        times = iter(range(0, 10**6, 10))
        standing = Standing(directory, policy, asked, every_s=1, clock_s=lambda: next(times))
        cosigned = asked.cosigned

        async def silent(note: Note, _prove: object) -> Answered:
            return Answered(note, {running.url: "silence"}, {})

        for is_silent in (True, True, True, False, False):
            monkeypatch.setattr(asked, "cosigned", silent if is_silent else cosigned)
            await self.grow(directory, 1)
            await asyncio.to_thread(standing.advance)
        said = [one.message for one in caplog.records if one.name == standing_module.__name__]
        assert said == [
            f"the witness {running.url} did not cosign: silence",
            "the checkpoint is not witnessed as configured: cosigned by nobody, which is not 'G'",
            f"the witness {running.url} answers again",
            "the checkpoint is witnessed again: cosigned by w1, w2",
        ]
        await running.stop()

    async def test_how_far_witnesses_have_seen_is_told(
        self, directory: Path, tmp_path: Path
    ) -> None:
        running, text = await self.witness(directory, tmp_path)
        config = load(SoundGateway(tmp_path / "gateway").directory)
        audit = replace(config.root.audit, directory=str(directory))
        config = replace(config, root=replace(config.root, audit=audit))
        file = Path(config.directory) / "witnesses.policy"
        file.write_text(text, encoding="utf-8")
        block = WitnessesBlock(policy=file.name)
        now_ms = time.time_ns() // 1_000_000
        assert seen(config, block, now_ms) is None
        await asyncio.to_thread(self.standing(directory, parse(text)).advance)
        found = seen(config, block, now_ms + 90_000)
        assert found is not None
        assert (found.records, found.enough, found.waiting) == (3, True, 0)
        assert found.age_s is not None
        assert 80 <= found.age_s <= 90
        await self.grow(directory, 2)
        found = seen(config, block, now_ms)
        assert found is not None
        assert (found.records, found.enough, found.waiting) == (3, True, 2)
        file.write_text("quorum none\n")
        found = seen(config, block, now_ms)
        assert found is not None
        assert (found.enough, found.age_s) == (True, None)
        await running.stop()

    async def test_a_log_that_was_put_back_raises_the_alarm(
        self, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        running, text = await self.witness(directory, tmp_path)
        shutil.copytree(directory, tmp_path / "backup")
        await self.grow(directory, 2)
        await asyncio.to_thread(self.standing(directory, parse(text)).advance)
        await asyncio.to_thread(self.standing(tmp_path / "backup", parse(text)).advance)
        assert "remembers another history of this log: it cosigned 5 records" in caplog.text
        assert not (tmp_path / "backup" / "witnessed").exists()
        await running.stop()

    async def witness(self, directory: Path, tmp_path: Path) -> tuple[Running, str]:
        key = (directory / "log.pub").read_text().strip()
        log = f"log {key}\n"
        running = Running(tmp_path / "w", parse(f"{log}quorum none"))
        await running.start()
        return running, f"{log}{running.lines()}group G all w1 w2\nquorum G"


class TestNotBehind:
    """Before a gateway takes its first call."""

    @pytest.fixture
    def config(self, tmp_path: Path) -> Config:
        return load(SoundGateway(tmp_path / "gateway").directory)

    def witnessed(self, config: Config, text: str, origin: str) -> Config:
        (Path(config.directory) / "witnesses.policy").write_text(text, encoding="utf-8")
        audit = replace(
            config.root.audit, origin=origin, witnesses=WitnessesBlock(policy="witnesses.policy")
        )
        return replace(config, root=replace(config.root, audit=audit))

    async def test_an_old_copy_of_the_log_does_not_start(
        self, config: Config, running: Running, log: OtherLog
    ) -> None:
        policy = policy_of(log, running.lines(), "quorum w1")
        asked = self.witnessed(config, policy, log.origin)
        await not_behind(asked, 0)
        await Witnesses(parse(policy)).cosigned(log.note(), log.prove)
        await not_behind(asked, 5)
        await not_behind(asked, 6)
        why = f"the witness {running.url} has cosigned 5 records of this log, which has 4"
        with pytest.raises(LogFault, match=why):
            await not_behind(asked, 4)

    async def test_a_witness_that_is_silent_holds_up_no_start(
        self, config: Config, log: OtherLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        down = Running(tmp_path / "down", watching(log))
        asked = self.witnessed(config, policy_of(log, down.lines(), "quorum w1"), log.origin)
        await not_behind(asked, 0)
        assert "does not say how far the log had come" in caplog.text
        down.witness.memory.close()

    async def test_without_witnesses_nobody_is_asked(self, config: Config) -> None:
        await not_behind(config, 0)
