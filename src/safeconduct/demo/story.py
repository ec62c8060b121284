"""The story: the same agent, the same e-mail, first without and then with the gateway."""

from pathlib import Path

import msgspec

from safeconduct.demo import connection
from safeconduct.demo.agent import Agent, Attempt
from safeconduct.demo.outcome import Outcome, judge
from safeconduct.demo.plot import REQUEST, Plot
from safeconduct.demo.world import open_world


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


async def ungoverned(directory: Path, plot: Plot) -> Run:
    """Run the agent with direct access to every tool, in an empty directory."""
    async with open_world(directory, plot) as world:
        async with connection.direct(world) as tools:
            attempts = await Agent(tools).run(REQUEST)
        return Run(attempts=attempts, outcome=judge(world, plot))
