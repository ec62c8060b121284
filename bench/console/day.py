"""What the recorder of a gateway writes in a day, for whoever plays its agents."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from bench.console.company import SCOPES, SYSTEMS
from safeconduct.approvals.desk import Desk, NoSuchQuestion
from safeconduct.audit.payloads.sealing import PayloadSealer
from safeconduct.copies import Copies
from safeconduct.core.admit import Admitted
from safeconduct.core.canonical import sha256
from safeconduct.core.decide import decide
from safeconduct.core.model import (
    AgentFacts,
    Call,
    Facts,
    Gathered,
    ToolFacts,
    UserFacts,
    ZoneFacts,
)
from safeconduct.core.provenance import PurposeSource
from safeconduct.recorder import Made, Recorder
from safeconduct.rooms import Rooms

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
LIFE_MS: Final = DAY_MS
"""Of a task: there are as many beside each other as in a company, and fewer calls."""

TAIL: Final = 200
"""About how many records come after there are enough: calls that run come to their end."""

NIGHT: Final = 0.6 / math.tau
"""By it the traffic of an hour is between five eighths and two and a half times the mean."""


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """A task: who acts for whom, to what end."""

    id: str
    agent: AgentFacts
    user: UserFacts
    purpose: str
    source: PurposeSource
    scopes: frozenset[str]
    case: str
    model: str


class Day:
    """Steps 1, 5, 10 and 11 in these rooms, at times that spread over a day that is just over."""

    def __init__(self, rooms: Rooms, records: int, seed: int) -> None:
        self._rooms = rooms
        self._tenant = rooms.config.root.gateway.tenant
        self._records = records
        self._first = rooms.log.size
        self._end_ms = rooms.clock_ms() - 5_000
        self._ids = random.Random(seed)  # noqa: S311 - ids that can be made again
        self._desk = Desk(
            rooms.log, self.now_ms, self._id, members=lambda _who, _group: False, terminal=True
        )
        self._recorder = Recorder(
            rooms.log,
            PayloadSealer(rooms.keys, ()),
            self._desk,
            self.now_ms,
            self._id,
            b"day",
            Copies(rooms.state, rooms.prints),
        )

    def now_ms(self) -> int:
        """The time of the day: it passes with the records, of which there are fewer by night."""
        done = min(1.0, (self._rooms.log.size - self._first) / (self._records + TAIL))
        return self._end_ms - DAY_MS + int((done + NIGHT * math.sin(math.tau * done)) * DAY_MS)

    @property
    def over(self) -> bool:
        """Whether there are records enough."""
        return self._rooms.log.size - self._first >= self._records

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._ids.getrandbits(96):024x}"

    async def started(self, who: Who) -> None:
        """Puts the start of a task on record."""
        now_ms = self.now_ms()
        agent, user = who.agent, who.user
        await self._rooms.log.append(
            {
                "kind": "task",
                "phase": "started",
                "task": who.id,
                "tenant": self._tenant,
                "profile": "desk",
                "purpose": who.purpose,
                "purpose_source": who.source,
                "scopes": sorted(who.scopes),
                "obtainable": sorted(SCOPES),
                "budgets": {"calls": 1_000, "mail:send": 50},
                "max_refusals": 1_000,
                "case": who.case,
                "started_ms": now_ms,
                "expires_ms": now_ms + LIFE_MS,
                "jkt": sha256(who.id.encode())[7:50],
                "token_jti": self._id("j"),
                "token_expires_ms": now_ms + HOUR_MS // 4,
                "agent": {
                    "id": agent.id,
                    "zone": agent.zone,
                    "tier": agent.tier,
                    "attested_ms": now_ms,
                    "stateless": True,
                    "approval_scopes": [],
                },
                "user": {
                    "id": user.id,
                    "kind": user.kind,
                    "groups": list(user.groups),
                    "acr": None,
                    "auth_time_s": now_ms // 1000 - 60,
                },
                "consumes": [],
            }
        )

    def gathered(self, who: Who, tool: ToolFacts) -> Gathered | None:
        """Step 1, of the task as it is by now; None where it is over."""
        found = self._rooms.state.task(who.id)
        if found is None or found.state != "active":
            return None
        now_ms = self.now_ms()
        return Gathered(
            now_ms=now_ms,
            tenant=self._tenant,
            agent=replace(who.agent, attested_ms=found.started_ms),
            user=who.user,
            task=found,
            zone=ZoneFacts(
                id=who.agent.zone,
                egress=SYSTEMS,
                deny=frozenset(),
                model=who.model,
            ),
            tool=tool,
            token_expires_ms=now_ms + HOUR_MS,
        )

    async def decided(self, call: Call, known: Facts) -> Made | None:
        """Step 5; what a person is asked stands and is answered, or goes."""
        decision = decide(call, known)
        return await self._recorder.decided(call, known.gathered, known, decision)

    async def answered(self, approval: str, *, granted: bool | None, by: str, said: str) -> bool:
        """What a person says to a question, if anything; whether they were in time."""
        if granted is None:
            self._desk.withdraw(approval)
            return False
        try:
            await self._desk.operate(approval, granted=granted, by=by, said=said)
        except NoSuchQuestion:
            return False
        return True

    def approval(self, call: Call, known: Facts) -> Facts:
        """The facts with what was answered."""
        found = self._rooms.state.approval(known.gathered.task.id, call.digest)
        return replace(known, approval=found)

    async def came(self, made: Made, admitted: Admitted) -> None:
        """Steps 10 and 11."""
        await self._recorder.done(made, admitted, known=False)

    async def failed(self, made: Made, reason: str) -> None:
        """Step 11 of a call whose upstream did not answer."""
        await self._recorder.ended(made, reason, "error", happened=True)

    async def event(self, record: Mapping[str, Any]) -> None:
        """Something else that goes on record."""
        await self._rooms.log.append(
            {**record, "tenant": self._tenant, "at_ms": self.now_ms(), "by": "uid:0 root"}
        )
