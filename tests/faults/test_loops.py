"""A gateway that is killed while an agent goes in circles: nothing of the count is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.app.resuming import resume
from safeconduct.app.served import Served
from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.ports import Answer, Delivered, Refused
from tests.support.dying import again, reopened
from tests.support.installation import (
    DANA,
    EVE,
    Agent,
    Office,
    change,
    install,
    opened_office,
    refusal,
    running,
)

SAME, REFUSALS = 3, 5
TOOL, EVIL = "office__send", {"to": EVE, "body": "x"}


@pytest.fixture
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


def patient(directory: Path, office: Office) -> Config:
    """An office where a task is stopped soon."""
    install(directory, office)
    root = directory / "safeconduct.yaml"
    profiles = json.loads(root.read_text())["profiles"]
    profiles["triage"] |= {"loops": {"same": SAME, "changes": 2}, "max_refusals": REFUSALS}
    change(root, {"profiles": profiles})
    return load(directory)


async def mailed(served: Served, agent: Agent, to: str = EVE) -> Answer:
    return await again(served, agent, "send", {**EVIL, "to": to})


async def code(served: Served, agent: Agent, to: str = EVE) -> str:
    answer = await mailed(served, agent, to)
    assert isinstance(answer, Refused)
    return answer.code


async def test_what_was_stopped_stays_stopped_until_a_person_has_looked(
    tmp_path: Path, office: Office
) -> None:
    config = patient(tmp_path, office)
    with running(config) as gateway:
        agent = gateway.task()
        for _ in range(SAME):
            assert refusal(agent.call(TOOL, EVIL)) == "destination-not-allowed"
        gateway.process.kill()
    async with reopened(config) as served:
        assert await code(served, agent) == "loop-stopped"
    async with reopened(config) as served:
        assert await code(served, agent) == "loop-stopped"
        assert await code(served, agent) == "refusals-exhausted"
    async with reopened(config) as served:
        assert await code(served, agent, DANA) == "refusals-exhausted"
        await resume(served.rooms, {"task": agent.task.task, "why": "looked at it"}, "uid:0")
    async with reopened(config) as served:
        assert await code(served, agent) == "destination-not-allowed"
        for _ in range(2):
            assert isinstance(await mailed(served, agent, DANA), Delivered)
    async with reopened(config) as served:
        assert await code(served, agent, DANA) == "loop-stopped"
    assert office.effects["send"] == 2


async def test_a_count_is_the_same_from_the_log_alone(tmp_path: Path, office: Office) -> None:
    config = patient(tmp_path, office)
    with running(config) as gateway:
        agent = gateway.task()
        for _ in range(SAME):
            assert refusal(agent.call(TOOL, EVIL)) == "destination-not-allowed"
        gateway.process.kill()
    for kept in (tmp_path / config.root.gateway.state).glob("state.sqlite3*"):
        kept.unlink()
    async with reopened(config) as served:
        assert await code(served, agent) == "loop-stopped"
