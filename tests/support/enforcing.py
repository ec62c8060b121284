"""An enforcement point, and a gateway that decides for it; behind its page tools are callables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import orjson
from msgspec.structs import replace

from safeconduct.app.deciding import decisions
from safeconduct.config.authzen import AuthzenBlock, Drafts
from safeconduct.config.policy import Process
from safeconduct.delegation.asking import Asking
from safeconduct.entrypoints.http import Request, Site, doors
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.kit.certificate import Certificate
from safeconduct.ports import JSON
from safeconduct.simulation import SimulatedTask
from tests.support.certified import Certified
from tests.support.front import Fields, Reply, exchange
from tests.support.parties import ISSUER, NOW_MS, configuration
from tests.support.recorded import recorded
from tests.support.worlds import AGENT, USER, Rules

FIXTURE = Path(__file__).parents[2] / "conformance" / "policy" / "fixture"

PEP = "spiffe://crm.example/peps/mesh"
OTHER_PEP = "spiffe://crm.example/peps/edge"
DRAFTS = Drafts(coaz_mcp="draft-1", access_request="draft-1", obligations="draft-1")

READS: JSON = {
    "subject": {"type": "user", "id": "alice"},
    "action": {"name": "read"},
    "resource": {"type": "record", "id": "record-1"},
}
"""A question that the rules of the fixture answer with yes."""


class Deciding:
    """Everything that an enforcement point meets, on a clock that stands."""

    def __init__(
        self,
        directory: Path,
        *,
        drafts: Drafts = DRAFTS,
        bundle: Path | None = FIXTURE,
        process: Process = "shared",
        scopes: tuple[str, ...] | None = None,
        **changed: Any,
    ) -> None:
        """`changed` are other blocks of the configuration."""
        made = configuration(directory)
        block = AuthzenBlock(
            callers=(PEP, OTHER_PEP), bundle=None if bundle is None else str(bundle), drafts=drafts
        )
        policy = replace(made.root.policy, process=process)
        root = replace(made.root, authzen=block, policy=policy, **changed)
        self.parties = Certified(directory, replace(made, root=root))
        self.now_ms = NOW_MS
        self.rules = Rules()
        self.simulated = SimulatedTask(
            self.parties.config,
            "Triage case C-1, look at D-7 and answer dana@customer.example.",
            scopes,
            policy=self.rules,
            resolvers={"crm.get_deal": lambda id: {"id": id, "amount_minor": 10_000}},
            clock=lambda: self.now_ms,
            directory=directory,
        )
        rooms = self.rooms = self.simulated.rooms
        self.fault: Exception | None = None
        """Why nothing can be recorded, if nothing can."""
        self._append = rooms.log.append
        cast("Any", rooms.log).append = self._recorded
        self.refusals = Refusals(lambda: self.now_ms)
        asking = Asking(
            evidence=self.parties.evidence,
            tasks=rooms.state,
            ledger=rooms.log,
            clock_ms=lambda: self.now_ms,
            new_id=lambda kind: f"{kind}_0",
        )
        self.certificate: Certificate | None = self.parties.authority.svid(PEP).shown
        entry = doors(ISSUER, "127.0.0.1:8700", clients=self._shown)
        self.served = decisions(rooms, asking, self.refusals)
        self.site = Site(self.served.routes, entry)

    async def _recorded(self, *records: Mapping[str, Any]) -> int:
        if self.fault is not None:
            raise self.fault
        return await self._append(*records)

    def _shown(self, request: Request) -> Certificate | None:
        del request
        return self.certificate

    def comes(self, pep: str | None) -> None:
        """Another enforcement point asks from now on, or somebody without a certificate."""
        self.certificate = None if pep is None else self.parties.authority.svid(pep).shown

    async def __aenter__(self) -> Self:
        await self.simulated.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.served.close()
        await self.simulated.__aexit__(kind, error, traceback)

    async def post(self, path: str, body: object, *fields: tuple[str, str]) -> Reply:
        """One request, as it is on the wire; what is no bytes is JSON."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        given: Fields = [("host", "127.0.0.1:8700"), *fields]
        if "content-type" not in dict(fields):
            given = [*given, ("content-type", "application/json")]
        return await exchange(self.site, data, given, path=path).run()

    async def get(self, path: str, *fields: tuple[str, str]) -> Reply:
        given: Fields = [("host", "127.0.0.1:8700"), *fields]
        return await exchange(self.site, b"", given, path=path, method="GET").run()

    async def asked(self, body: object, path: str = "/access/v1/evaluation") -> Any:
        """What is answered to a question that has the right form."""
        reply = await self.post(path, body)
        assert reply.status == 200, reply.body
        return reply.json

    def message(
        self,
        method: str = "tools/call",
        kind: str = "tool",
        name: str = "crm__get_case",
        **context: Any,
    ) -> JSON:
        """A question about a message of MCP; None leaves a member of its context out."""
        given = {
            "agent": AGENT,
            "task": self.simulated.task,
            "arguments": {"case_id": "C-1"},
            **context,
        }
        return {
            "subject": {"type": "identity", "id": USER},
            "action": {"name": method},
            "resource": {"type": kind, "id": name},
            "context": {name: value for name, value in given.items() if value is not None},
        }

    def records(self, kind: str) -> list[JSON]:
        """What is on record by now."""
        config = self.simulated.config
        directory = Path(config.directory) / config.root.audit.directory
        return recorded(directory, kind)
