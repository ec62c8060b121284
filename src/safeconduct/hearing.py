"""What passes between an upstream and the caller while a call runs: step 9 outwards, and inwards
steps 1 to 5, as a reply is data on its way to the upstream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec

from safeconduct.core.admit import (
    Admitted,
    free_text_label,
    log_line,
    parted,
    progress,
    spotlight,
)
from safeconduct.core.asks import ask, reply
from safeconduct.core.calls import LOG_LINE, PROGRESS, VISITED
from safeconduct.core.findings import steers, tainted
from safeconduct.core.labels import Label
from safeconduct.core.model import Finding
from safeconduct.core.shapes import Malformed, NotAllowed
from safeconduct.core.tokens import concealed
from safeconduct.core.verdict import Permit, Spotlight
from safeconduct.facts import FactFinder
from safeconduct.ports import JSON, AskRefused, Listener, UpstreamFault
from safeconduct.recorder import Made, Recorder

INVALID_PARAMS: Final = -32602
MAX_ASKS: Final = 32
"""How often an upstream may ask in one call."""

MAX_ASKED_BYTES: Final = 4_194_304
"""How much it may ask in one call, as JSON: as much as it may answer. All may wait at once."""

MAX_WAITING: Final = 128
MAX_WAITING_OF_AGENT: Final = 16
MAX_WAITING_OF_TASK: Final = 8
"""How many calls may wait for the replies of their clients at once. In all they are half of what
one upstream serves at once, so that nobody who waits keeps the others out.
"""

Judge = Callable[[str, JSON, JSON], Awaitable[Made]]
"""Takes an ask of a method, and the reply to it, through steps 1 to 5."""


class Places:
    """How much may go on at once: of a task, of an agent, and in all, so that nobody has it all."""

    def __init__(self, reason: str, *, of_task: int, of_agent: int, in_all: int) -> None:
        """`reason` is what one too many is told."""
        self._most = {"task": of_task, "agent": of_agent, "all": in_all}
        self._reason = reason
        self._taken: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def place(self, task: str, agent: str) -> Generator[None]:
        """A place among them. Raises UpstreamFault: there is none left."""
        places = (("task", task), ("agent", agent), ("all", ""))
        if any(self._taken[place] >= self._most[place[0]] for place in places):
            raise UpstreamFault(self._reason, "too many at once", may_have_happened=True)
        self._taken.update(places)
        try:
            yield
        finally:
            self._taken.subtract(places)
            self._taken += Counter()  # keeps those alone that are left


class Waiting(Places):
    """The calls that wait for the replies of their clients."""

    def __init__(self) -> None:
        super().__init__(
            "too-many-questions",
            of_task=MAX_WAITING_OF_TASK,
            of_agent=MAX_WAITING_OF_AGENT,
            in_all=MAX_WAITING,
        )


class Hearing:
    """The page's own listener (`safeconduct.ports.Listener`) in front of the caller's."""

    def __init__(
        self,
        facts: FactFinder,
        recorder: Recorder,
        made: Made,
        listener: Listener,
        judge: Judge,
        over: Callable[[], bool],
        waiting: Waiting,
    ) -> None:
        """`over` says whether the task may do nothing more, as step 7 asks it."""
        tool, verdict = made.gathered.tool, made.decision.verdict
        self._result_only = isinstance(verdict, Permit) and verdict.result_only
        self.able = tool.asks.allowed(listener.able)
        self.modern = listener.modern
        self.wants_progress = listener.wants_progress
        self.log_level = listener.log_level
        self._facts = facts
        self._recorder = recorder
        self._made = made
        self._listener = listener
        self._judge = judge
        self._over = over
        self._waiting = waiting
        self._place = ExitStack()
        self._open = 0
        self._remembered: Label | None = None
        self._asks = 0
        self._asked_bytes = 0
        self._pages: list[str] = []  # as many as it may ask

    async def notified(self, method: str, params: JSON) -> None:
        """Passes on progress and log lines, which are an upstream's text like any other, and that a
        page was visited which this call has asked to visit.
        """
        if self._result_only:
            return
        cut, seen = await self._looked_at(params)
        kept: JSON | None = None
        if method == PROGRESS and self.wants_progress:
            kept = progress(params, cut)
        elif method == LOG_LINE and self.log_level is not None:
            kept = log_line(params, cut)
        elif method == VISITED and params.get("elicitationId") in self._pages:
            kept = {"elicitationId": params["elicitationId"]}
        # What would be withheld of a result does not pass as a notice either.
        withheld = self._made.gathered.tool.quarantines and steers([*cut, *seen])
        if kept is not None and not withheld:
            await self._remember(tainted(seen, cut))
            await self._listener.notified(method, concealed(kept, self._made.call.revealed))

    async def asked(self, method: str, params: JSON) -> JSON:
        """Asks the caller what the upstream may ask, and gives the upstream what it may have.

        Raises AskRefused, and UpstreamFault where too many calls wait already.
        """
        self._asks += 1
        if self._asks > MAX_ASKS or self._result_only:
            raise AskRefused
        tool = self._made.gathered.tool
        try:
            kept = ask(method, params, tool.asks, self._listener.able)
        except NotAllowed:
            raise AskRefused from None
        except Malformed:
            raise AskRefused(INVALID_PARAMS, "Invalid params") from None
        self._asked_bytes += len(msgspec.json.encode(kept))
        cut, seen = await self._looked_at(kept)
        if self._asked_bytes > MAX_ASKED_BYTES or cut or steers(seen):
            raise AskRefused
        kept = concealed(kept, self._made.call.revealed)
        await self._remember(tainted(seen))
        if "elicitationId" in kept:
            self._pages.append(kept["elicitationId"])
        try:
            with self._waits():
                given = reply(method, await self._listener.asked(method, self._marked(kept)))
        except Malformed:
            raise AskRefused from None
        judged = await self._judge(method, kept, given)
        if not isinstance(judged.decision.verdict, Permit):
            raise AskRefused
        if self._over():
            await self._recorder.ended(judged, "task-revoked")
            raise AskRefused
        await self._recorder.passed(judged)
        if self._over():
            raise AskRefused
        return given

    async def parted(self, retry_ms: int) -> None:
        """Passes on a time, which is nobody's data."""
        await self._listener.parted(retry_ms)

    @contextmanager
    def _waits(self) -> Generator[None]:
        """Takes one place for the call, however much it asks at once."""
        if not self._open:
            of = self._made.gathered
            self._place.enter_context(self._waiting.place(of.task.id, of.agent.id))
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._place.close()

    def _marked(self, asked: JSON) -> JSON:
        """What is asked, marked as a result of this call would be."""
        verdict = self._made.decision.verdict
        for obligation in verdict.obligations if isinstance(verdict, Permit) else ():
            if isinstance(obligation, Spotlight):
                key = self._facts.marking(self._made.id)
                asked = spotlight(asked, obligation.source, key, obligation.mode)
        return asked

    async def _looked_at(self, said: JSON) -> tuple[list[Finding], list[Finding]]:
        """What is found in a text of the upstream: what has to be cut out of it, and what not."""
        made, verdict = self._made, self._made.decision.verdict
        obligations = verdict.obligations if isinstance(verdict, Permit) else ()
        return parted(
            obligations, await self._facts.inspecting.came(said, made.call, made.gathered)
        )

    async def _remember(self, found: Label) -> None:
        """Makes the label of the upstream's text durable before the caller hears any of it. `found`
        is what it has by what was found in it.
        """
        label = free_text_label(self._made.gathered.tool).join(found)
        if self._remembered is not None and label <= self._remembered:
            return
        text = Admitted(label=label)
        if not self._facts.remembers(self._made.gathered, text):
            await self._recorder.remembered(self._made, text)
        self._remembered = label if self._remembered is None else self._remembered.join(label)
