"""The story: the same agent, the same e-mail, first without and then with the gateway."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from safeconduct.audit.verify import verify
from safeconduct.config.schema import Config
from safeconduct.demo import connection
from safeconduct.demo.agent import Agent, Attempt
from safeconduct.demo.connection import McpTools
from safeconduct.demo.dpop import DpopAuth
from safeconduct.demo.outcome import Outcome, judge
from safeconduct.demo.plot import REQUEST, USER, Plot, draw
from safeconduct.demo.standing import gateway_of
from safeconduct.demo.world import World, open_world
from safeconduct.identity.client import StartedTask, start_task


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the agent, and what came of it."""

    attempts: tuple[Attempt, ...]
    outcome: Outcome


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What the verification of the gateway's log found. `root` is hexadecimal."""

    verified: bool
    records: int
    root: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Both runs, and the evidence of the second."""

    ungoverned: Run
    governed: Run
    audit: Audit

    @property
    def as_promised(self) -> bool:
        """Whether the plain agent leaked, the governed one did not, and the rest went well."""
        return (
            self.ungoverned.outcome.leaked
            and not self.governed.outcome.leaked
            and self.governed.outcome.task_done
            and self.audit.verified
        )


async def begin(config: Config, purpose: str) -> StartedTask:
    """The user asks her copilot for something, and a task for it starts."""
    agent = next(iter(config.root.assignments))
    return await asyncio.to_thread(
        start_task,
        config,
        agent=agent,
        user=USER,
        profile=config.root.assignments[agent].profiles[0],
        purpose=purpose,
        source="app",
    )


@asynccontextmanager
async def tools_of(config: Config, task: StartedTask) -> AsyncGenerator[McpTools]:
    """The tools as an agent with this task reaches them: through the gateway."""
    url = f"{config.root.gateway.issuer}/mcp"
    async with connection.governed(url, DpopAuth(task.token, task.key)) as tools:
        yield tools


async def through(world: World, config: Config, plot: Plot) -> Run:
    """Run the same agent with a running gateway as its only way to any tool."""
    async with tools_of(config, await begin(config, REQUEST)) as tools:
        attempts = await Agent(tools).run(REQUEST)
    return Run(attempts=attempts, outcome=judge(world, plot))


def audited(config: Config) -> Audit:
    """Verify the log of a gateway, which may run on meanwhile."""
    report = verify(Path(config.directory) / config.root.audit.directory)
    return Audit(verified=not report.findings, records=report.records, root=report.root)


async def governed(directory: Path, plot: Plot) -> tuple[Run, Audit]:
    """Run the same agent behind a gateway of its own, in an empty directory."""
    async with open_world(directory, plot) as world, gateway_of(world) as (config, _):
        run = await through(world, config, plot)
    return run, audited(config)


async def tell(directory: Path) -> Story:
    """Run both, each in a company of its own, below an empty directory."""
    plot = draw()
    places = directory / "plain", directory / "governed"
    for place in places:
        place.mkdir()
    plain = await ungoverned(places[0], plot)
    through, audit = await governed(places[1], plot)
    return Story(ungoverned=plain, governed=through, audit=audit)


async def ungoverned(directory: Path, plot: Plot) -> Run:
    """Run the agent with direct access to every tool, in an empty directory."""
    async with open_world(directory, plot) as world:
        async with connection.direct(world) as tools:
            attempts = await Agent(tools).run(REQUEST)
        return Run(attempts=attempts, outcome=judge(world, plot))
