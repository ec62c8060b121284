"""The whole gateway over plain callables: for tests, benchmarks and users' own environments.

Nothing here decides: a `SimulatedTask` runs the real catalogue, facts, page, log and state. Only
the network, the tokens and the person who approves are stood in for.

    async with SimulatedTask(config, purpose="Answer case C-1", scopes=["crm:case:read"]) as task:
        step = await task.call("crm.get_case", {"case_id": "C-1"}, run=get_case)
        if step.verdict == "refused":
            print(step.reason, step.remedy)
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec

from safeconduct.config import load
from safeconduct.config.inspectors import InspectorsBlock
from safeconduct.config.schema import Config, CredentialBlock
from safeconduct.core.canonical import digest
from safeconduct.core.model import TaskFacts
from safeconduct.core.provenance import PurposeSource
from safeconduct.core.reasons import REASONS
from safeconduct.core.subgrants import SubGrant, mistake
from safeconduct.delegation.issuing import limits
from safeconduct.ports import (
    JSON,
    Bearer,
    Caller,
    Delivered,
    PolicyEngine,
    Refused,
    Upstream,
)
from safeconduct.rooms import Rooms, clock_ms, engine, new_id
from safeconduct.upstreams.callables import (
    RUNNING,
    CallableUpstream,
    Run,
    definition,
    value_of,
)

Approver = Literal["none", "perfect", "always-yes"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one call came to. `result` is what the agent sees of a call that was done."""

    verdict: Literal["done", "refused"]
    decision: str
    result: JSON | None = None
    value: object = None
    reason: str | None = None
    remedy: str | None = None
    argument: str | None = None
    approvals: int = 0


class Tally(msgspec.Struct, kw_only=True):
    """What the calls of a simulation came to. A refusal is wrong where the user wants the call."""

    calls: int = 0
    done: int = 0
    refused: int = 0
    approvals: int = 0
    wrong_refusals: int = 0
    reasons: Counter[str] = msgspec.field(default_factory=Counter[str])

    def add(self, step: Step, *, wanted: bool) -> None:
        """Counts one call."""
        self.calls += 1
        self.approvals += step.approvals
        if step.reason is None:
            self.done += 1
            return
        self.refused += 1
        self.wrong_refusals += wanted
        self.reasons[step.reason] += 1


MAX_ASKED: Final = 8
"""How often a person is asked about one call at most: a yes that does not help is no progress."""

NO_CREDENTIAL = CredentialBlock(kind="none")


