"""The process that evaluates Rego breaks in every way: one call is refused, the gateway goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from safeconduct.config import load
from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.process import RegoProcess
from safeconduct.policy.rego.starting import Limits, Started
from safeconduct.policy.versions import engine_name
from safeconduct.simulation import SimulatedTask
from tests.support.bundles import GUARDED, PACKAGE, bundle
from tests.support.ending import ended

READ = b'{"call":{"tool":"crm.get_case"}}'
POISON = READ[:-1] + b',"poison":true}'

LOST = "the rules ended their process, or took too long"

ENDLESS = """
xs := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
broken if {
    some a in xs; some b in xs; some c in xs; some d in xs; some e in xs; some f in xs
    some g in xs; some h in xs; some i in xs; some j in xs; some k in xs; some l in xs
    a + b + c + d + e + f + g + h + i + j + k + l < 0
}
"""
RECURSIVE = "f(x) := f(x)\nbroken if f(1)"
DOUBLING = "".join(f's{n} := concat("", [s{n - 1}, s{n - 1}])\n' for n in range(1, 40))
HUNGRY = f'broken if {{\ns0 := "x"\n{DOUBLING}\n}}'


def poisoned(rules: str) -> Bundle:
    return bundle(
        GUARDED, PACKAGE + 'permit contains {"id": "x"} if { input.poison; broken }\n' + rules
    )


@asynccontextmanager
async def running(made_of: Bundle, limits: Limits | None = None) -> AsyncGenerator[RegoProcess]:
    engine = RegoProcess(made_of, limits or Limits())
    try:
        yield engine
    finally:
        await engine.close()


class Clock:
    """The clock of the loop, which a test sets forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self._past_s = 0.0
        now = self._loop.time
        monkeypatch.setattr(self._loop, "time", lambda: now() + self._past_s)

    async def passes(self, seconds: float) -> None:
        """So much time, with all that is due then."""
        self._past_s += seconds
        looked: asyncio.Future[None] = self._loop.create_future()
        self._loop.call_later(0, looked.set_result, None)
        await looked


def refused(engine: RegoProcess, why: str = LOST) -> PolicyAnswer:
    return PolicyAnswer(bundle=engine.digest, engine=engine_name("rego"), error=why)


def permitted(engine: RegoProcess) -> PolicyAnswer:
    return PolicyAnswer(bundle=engine.digest, engine=engine_name("rego"), permit=("read",))


# --- rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [ENDLESS, RECURSIVE, HUNGRY], ids=["endless", "stack", "memory"])
async def test_a_rule_that_takes_its_process_along_refuses_this_call_and_no_other(
    rules: str,
) -> None:
    async with running(poisoned(rules)) as engine:
        before = engine.pids
        inputs = [READ, POISON, READ, READ]
        answers = await asyncio.gather(*(engine.evaluate(one, 0) for one in inputs))
        good = permitted(engine)
        assert answers == [good, refused(engine), good, good]
        assert await engine.evaluate(READ, 0) == good
        assert not set(before) & set(engine.pids)


async def test_one_poison_after_the_other_is_refused() -> None:
    async with running(poisoned(RECURSIVE)) as engine:
        inputs = [POISON, POISON, READ, POISON, READ]
        answers = await asyncio.gather(*(engine.evaluate(one, 0) for one in inputs))
        assert [answer.error for answer in answers] == [LOST, LOST, None, LOST, None]


async def test_a_rule_that_panics_refuses_and_the_process_stays() -> None:
    panics = 'broken if strings.count("x", "")'
    async with running(poisoned(panics)) as engine:
        before = engine.pids[0]
        answer = await engine.evaluate(POISON, 0)
        assert answer.error is not None
        assert answer.permit == ()
        assert await engine.evaluate(READ, 0) == permitted(engine)
        assert engine.pids[0] == before


# --- processes -----------------------------------------------------------------------------------


