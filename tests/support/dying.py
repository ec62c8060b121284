"""Gateways that are killed in the middle of a call, and what the next process makes of it."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Final

import pytest

from safeconduct.app.served import Served
from safeconduct.config.schema import Config
from safeconduct.ports import JSON, Answer, Caller
from tests.support.installation import Agent, Gateway, calling, running

STEPS: Final = range(1, 12)
RECORDED: Final = 6
"""The first step at which the decision, and with it what it uses up, is on record."""
SENT: Final = 9
"""The first step at which the tool has run."""


@contextmanager
def doomed(config: Config, step: int) -> Generator[Gateway]:
    """A gateway that is killed at this step of the first call that gets there."""
    with running(config, "tests.support.killed", config.directory, str(step)) as gateway:
        yield gateway


def last(agent: Agent, name: str, arguments: JSON) -> None:
    """A call that is the gateway's last."""
    with pytest.raises((HTTPException, ConnectionError)):
        agent.call(f"office__{name}", arguments)
    assert agent.gateway.process.wait() == -signal.SIGKILL


def sent(agent: Agent, name: str, arguments: JSON) -> HTTPConnection:
    """A call that nobody has waited for yet."""
    message, fields = calling(f"office__{name}", arguments)
    return agent.sent(message, agent.fields(fields))


@asynccontextmanager
async def reopened(config: Config) -> AsyncGenerator[Served]:
    """The same directory, opened as the next process would."""
    served = Served(config)
    try:
        await served.rooms.start()
        yield served
    finally:
        await served.rooms.close()


async def again(served: Served, agent: Agent, name: str, arguments: JSON) -> Answer:
    """What becomes of a call in the next process."""
    caller = Caller(
        http_method="POST",
        url=agent.url,
        authorization=f"DPoP {agent.task.token}",
        dpop=(agent.proof(),),
    )
    tool = f"office__{name}"
    params = {"name": tool, "arguments": arguments}
    return await served.rooms.gateway.call(caller, "tools/call", None, tool, params)
