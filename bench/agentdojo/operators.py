"""The operator's side of a suite: a configuration directory, and which task has which profile.

The agent's calls go through the gateway of that configuration, each run with a state of its own.
"""

import os
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from bench.agentdojo.agent import Agent, Call, Take, World
from safeconduct.config import load
from safeconduct.config.inspectors import Instructions
from safeconduct.config.schema import Config, Profile
from safeconduct.kit import yaml
from safeconduct.kit.yaml import Value
from safeconduct.ports import PolicyEngine
from safeconduct.rooms import engine
from safeconduct.simulation import Approver, SimulatedTask, Step
from safeconduct.upstreams.callables import Run

HERE: Final = Path(__file__).parent / "operator"
MEMORY: Final = Path("/dev/shm")  # noqa: S108  each run has a directory that only we can open
"""Where log and state of a run go if the machine has it: nothing of them is kept."""
REGISTRATION: Final = "registration"
"""The profile of a task that may use all that its agent is registered for."""

Scopes = Literal["profile", "registration"]


class Operator(msgspec.Struct, frozen=True):
    """What one suite's operator wrote, with an engine for its policy."""

    config: Config
    profiles: Mapping[str, str]
    engine: PolicyEngine

    @property
    def upstream(self) -> str:
        return next(iter(self.config.manifests))

    @property
    def resolvers(self) -> set[str]:
        """The tools that resolvers ask."""
        manifest = self.config.manifests[self.upstream]
        every = [manifest.resolvers, *(one.resolvers for one in manifest.tools.values())]
        return {one.tool.rpartition(".")[2] for group in every for one in group.values()}

    def profile(self, user: str, scopes: Scopes) -> str:
        """Raises KeyError: `tasks.yaml` has no profile for the task."""
        return self.profiles[user] if scopes == "profile" else REGISTRATION


@cache
def operator(directory: Path, *, detector: bool = False) -> Operator:
    """Loaded once in a process. With the `detector`, what speaks to the agent is withheld.

    Raises:
        ConfigError, PolicyRefused: the configuration or its policy is refused.
        ValueError: `tasks.yaml` is not a mapping of user tasks to task profiles.
    """
    config = load(directory)
    tasks = directory / "tasks.yaml"
    document = yaml.load(tasks.read_text(encoding="utf-8"), str(tasks))
    profiles = msgspec.convert(document.value, dict[str, str])
    if unknown := sorted(set(profiles.values()) - set(config.root.profiles)):
        raise ValueError(f"{tasks}: no such profile: {', '.join(unknown)}")
    policy = engine(config)
    agent = config.agents[next(iter(config.root.assignments))]
    widest = Profile(scopes=agent.delegation.scope + agent.jit_approval_required)
    root = msgspec.structs.replace(
        config.root, profiles={**config.root.profiles, REGISTRATION: widest}
    )
    if detector:
        looking = msgspec.structs.replace(root.inspectors, instructions=Instructions())
        wary = {
            name: msgspec.structs.replace(one, instructions="quarantine")
            for name, one in root.upstreams.items()
        }
        root = msgspec.structs.replace(root, inspectors=looking, upstreams=wary)
    return Operator(msgspec.structs.replace(config, root=root), profiles, policy)


class Tools:
    """What stands behind the gateway: the call that the agent has under way, and the world for what
    the gateway asks itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._running: dict[str, Run] = {}

    @contextmanager
    def running(self, tool: str, run: Run) -> Generator[None]:
        """The agent has a call of this tool under way."""
        self._running[tool] = run
        try:
            yield
        finally:
            del self._running[tool]

    def behind(self, tool: str) -> Run:
        def run(**arguments: Any) -> Value:  # noqa: ANN401  any JSON
            own = self._running.get(tool)
            return self._world(Call(tool, arguments)) if own is None else own(**arguments)

        return run


@contextmanager
def scratch() -> Generator[Path]:
    """A directory in memory, if the machine has one, for as long as the context lasts."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(
        prefix="safeconduct-dojo-", dir=memory, ignore_cleanup_errors=True
    ) as directory:
        yield Path(directory)


@asynccontextmanager
async def gateway(
    operator: Operator, purpose: str, profile: str, approver: Approver, agent: Agent
) -> AsyncGenerator[Take]:
    """A gateway with an empty state, as what stands between the agent and its world."""

    def wanted(tool: str, arguments: Mapping[str, Any]) -> bool:
        return agent.wants(Call(tool.partition(".")[2], dict(arguments)))

    where, tools = operator.upstream, Tools(agent.world)
    with scratch() as directory:
        async with SimulatedTask(
            operator.config,
            purpose,
            profile=profile,
            approver=approver,
            wanted=wanted,
            policy=operator.engine,
            resolvers={f"{where}.{tool}": tools.behind(tool) for tool in operator.resolvers},
            directory=directory,
        ) as task:

            async def take(call: Call, run: Run) -> Step:
                with tools.running(call.tool, run):
                    return await task.call(f"{where}.{call.tool}", call.arguments, run)

            yield take
