import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import orjson
import pytest

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.loading import passed
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import MAX_INPUT_BYTES, RegoEngine
from safeconduct.policy.rego.process import RegoProcess
from safeconduct.policy.versions import engine_name
from tests.support.bundles import GUARDED, PACKAGE, bundle
from tests.support.ending import ended
from tests.support.library import bundle_of

READ = b'{"call":{"tool":"crm.get_case"}}'
MORE = """
elevate contains {"id": "ask", "template": "t", "ttl_s": 60, "obligations": []} if input.x == 1
deny contains {"id": "late"} if time.now_ns() > 1000000
"""


@pytest.fixture
async def engine() -> AsyncIterator[RegoProcess]:
    made = RegoProcess(bundle(GUARDED, PACKAGE + MORE, unsafe=True))
    yield made
    await made.close()


async def test_it_answers_as_an_engine_in_this_process_does(engine: RegoProcess) -> None:
    local = RegoEngine(bundle(GUARDED, PACKAGE + MORE, unsafe=True))
    assert (engine.digest, engine.unsafe, engine.members, engine.rules) == (
        local.digest,
        ("unsafe_permit_all",),
        frozenset({"call", "x"}),
        local.rules,
    )
    for given in (READ, b"{}", b'{"x":1}', b"{", b"\xff", b'{"x":"\\ud800"}', b"[" * 10_000):
        for now_ms in (0, 1, 2, -1):
            assert await engine.evaluate(given, now_ms) == local.evaluate(given, now_ms)


async def test_what_rules_demand_comes_through() -> None:
    made_of = passed(bundle_of("tenant-isolation", "rego"), preflight=False)
    given = b'{"call":{"tool":"crm.search_accounts"},"task":{"tenant":"a"},"labels":{}}'
    answer = RegoEngine(made_of).evaluate(given, 0)
    assert [one.path for one in answer.demands.constrain] == [("tenant_id",)]
    engine = RegoProcess(made_of)
    assert await engine.evaluate(given, 0) == answer
    await engine.close()


async def test_many_are_answered_each_with_its_own(engine: RegoProcess) -> None:
    async def ask(number: int) -> PolicyAnswer:
        given = orjson.dumps({"x": number % 2, "call": {"tool": "crm.get_case" * (number % 3)}})
        return await engine.evaluate(given, number % 5)

    answers = await asyncio.gather(*map(ask, range(300)))
    for number, answer in enumerate(answers):
        assert answer.permit == (("read",) if number % 3 == 1 else ())
        assert [rule.id for rule in answer.elevate] == (["ask"] if number % 2 else [])
        assert answer.deny == (("late",) if number % 5 > 1 else ())


async def test_an_input_that_is_too_large_is_not_sent(engine: RegoProcess) -> None:
    answer = await engine.evaluate(b" " * (MAX_INPUT_BYTES + 1), 0)
    assert answer.error == f"the policy input is larger than {MAX_INPUT_BYTES} bytes"
    large = READ[:-1] + b',"x":"' + b"x" * (MAX_INPUT_BYTES - len(READ) - 8) + b'"}'
    assert (await engine.evaluate(large, 0)).permit == ("read",)


async def test_who_stops_waiting_takes_no_answer_from_others(engine: RegoProcess) -> None:
    first = asyncio.ensure_future(engine.evaluate(b'{"x":1}', 0))
    second = asyncio.ensure_future(engine.evaluate(READ, 0))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).permit == ("read",)
    with pytest.raises(asyncio.CancelledError):
        await first


def test_rules_that_do_not_parse_are_refused() -> None:
    with pytest.raises(PolicyRefused, match="not Rego"):
        RegoProcess(bundle(GUARDED, PACKAGE + "a := "))


async def test_after_the_end_nothing_is_permitted() -> None:
    engine = RegoProcess(bundle(GUARDED))
    assert (await engine.evaluate(READ, 0)).permit == ("read",)
    (pid, *_) = engine.pids
    await engine.close()
    await engine.close()
    assert await engine.evaluate(READ, 0) == PolicyAnswer(
        bundle=engine.digest, engine=engine_name("rego"), error="there is no process for the rules"
    )
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# Python warns of a process that outlives its object, which this one does for a moment only.
@pytest.mark.filterwarnings("ignore:subprocess:ResourceWarning")
@pytest.mark.parametrize("asked", [False, True])
async def test_processes_end_with_the_engine_that_has_them(asked: bool) -> None:
    engine = RegoProcess(bundle(GUARDED))
    if asked:
        assert (await engine.evaluate(READ, 0)).permit == ("read",)
    (pid, *_) = engine.pids
    over = ended(pid)
    del engine
    gc.collect()
    await over


PARENT = """
from safeconduct.policy.rego.process import RegoProcess
from tests.support.bundles import GUARDED, bundle
engine = RegoProcess(bundle(GUARDED))
print(*engine.pids, flush=True)
input()
"""


async def test_a_process_ends_when_nobody_is_there_to_ask_it() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    over = ended(int(await parent.stdout.readline()))
    parent.kill()
    await over
    await parent.communicate()