class SimulatedTask:
    """One task of one agent.

    Args:
        config: the configuration, or its directory; its upstreams are not contacted.
        purpose: the user's request, attested as `purpose_source` says.
        scopes: what the task may use; the whole task profile when left out.
        resolvers: callables behind the tools that resolvers ask, by tool id.
        follow: what the user has the task follow (`docs/guides/tasks.md`).
        approver: who answers elevations: nobody, one who grants exactly what `wanted` says, or one
            who always says yes.
        policy: an engine other than the configured bundle.
        directory: where log and state go; a temporary directory when left out.
    """

    def __init__(  # noqa: PLR0913  each argument stands in for something real
        self,
        config: Config | Path,
        purpose: str,
        scopes: Sequence[str] | None = None,
        *,
        agent: str | None = None,
        user: str | None = None,
        profile: str | None = None,
        purpose_source: PurposeSource = "app",
        resolvers: Mapping[str, Run] | None = None,
        approver: Approver = "none",
        wanted: Callable[[str, Mapping[str, Any]], bool] = lambda _tool, _arguments: False,
        policy: PolicyEngine | None = None,
        follow: Sequence[Mapping[str, Any]] = (),
        clock: Callable[[], int] = clock_ms,
        step: Callable[[int], None] = lambda _: None,
        directory: Path | None = None,
    ) -> None:
        if isinstance(config, Path):
            config = load(config)
        self._temporary = directory is None
        self._directory = directory or Path(tempfile.mkdtemp(prefix="safeconduct-"))
        self.config = simulated(config, self._directory)
        self._agent = agent or next(iter(config.root.assignments))
        assignment = config.root.assignments[self._agent]
        self._profile = profile or assignment.profiles[0]
        self._user = user or min(config.agents[self._agent].delegation.users)
        self._scopes = scopes
        self._purpose = purpose
        self._purpose_source: PurposeSource = purpose_source
        self._follow = [msgspec.convert(one, SubGrant) for one in follow]
        self._approver: Approver = approver
        self._wanted = wanted
        self.task = new_id("t")
        self.tally = Tally()
        self._started = False
        fakes: dict[str, Upstream] = {
            where: CallableUpstream(where, manifest, resolvers or {})
            for where, manifest in self.config.manifests.items()
        }
        self.rooms = Rooms(
            self.config,
            identity=self,
            upstreams=fakes,
            policy=policy or engine(config),
            clock=clock,
            step=step,
        )
        # Whoever answers stands for all who are asked.
        self.rooms.desk.terminal = True

    async def __aenter__(self) -> Self:
        await self._begun()
        return self

    async def _begun(self) -> None:
        if not self._started:
            self._started = True
            await self.rooms.start()
            await self.begin()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.rooms.close()
        if self._temporary:
            shutil.rmtree(self._directory, ignore_errors=True)

    async def begin(self) -> str:
        """Starts a (further) task with the same purpose and returns its id."""
        root, now_ms = self.config.root, self.rooms.clock_ms()
        assignment = root.assignments[self._agent]
        registration = self.config.agents[self._agent]
        profile = root.profiles[self._profile]
        obtainable = sorted(registration.scopes & frozenset(profile.scopes))
        chosen = obtainable if self._scopes is None else sorted(self._scopes)
        self.task = new_id("t")
        await self.rooms.log.append(
            {
                "kind": "task",
                "phase": "started",
                "task": self.task,
                "tenant": root.gateway.tenant,
                "agent": {
                    "id": self._agent,
                    "zone": assignment.zone,
                    "tier": assignment.tier,
                    "attested_ms": now_ms,
                    "stateless": registration.stateless,
                    "approval_scopes": sorted(registration.jit_approval_required),
                },
                "user": {"id": self._user, "groups": [], "acr": None, "auth_time_s": 0},
                "profile": self._profile,
                "purpose": self._purpose,
                "purpose_source": self._purpose_source,
                "scopes": chosen,
                "obtainable": obtainable,
                "budgets": profile.budgets,
                **limits(profile),
                **self._followed(frozenset(chosen)),
                "started_ms": now_ms,
                "expires_ms": now_ms + profile.max_task_lifetime * 1000,
                "consumes": [],
                "unsafe": ["simulation"],
            }
        )
        return self.task

    def _followed(self, scopes: frozenset[str]) -> JSON:
        """What is to be followed, for the record. Raises ValueError."""
        if not self._follow:
            return {}
        why = mistake(self._follow, self.config.manifests.values(), scopes)
        if self._purpose_source == "agent":
            why = "An agent cannot say what is to be followed."
        if why is not None:
            raise ValueError(why)
        return {"follow": [msgspec.to_builtins(one) for one in self._follow]}

    @property
    def state(self) -> TaskFacts:
        """The task's state right now."""
        facts = self.rooms.state.task(self.task)
        if facts is None:
            raise LookupError("the task is started by `async with`, or by begin()")
        return facts

    def verify(self, caller: Caller, now_ms: int) -> Bearer:
        """Stands in for token and proof (`safeconduct.ports.Identity`)."""
        del now_ms
        task = caller.authorization or self.task
        state = self.rooms.state.task(task)
        return Bearer(
            task=task,
            tenant=self.config.root.gateway.tenant,
            agent=self._agent,
            user=self._user,
            scopes=frozenset() if state is None else state.scopes,
            expires_ms=0 if state is None else state.expires_ms,
            jti=task,
            key="simulation",
            unsafe=("simulation",),
        )

    async def call(self, tool: str, arguments: Mapping[str, Any], run: Run) -> Step:
        """Takes one call through the page; `run` is executed only if it is permitted."""
        upstream, _, name = tool.partition(".")
        params = {"name": name, "arguments": dict(arguments)}
        await self._begun()
        caller = Caller(http_method="POST", url="", authorization=self.task)
        token = RUNNING.set((name, run))
        asked = 0
        try:
            while True:
                answer = await self.rooms.gateway.call(caller, "tools/call", upstream, name, params)
                if not isinstance(answer, Refused) or answer.approval is None:
                    break
                if asked >= MAX_ASKED or not await self._approved(answer.approval, tool, arguments):
                    break
                asked += 1
        finally:
            RUNNING.reset(token)
        step = _step(answer, asked)
        self.tally.add(step, wanted=self._wanted(tool, arguments))
        return step

    async def _approved(self, approval: str, tool: str, arguments: Mapping[str, Any]) -> bool:
        if self._approver == "none":
            return False
        granted = self._approver == "always-yes" or self._wanted(tool, arguments)
        await self.rooms.desk.operate(approval, granted=granted, by="simulation")
        return granted


def _step(answer: Delivered | Refused, asked: int) -> Step:
    if isinstance(answer, Refused):
        reason = REASONS[answer.code]
        return Step(
            verdict="refused",
            decision=answer.decision,
            reason=reason.code,
            remedy=reason.remedy.value,
            argument=answer.argument,
            approvals=asked,
        )
    return Step(
        verdict="done",
        decision=answer.decision,
        result=answer.result,
        value=value_of(answer.result),
        approvals=asked,
    )


def simulated(config: Config, directory: Path) -> Config:
    """The configuration with its state in `directory` and every manifest counted as reviewed."""
    manifests = {
        where: msgspec.structs.replace(
            manifest,
            tools={
                name: msgspec.structs.replace(said, pin=digest(definition(name, said)))
                for name, said in manifest.tools.items()
            },
            resources={},
            prompts={},
        )
        for where, manifest in config.manifests.items()
    }
    root = config.root
    upstreams = {
        # Which agents a tool token may be made for is decided here as well; none is ever sent.
        where: block
        if block.credential.kind == "tool-token"
        else msgspec.structs.replace(
            block, credential=msgspec.structs.replace(NO_CREDENTIAL, tenant=block.credential.tenant)
        )
        for where, block in root.upstreams.items()
    }
    audit = msgspec.structs.replace(root.audit, directory="audit")
    gateway = msgspec.structs.replace(root.gateway, state="state")
    inspectors = _found(root.inspectors, Path(config.directory))
    return msgspec.structs.replace(
        config,
        directory=str(directory),
        manifests=manifests,
        root=msgspec.structs.replace(
            root, upstreams=upstreams, audit=audit, gateway=gateway, inspectors=inspectors
        ),
    )


def _found(block: InspectorsBlock, directory: Path) -> InspectorsBlock:
    """The block with files that are found from anywhere."""
    dictionaries = {
        name: said
        if said.file is None
        else msgspec.structs.replace(said, file=str(directory / said.file))
        for name, said in block.dictionaries.items()
    }
    matches = {
        name: msgspec.structs.replace(said, file=str(directory / said.file))
        for name, said in block.matches.items()
    }
    return msgspec.structs.replace(block, dictionaries=dictionaries, matches=matches)
