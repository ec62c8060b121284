"""An approved call runs at most once: raced, killed at every step, and after a restart."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import pytest

from safeconduct.app.served import Served
from safeconduct.cli import output
from safeconduct.config import load
from safeconduct.ports import Refused
from tests.support.dying import RECORDED, SENT, STEPS, again, doomed, last, reopened, sent
from tests.support.installation import (
    SERVE,
    Agent,
    Office,
    done,
    eventually,
    opened_office,
    received,
    refusal,
    running,
)
from tests.support.waiting import SEND, approve, waiting

CLIENTS: Final = 64
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


async def came_of(served: Served, agent: Agent) -> str:
    """What becomes of the same call."""
    answer = await again(served, agent, "send", SEND)
    return answer.code if isinstance(answer, Refused) else "done"


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
        found = outcomes([sent(agent, "send", SEND) for _ in range(CLIENTS)])
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
    with doomed(config, step) as gateway:
        agent = Agent(gateway, first.task)
        last(agent, "send", SEND)
    assert office.effects["send"] - before == int(step >= SENT)
    async with reopened(config) as served:
        came = Counter(await asyncio.gather(*(came_of(served, agent) for _ in range(8))))
        if step < RECORDED:
            assert came.pop("done") == 1
            assert came.keys() <= UNDONE
            assert await came_of(served, agent) == "approval-required"
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
        under_way = [sent(agent, "send", SEND) for _ in range(CLIENTS // 2)]
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
        found = outcomes([sent(agent, "send", SEND) for _ in range(CLIENTS // 2)])
        assert found == {"outcome-unknown": CLIENTS // 2}
    assert office.effects["send"] == 1
