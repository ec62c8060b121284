"""The story's gateway as a process of its own, in front of a company that runs."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.demo.installation import install
from safeconduct.demo.process import Child, child
from safeconduct.demo.review import review
from safeconduct.demo.serving import free_port
from safeconduct.demo.world import World


@asynccontextmanager
async def gateway_of(world: World) -> AsyncGenerator[tuple[Config, Child]]:
    """Install a gateway, its tools reviewed, and run it until the context ends."""
    configuration = install(world, free_port(), free_port())
    await review(configuration)
    serve = (sys.executable, "-m", "safeconduct", "serve", "--config", str(configuration))
    async with child("gateway", *serve, directory=world.directory) as gateway:
        await gateway.first_line()
        yield load(configuration), gateway