async def test_a_process_that_is_stopped_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    async with running(bundle(GUARDED), Limits(wall_s=1000)) as engine:
        assert await engine.evaluate(READ, 0) == permitted(engine)
        os.kill(engine.pids[0], signal.SIGSTOP)
        asked = [asyncio.ensure_future(engine.evaluate(READ, 0)) for _ in range(3)]
        await clock.passes(0)
        await clock.passes(1000)
        answers = await asyncio.gather(*asked)
        assert answers == [refused(engine), permitted(engine), permitted(engine)]


async def test_a_process_that_is_killed_is_replaced() -> None:
    async with running(bundle(GUARDED)) as engine:
        assert await engine.evaluate(READ, 0) == permitted(engine)
        for _ in range(3):
            pid = engine.pids[0]
            os.kill(pid, signal.SIGSTOP)
            asked = asyncio.ensure_future(engine.evaluate(READ, 0))
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            assert await asked == refused(engine)
            assert await engine.evaluate(READ, 0) == permitted(engine)


async def test_a_process_that_dies_while_it_waits_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    class Told(Started):
        def __init__(self, of: Bundle, limits: Limits) -> None:
            super().__init__(of, limits)
            loop.call_soon_threadsafe(made.put_nowait, self.process.pid)

    async with running(poisoned(RECURSIVE)) as engine:
        monkeypatch.setattr("safeconduct.policy.rego.children.Started", Told)
        assert await engine.evaluate(READ, 0) == permitted(engine)
        spare = await made.get()
        over = ended(spare)
        os.kill(spare, signal.SIGKILL)
        await over
        answers = await asyncio.gather(*(engine.evaluate(one, 0) for one in (POISON, READ)))
        assert answers == [refused(engine), permitted(engine)]


async def test_a_signal_to_all_takes_no_decision_from_a_call() -> None:
    async with running(bundle(GUARDED)) as engine:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(engine.pids[0], number)
            assert await engine.evaluate(READ, 0) == permitted(engine)


async def test_without_another_process_nothing_is_permitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(poisoned(RECURSIVE)) as engine:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        inputs = [READ, POISON, READ, READ]
        answers = await asyncio.gather(*(engine.evaluate(one, 0) for one in inputs))
        assert answers[:2] == [permitted(engine), refused(engine)]
        why = "no process for the rules came up (FileNotFoundError)"
        assert answers[2] == refused(engine, why)
        # What costs a process each time is not tried for each call.
        assert answers[3] == refused(engine, "there is no process for the rules")


async def test_a_process_that_could_not_wait_is_started_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def none(*_: object) -> Started:
        loop.call_soon_threadsafe(tried.set)
        raise PolicyRefused("no process for the rules came up", file="policy.yaml", fix="wait")

    async with running(poisoned(RECURSIVE)) as engine:
        with monkeypatch.context() as busy:
            busy.setattr("safeconduct.policy.rego.children.Started", none)
            assert await engine.evaluate(READ, 0) == permitted(engine)
            await tried.wait()
        answers = await asyncio.gather(*(engine.evaluate(one, 0) for one in (POISON, READ)))
        assert answers == [refused(engine), permitted(engine)]


async def test_an_end_in_the_middle_refuses() -> None:
    async with running(bundle(GUARDED)) as engine:
        assert await engine.evaluate(READ, 0) == permitted(engine)
        os.kill(engine.pids[0], signal.SIGSTOP)
        asked = asyncio.ensure_future(engine.evaluate(READ, 0))
        await asyncio.sleep(0)
        await engine.close()
        assert await asked == refused(engine)


# --- answers that are none -----------------------------------------------------------------------


class Lying(Protocol):
    def __call__(self, how: str, wall_s: float = 60.0) -> RegoProcess: ...


