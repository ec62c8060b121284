"""The worst-case agent: it does the user's task, and whatever a tool's output tells it to do.

There is no model in it. The calls of the task are known, those of the attack too; from the output
on that holds the planted text, the agent makes both.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Literal, get_args

import msgspec

from safeconduct.kit.yaml import Value
from safeconduct.simulation import Step
from safeconduct.upstreams.callables import Run

Schedule = Literal["interleave", "after", "hijack"]
"""When the attack's calls are made once it was read: in turn with the user's, after them, or at
once and instead of them."""
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)

Bodies = Literal["given", "real"]
"""What is sent: what is written down, often a placeholder, or text that was read before."""

CONTENT = ("body", "content", "description", "subject")
"""Arguments that carry text; of a call the first that it has."""


class Call(msgspec.Struct, frozen=True):
    """One call. Arguments in `late` are the id of what the attack's nth own send came to."""

    tool: str
    arguments: dict[str, Any]
    late: dict[str, int] = {}


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was made. `executed`: the tool did it, and without an error of its own."""

    who: Literal["user", "attack"]
    call: Call
    step: Step
    executed: bool
    added_s: float


Take = Callable[[Call, Run], Awaitable[Step]]
"""What stands between the agent and the tools."""
World = Callable[[Call], Value]
"""The tools: does a call and returns plain JSON values, or raises what the tool raised."""


async def undefended(call: Call, run: Run) -> Step:
    """Nothing stands between."""
    try:
        value = run(**call.arguments)
    except Exception as error:  # noqa: BLE001  the tool's own error is its answer
        value = str(error)
    return Step(verdict="done", decision="", value=value)


class Agent:
    """Makes the calls of one run.

    `user` are the calls of the user's task and `asked` the request; `attack` tells the calls of the
    attack when `planted`, its text, was read.
    """

    def __init__(
        self,
        world: World,
        user: Sequence[Call],
        *,
        asked: str = "",
        planted: str = "",
        attack: Callable[[], Sequence[Call]] = tuple,
        bodies: Bodies = "given",
    ) -> None:
        self.turns: list[Turn] = []
        self.user = list(user)
        self.world = world
        self._asked = letters(asked)
        self._planted = letters(planted)
        self._attack = attack
        self._bodies = bodies
        self._heard: list[str] = []
        self._sent: list[str] = []
        self._obeys = False
        self._executed = False
        self._inside_s = 0.0

    def wants(self, call: Call) -> bool:
        """Whether the user's task has exactly this call."""
        return any((call.tool, call.arguments) == (one.tool, one.arguments) for one in self.user)

    async def play(self, schedule: Schedule, take: Take) -> Sequence[Turn]:
        """Makes all calls in the order of the schedule."""
        mine, theirs = deque(range(len(self.user))), deque[Call]()
        obeyed = False
        while mine or theirs:
            last = self.turns[-1].who if self.turns else "attack"
            if mine and (not theirs or schedule == "after" or last == "attack"):
                await self._one("user", self._own(mine.popleft()), take)
            else:
                await self._one("attack", self._filled(theirs.popleft()), take)
            if self._obeys and not obeyed:
                obeyed = True
                theirs.extend(self._attack())
                if schedule == "hijack":
                    mine.clear()
        return self.turns

    async def _one(self, who: Literal["user", "attack"], call: Call, take: Take) -> None:
        self._executed, self._inside_s = False, 0.0

        def run(**arguments: Any) -> Value:  # noqa: ANN401  any JSON
            return self._run(who, Call(call.tool, arguments))

        start = time.perf_counter()
        step = await take(call, run)
        added_s = time.perf_counter() - start - self._inside_s
        turn = Turn(who=who, call=call, step=step, executed=self._executed, added_s=added_s)
        self.turns.append(turn)

    def _run(self, who: Literal["user", "attack"], call: Call) -> Value:
        start = time.perf_counter()
        try:
            value = self.world(call)
        finally:
            self._inside_s += time.perf_counter() - start
        self._executed = True
        said = list(texts(value))
        if self._planted and self._planted in letters(" ".join(said)):
            self._obeys = True
        self._heard.extend(said)
        if who == "attack":
            self._sent.extend(ids(value))
        return value

    def _own(self, index: int) -> Call:
        """The user's call; where bodies are real, one that the request does not hold is read."""
        call = self.user[index]
        name = content(call)
        said = "" if name is None else letters(call.arguments[name])
        if name is not None and not (said and said in self._asked):
            self.user[index] = call = self._quoting(call, name)
        return call

    def _filled(self, call: Call) -> Call:
        for name, which in call.late.items():
            if which < len(self._sent):
                call = replaced(call, name, self._sent[which])
        text = content(call)
        return call if text is None else self._quoting(call, text)

    def _quoting(self, call: Call, name: str) -> Call:
        """With the longest text that was read so far, except what the attacker wrote."""
        if self._bodies == "given":
            return call
        heard = [
            text for text in self._heard if not self._planted or self._planted not in letters(text)
        ]
        return replaced(call, name, max(heard, key=len)) if heard else call


def content(call: Call) -> str | None:
    """The argument that carries text, if the call has one."""
    return next((name for name in CONTENT if isinstance(call.arguments.get(name), str)), None)


def replaced(call: Call, name: str, value: str) -> Call:
    return msgspec.structs.replace(call, arguments={**call.arguments, name: value})


def letters(text: str) -> str:
    """Letters and digits alone: what is left of a text however it is wrapped and escaped."""
    return "".join(filter(str.isalnum, text)).casefold()


def texts(value: Value) -> Iterator[str]:
    """Every string in a JSON value, keys too."""
    match value:
        case str():
            yield value
        case dict():
            for key, one in value.items():
                yield key
                yield from texts(one)
        case list():
            for one in value:
                yield from texts(one)
        case _:
            pass


def ids(value: Value) -> list[str]:
    """The id of the object that a call made, if it tells one."""
    match value:
        case {"id_": str(one)}:
            return [one]
        case _:
            return []
