"""An approved call runs at most once: raced, killed at every step, and after a restart."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import pytest

from safeconduct.app import Served
from safeconduct.cli import output
from safeconduct.config import load
from safeconduct.ports import Caller, Refused
from tests.support.installation import (
    SERVE,
    Agent,
    Gateway,
    Office,
    calling,
    done,
    eventually,
    opened_office,
    received,
    refusal,
    running,
)
from tests.support.waiting import SEND, approve, waiting

CLIENTS: Final = 64
STEPS: Final = range(1, 12)
RECORDED: Final = 6
"""The first step at which the permit, and with it the use of the approval, is on record."""
SENT: Final = 9
"""The first step at which the tool has run."""


UNDONE: Final = {"outcome-unknown", "approval-required", "busy"}


@pytest.fixture
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Agent, Office]]:
    """An agent whose call a person has approved; the gateway has ended."""
    with opened_office() as office:
        with running(waiting(tmp_path_factory.mktemp("approved"), office)) as gateway:
            agent = gateway.task()
            assert refusal(agent.call("office__send", SEND)) == "approval-required"
            approve(gateway)
        yield agent, office


@asynccontextmanager
async def reopened(gateway: Gateway) -> AsyncGenerator[Served]:
    """The same directory, opened as the next process would."""
    served = Served(gateway.config)
    try:
        await served.rooms.start()
        yield served
    finally:
        await served.rooms.close()


async def again(served: Served, agent: Agent) -> str:
    """What becomes of the same call."""
    caller = Caller(
        http_method="POST",
        url=agent.url,
        authorization=f"DPoP {agent.task.token}",
        dpop=(agent.proof(),),
    )
    name = "office__send"
    params = {"name": name, "arguments": SEND}
    answer = await served.rooms.gateway.call(caller, "tools/call", None, name, params)
    return answer.code if isinstance(answer, Refused) else "done"


def sent(agent: Agent) -> HTTPConnection:
    message, fields = calling("office__send", SEND)
    return agent.sent(message, agent.fields(fields))


def outcomes(connections: list[HTTPConnection]) -> Counter[str]:
    """What became of calls that are under way."""
    found: Counter[str] = Counter()
    for connection in connections:
        reply = received(connection)
        found["done" if done(reply) else refusal(reply)] += 1
        connection.close()
    return found


def test_many_clients_at_once_get_it_done_once(tmp_path: Path, office: Office) -> None:
    with running(waiting(tmp_path, office)) as gateway:
        agent = gateway.task()
        assert refusal(agent.call("office__send", SEND)) == "approval-required"
        approval = approve(gateway)
        found = outcomes([sent(agent) for _ in range(CLIENTS)])
        assert found.pop("done") == office.effects["send"] == 1
        # While it runs nobody knows how it ends; then its yes is used up.
        assert found.keys() <= UNDONE
        assert found.total() == CLIENTS - 1
        permits = [one for one in gateway.records("decision") if one["verdict"] == "permit"]
        assert [one["approval"] for one in permits] == [approval]
        assert gateway.verified().unknown_count == 0


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_it_runs_once_at_most(
    tmp_path: Path, approved: tuple[Agent, Office], step: int
) -> None:
    first, office = approved
    before = office.effects["send"]
    shutil.copytree(first.gateway.config.directory, tmp_path / "gateway")
    config = load(tmp_path / "gateway")
    with running(config, "tests.support.killed", config.directory, str(step)) as gateway:
        agent = Agent(gateway, first.task)
        with pytest.raises((HTTPException, ConnectionError)):
            agent.call("office__send", SEND)
        assert gateway.process.wait() == -signal.SIGKILL
    assert office.effects["send"] - before == int(step >= SENT)
    async with reopened(gateway) as served:
        came = Counter(await asyncio.gather(*(again(served, agent) for _ in range(8))))
        if step < RECORDED:
            assert came.pop("done") == 1
            assert came.keys() <= UNDONE
            assert await again(served, agent) == "approval-required"
            assert office.effects["send"] - before == 1
        else:
            assert came == {"outcome-unknown": 8}
            assert office.effects["send"] - before == int(step >= SENT)
    assert gateway.verified().unknown_count == 0


def test_a_second_process_does_not_start_and_the_next_one_does_not_run_it_again(
    tmp_path: Path, office: Office
) -> None:
    """One log has one writer, so nobody else can take the same approval at the same time."""
    config = waiting(tmp_path, office)
    office.hold.add("send")
    with running(config) as gateway:
        agent = gateway.task()
        assert refusal(agent.call("office__send", SEND)) == "approval-required"
        approve(gateway)
        under_way = [sent(agent) for _ in range(CLIENTS // 2)]
        eventually(lambda: office.effects["send"] == 1, gateway)
        second = subprocess.run(
            [sys.executable, "-m", *SERVE, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == output.FAULT
        assert "another gateway runs with this configuration" in second.stderr
        assert "ready" not in second.stdout
        gateway.process.kill()
        gateway.process.wait()
        for connection in under_way:
            connection.close()
    with running(config) as gateway:
        agent = Agent(gateway, agent.task)
        found = outcomes([sent(agent) for _ in range(CLIENTS // 2)])
        assert found == {"outcome-unknown": CLIENTS // 2}
    assert office.effects["send"] == 1
