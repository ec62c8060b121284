"""The composition root: the only file that knows every room."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from safeconduct.approvals.desk import Desk
from safeconduct.audit.log import Log
from safeconduct.config.schema import Config
from safeconduct.core.record import outcome_record
from safeconduct.facts import FactFinder
from safeconduct.gateway import Gateway
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.ports import Broker as BrokerPort
from safeconduct.ports import Identity, PolicyEngine, Upstream
from safeconduct.secrets.broker import Broker
from safeconduct.tasks.state import TaskState
from safeconduct.tools.catalogue import Catalogue

STATE_FILE = "state.sqlite3"


def clock_ms() -> int:
    """The time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def new_id(kind: str) -> str:
    """A random identifier: `d_` decision, `t_` task, `a_` approval, `i_` incident."""
    return f"{kind}_{secrets.token_hex(12)}"


def engine(config: Config) -> PolicyEngine:
    """The engine for the configured policy bundle. Raises PolicyRefused."""
    from safeconduct.policy.rego import RegoEngine

    return RegoEngine.load(Path(config.directory) / config.root.policy.bundle)


class Rooms:
    """A gateway and everything behind it, wired together."""

    def __init__(
        self,
        config: Config,
        *,
        identity: Callable[[Log, Callable[[], int]], Identity],
        upstreams: Mapping[str, Upstream],
        policy: PolicyEngine,
        clock: Callable[[], int] = clock_ms,
        step: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Opens the log and the state, and wires the page.

        Raises:
            LedgerFault: the log cannot be opened, or contradicts itself.
            OSError: a directory cannot be made or opened.
        """
        root, directory = config.root, Path(config.directory)
        state = directory / root.gateway.state
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config = config
        self.clock_ms = clock
        self.upstreams = upstreams
        self.policy = policy
        self.state = TaskState(state / STATE_FILE)
        self.log = Log.open(
            directory / root.audit.directory, self.state, origin=f"{root.gateway.tenant}/audit"
        )
        broker: BrokerPort = Broker(directory, root.upstreams)
        self.catalogue = Catalogue(config, upstreams, broker)
        self.desk = Desk(self.log, clock)
        self.facts = FactFinder(
            config,
            identity=identity(self.log, clock),
            state=self.state,
            catalogue=self.catalogue,
            policy=policy,
            inspectors=(SecretInspector(),),
            upstreams=upstreams,
            broker=broker,
            clock_ms=clock,
        )
        self.gateway = Gateway(
            self.facts,
            ledger=self.log,
            broker=broker,
            desk=self.desk,
            upstreams=upstreams,
            timeouts_s={where: float(block.timeout_s) for where, block in root.upstreams.items()},
            new_id=new_id,
            step=step,
        )

    async def start(self) -> None:
        """Records the start and what a crash left open, and asks the upstreams what they offer."""
        now_ms = self.clock_ms()
        await self.log.append(
            {
                "kind": "config",
                "phase": "loaded",
                "at_ms": now_ms,
                "tenant": self.config.root.gateway.tenant,
                "policy": self.policy.digest,
                "unsafe": [*self.config.unsafe, *self.policy.unsafe],
            }
        )
        for decision, left in self.state.open_calls():
            # The digest of a state-changing call stays locked for good.
            await self.log.append(
                outcome_record(
                    decision,
                    left.task,
                    now_ms,
                    "unknown",
                    reason="outcome-unknown",
                    may_have_happened=True,
                )
            )
        await self.catalogue.refresh(self._pin)

    async def _pin(self, target: str, seen: str) -> str:
        """The digest pinned to a definition: the one first seen."""
        pinned = self.state.pin(target)
        if pinned is None:
            await self.log.append(
                {"kind": "pin", "target": target, "pin": seen, "at_ms": self.clock_ms()}
            )
            return seen
        return pinned

    async def revoke(self, what: str, identifier: str, by: str) -> None:
        """Revokes a task, agent, user, key or token; it bites on the next step of every call.

        Raises LedgerFault.
        """
        await self.log.append(
            {
                "kind": "revocation",
                "what": what,
                "id": identifier,
                "by": by,
                "at_ms": self.clock_ms(),
            }
        )

    async def close(self) -> None:
        """Closes everything, in the reverse order."""
        await asyncio.gather(*(upstream.close() for upstream in self.upstreams.values()))
        self.log.close()
        self.state.close()
