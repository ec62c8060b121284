"""A day of a company's agents, as the gateway's own recorder writes it down.

Nothing is made up but who asks for what: each call is decided by the core on the task's state as it
is then, and recorded, sealed and remembered as behind a gateway. One task in `ODD` is an
attacker's: hostile text stands in all that others can fill in.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from bench.console import company
from bench.console.company import CUSTOMERS, NAMES, PURPOSES, SCOPES, TOOLS, UNKNOWN, WEIGHTS, ZONES
from bench.console.corpus import HOSTILE
from bench.console.day import Day, Who
from safeconduct.core.admit import Admitted
from safeconduct.core.canonical import canonical, sha256
from safeconduct.core.manifest import Effect
from safeconduct.core.model import AgentFacts, Call, Facts, ToolFacts, UserFacts
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.provenance import Origin, PurposeSource
from safeconduct.core.verdict import Deny, Elevate
from safeconduct.recorder import Made
from safeconduct.rooms import Rooms

SEED: Final = 20_261_122_000_000
AGENTS: Final = 40
USERS: Final = 400
IN_FLIGHT: Final = 64
ODD: Final = 12
CALLS: Final = (3, 9, 9, 9, 14, 14, 30)
"""Of a task, about; one in a thousand has `MANY`."""

MANY: Final = 250


class Written(msgspec.Struct):
    """What there is now: of an attacker's tasks, by what stands in them, the task and a call that
    was permitted; the first long task, and the latest one in which what was read stopped a call,
    with that call.
    """

    odd: dict[str, tuple[str, str]] = {}
    longest: str = ""
    stopped: tuple[str, str] = ("", "")


async def write(rooms: Rooms, records: int) -> Written:
    """Writes so many records, or a few more."""
    day, numbers, written = Day(rooms, records, SEED), itertools.count(), Written()
    await asyncio.gather(*(_agents(day, numbers, written) for _ in range(IN_FLIGHT)))
    return written


async def _agents(day: Day, numbers: Iterator[int], written: Written) -> None:
    """Tasks one after the other, until there are records enough."""
    for number in numbers:
        if day.over:
            return
        task = Task(day, number)
        await task.run()
        if task.kind and task.permitted:
            written.odd.setdefault(task.kind, (task.who.id, task.permitted))
        if task.many:
            written.longest = written.longest or task.who.id
        elif task.stopped and not task.kind:
            written.stopped = task.who.id, task.stopped


class Task:
    """One task, and the agent that has it. `kind` says what an attacker writes in it, if one does;
    `many`: it is a long one. `permitted` and `stopped` are calls of it.
    """

    def __init__(self, day: Day, number: int) -> None:
        self._day = day
        self._chance = chance = random.Random(SEED + number)  # noqa: S311 - again the same
        kinds = list(HOSTILE)
        self.kind = kinds[number // ODD % len(kinds)] if number % ODD == ODD // 2 else ""
        self.many = number % 1_000 == 7
        self._calls = MANY if self.many else chance.choice(CALLS) + chance.randrange(3)
        self.who = self._who()
        self.permitted = self.stopped = ""

    def _who(self) -> Who:
        chance = self._chance
        agent, user = _rank(chance, AGENTS), _rank(chance, USERS)
        name = f"{company.AGENTS[agent % len(company.AGENTS)]}-{agent}"
        sources: tuple[PurposeSource, ...] = ("app", "app", "app", "user", "agent")
        purpose = chance.choice(PURPOSES).format(
            f"{chance.choice('COK')}-{chance.randrange(9_000)}"
        )
        return Who(
            id=f"t_{chance.getrandbits(96):024x}",
            agent=AgentFacts(
                id=self.word(f"spiffe://crm.example/agents/{name}"),
                registered=True,
                tier=1 + agent % 3,
                zone=ZONES[agent % len(ZONES)],
                attested_ms=0,
                stateless=True,
            ),
            user=UserFacts(
                id=self.word(f"{NAMES[user % len(NAMES)]}.{user}@crm.example"), groups=("desk",)
            ),
            purpose=self.word(purpose),
            source=chance.choice(sources),
            scopes=SCOPES if chance.random() < 0.9 else SCOPES - {"mail:send"},
            case=self.word("C-1"),
            model=self.word("claude-sonnet-5"),
        )

    def word(self, ordinary: str) -> str:
        """What stands somewhere: in an attacker's task, what the attacker wrote."""
        return HOSTILE[self.kind] if self.kind else ordinary

    async def run(self) -> None:
        """All its calls, one after the other."""
        await self._day.started(self.who)
        for number in range(self._calls):
            if self._day.over or not await self._call(number):
                return
        if self.kind:
            await self._end()

    async def _end(self) -> None:
        """What an operator does about it, in words that are the attacker's too."""
        event = self._chance.choice(("resumption", "revocation"))
        if event == "revocation":
            await self._day.event({"kind": event, "what": "task", "id": self.who.id})
        else:
            await self._day.event({"kind": event, "task": self.who.id, "why": self.word("")})

    async def _call(self, number: int) -> bool:
        chance = self._chance
        (where,) = chance.choices(list(TOOLS), WEIGHTS)
        tool = TOOLS[where]
        if self.kind and number % 4 == 3:
            where, tool = f"crm.{self.word('')}", UNKNOWN
        gathered = self._day.gathered(self.who, tool)
        if gathered is None:
            return False
        call = self._made(where, tool)
        known = Facts(
            gathered=gathered,
            provenance={name: self._origins(name, tool) for name in call.arguments},
            policy=self._rules(where),
            allowed={"recipients": CUSTOMERS},
        )
        made = await self._day.decided(call, known)
        if made is not None and isinstance(made.decision.verdict, Elevate):
            made = await self._asked(call, known, made)
        if made is None or isinstance(made.decision.verdict, Elevate):
            return True
        if isinstance(made.decision.verdict, Deny):
            if made.decision.verdict.code == "flow-confidentiality":
                self.stopped = made.id
            return True
        self.permitted = made.id
        if chance.random() < 0.01:
            await self._day.failed(made, "upstream-unreachable")
        else:
            await self._day.came(made, self._result(tool))
        return True

    async def _asked(self, call: Call, known: Facts, made: Made) -> Made | None:
        """A person answers, most often with a yes; the agent calls again."""
        if made.approval is None:
            return None
        granted = self._chance.choice((True, True, True, False, None))
        said = self.word("" if granted else "Ask the customer first.")
        by = self.word("kim@crm.example")
        if not await self._day.answered(made.approval, granted=granted, by=by, said=said):
            return None
        gathered = self._day.gathered(self.who, known.gathered.tool)
        if gathered is None:
            return None
        again = self._day.approval(call, replace(known, gathered=gathered))
        return await self._day.decided(call, again)

    def _made(self, where: str, tool: ToolFacts) -> Call:
        chance = self._chance
        values: dict[str, Callable[[], Any]] = {
            "id": lambda: f"{chance.choice('COK')}-{chance.randrange(9_000)}",
            "to": lambda: f"{chance.choice(NAMES)}@customer.example",
        }
        names = {"x"} if tool.manifest is None else tool.manifest.arguments
        arguments = {
            name: self.word(values.get(name, lambda: "Thank you for your patience.")())
            for name in names
        }
        upstream, _, name = where.partition(".")
        data = canonical({"task": self.who.id, "tool": where, "arguments": arguments})
        return Call(
            method="tools/call",
            target=where,
            upstream=upstream,
            name=name,
            arguments=arguments,
            digest=sha256(data + str(chance.random()).encode()),
            size=len(data),
        )

    def _origins(self, name: str, tool: ToolFacts) -> tuple[Origin, ...]:
        """Where a value was seen: texts nowhere, most others in the request."""
        if name in {"body", "text"}:
            return ()
        if tool.effect is Effect.send and self._chance.random() < 0.2:
            return (Origin("seen", self.word("crm.get_case messages.0.body")[:60]),)
        return (Origin("app-request"),)

    def _rules(self, where: str) -> PolicyAnswer:
        said = PolicyAnswer(
            permit=(f"desk.{where.partition('.')[0]}",),
            masks=(),
            bundle="7d" * 32,
            engine="regorus 0.13.0",
        )
        if where == "erp.refund":
            return replace(said, elevate=(PolicyElevate("desk.refund", "refund", 300),), permit=())
        if self._chance.random() < 0.01:
            return replace(said, deny=(self.word("desk.after-hours"),))
        return said

    def _result(self, tool: ToolFacts) -> Admitted:
        text = self.word(
            f"What was asked for, as of today. Number {self._chance.randrange(10**6)}."
        )
        result = {"content": [{"type": "text", "text": text}], "structuredContent": {text: text}}
        data = canonical(result)
        return Admitted(
            result=result,
            read=result,
            digest=sha256(data),
            size=len(data),
            label=tool.source,
            findings=("instruction.override",) if self.kind else (),
        )


def _rank(chance: random.Random, count: int) -> int:
    """A number below `count`: small ones far more often."""
    return int(count ** chance.random()) - 1
