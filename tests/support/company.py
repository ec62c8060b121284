"""A company with a gateway, for stories in which somebody at a terminal works with it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from safeconduct.config import load
from safeconduct.demo import connection, plot
from safeconduct.demo.dpop import DpopAuth
from safeconduct.demo.installation import install
from safeconduct.demo.process import child
from safeconduct.demo.review import review
from safeconduct.demo.serving import free_port
from safeconduct.demo.world import open_world
from safeconduct.identity.client import StartedTask, start_task


class Company(msgspec.Struct, frozen=True):
    """Tool servers that run, and a configuration that was reviewed for them, to be copied."""

    reviewed: Path
    customer: str

    def installed(self, directory: Path) -> Installed:
        """A gateway of its own, with a log of its own, that does not run."""
        place = directory / "gateway"
        shutil.copytree(self.reviewed, place)
        return Installed(place, self.customer)


class Installed(msgspec.Struct, frozen=True):
    """A gateway, and how to be its operator or its agent."""

    directory: Path
    customer: str

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        serve = (sys.executable, "-m", "safeconduct", "serve", "--config", str(self.directory))
        async with child("gateway", *serve, directory=self.directory.parent) as process:
            await process.first_line()
            yield

    async def operate(self, *arguments: str) -> tuple[int, Any]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "safeconduct", *arguments, "--format", "json"),
            *("--config", str(self.directory)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        said = [json.loads(line) for line in out.splitlines()]
        return process.returncode or 0, said[0] if len(said) == 1 else said or err.decode()

    async def task(self) -> StartedTask:
        config = load(self.directory)
        agent, assignment = next(iter(config.root.assignments.items()))
        return await asyncio.to_thread(
            start_task,
            config,
            agent=agent,
            user=plot.USER,
            profile=assignment.profiles[0],
            purpose=plot.REQUEST,
            source="app",
        )

    def tools(self, task: StartedTask) -> Any:
        url = f"{load(self.directory).root.gateway.issuer}/mcp"
        return connection.governed(url, DpopAuth(task.token, task.key))


@asynccontextmanager
async def founded(directory: Path) -> AsyncGenerator[Company]:
    """The company of the demo. One gateway after another may stand before its tools."""
    drawn = plot.draw()
    async with open_world(directory, drawn) as world:
        reviewed = install(world, free_port(), free_port())
        await review(reviewed)
        yield Company(reviewed, drawn.customer.email)