@pytest.fixture
async def lying(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lying]:
    monkeypatch.setattr("safeconduct.policy.rego.starting._MODULE", "tests.support.lying_child")
    made: list[RegoProcess] = []

    def start(how: str, wall_s: float = 60.0) -> RegoProcess:
        honest = bundle(GUARDED)
        header = msgspec.structs.replace(honest.header, name=how)
        lie = msgspec.structs.replace(honest, header=header)
        made.append(RegoProcess(lie, Limits(wall_s=wall_s)))
        return made[-1]

    yield start
    closing: list[Awaitable[None]] = [engine.close() for engine in made]
    await asyncio.gather(*closing)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("another bundle", "the rules that answered are others"),
        ("another shape", LOST),
        ("no json", LOST),
        ("no length", LOST),
        ("endless", LOST),
        ("half", LOST),
        ("leaves", LOST),
        ("silence", LOST),
    ],
)
async def test_an_answer_that_is_none_permits_nothing(lying: Lying, how: str, why: str) -> None:
    says_nothing = how in {"endless", "silence"}
    engine = lying(how, 0.2) if says_nothing else lying(how)
    assert await engine.evaluate(READ, 0) == refused(engine, why)
    assert await engine.evaluate(READ, 0) == refused(engine, why)


async def test_processes_that_do_not_stay_are_not_asked(
    lying: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Left(Started):
        def __init__(self, of: Bundle, limits: Limits) -> None:
            super().__init__(of, limits)
            self.process.wait()

    monkeypatch.setattr("safeconduct.policy.rego.children.Started", Left)
    engine = lying("does not stay")
    # The first is asked before anybody looks; the others are seen to have left.
    assert await engine.evaluate(READ, 0) == refused(engine)
    gone = refused(engine, "the processes for the rules do not last")
    assert await engine.evaluate(READ, 0) == gone


async def test_an_answer_to_nothing_ends_who_gave_it(lying: Lying) -> None:
    engine = lying("twice")
    over = ended(engine.pids[0])
    assert await engine.evaluate(READ, 0) == permitted(engine)
    await over


async def test_the_time_that_a_question_waits_behind_others_does_not_count(
    lying: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    engine = lying("stops first", 1000)
    (pid,) = engine.pids
    asked = [asyncio.ensure_future(engine.evaluate(READ, 0)) for _ in range(3)]
    for question in asked:
        await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WSTOPPED)
        await clock.passes(900)
        os.kill(pid, signal.SIGCONT)
        assert await question == permitted(engine)
    assert engine.pids[0] == pid


async def test_an_answer_in_pieces_is_one(lying: Lying) -> None:
    engine = lying("byte by byte")
    answers = await asyncio.gather(*(engine.evaluate(READ, 0) for _ in range(3)))
    assert answers == [permitted(engine)] * 3


def test_a_process_that_says_nothing_of_its_rules_is_refused(lying: Lying) -> None:
    with pytest.raises(PolicyRefused, match="came up"):
        lying("silent start")


# --- the gateway ---------------------------------------------------------------------------------

HANGS = """
permit contains {"id": "mail"} if input.call.tool == "mail.read_inbox"
permit contains {"id": "hangs"} if { input.call.tool == "mail.send"; broken }
"""


async def test_a_gateway_goes_on_while_a_rule_never_ends() -> None:
    config = load(Path(__file__).parents[2] / "examples" / "inbox" / "gateway")
    rules = PACKAGE + HANGS + ENDLESS
    async with (
        running(bundle(rules)) as engine,
        SimulatedTask(config, "Answer dana@quay.example.", policy=engine) as task,
    ):
        sent = {"to": "dana@quay.example", "body": "Soon."}
        steps = await asyncio.gather(
            task.call("mail.send", sent, lambda **_: {"sent": True}),
            task.call("mail.read_inbox", {}, lambda: {"messages": []}),
        )
        assert [(step.verdict, step.reason) for step in steps] == [
            ("refused", "policy-error"),
            ("done", None),
        ]
        again = await task.call("mail.read_inbox", {}, lambda: {"messages": []})
        assert again.verdict == "done"
