"""What the operator can ask about questions and elevations, and the no that they can always say."""

from __future__ import annotations

from collections.abc import Mapping

from safeconduct.approvals.answers import MAX_SAID, NotYours
from safeconduct.approvals.bypassing import NoSuchBypass
from safeconduct.approvals.desk import NoSuchElevation, NoSuchQuestion
from safeconduct.entrypoints.operator import Handler, OperatorError
from safeconduct.ports import JSON
from safeconduct.rooms import Rooms

NO_SUCH_QUESTION = (
    "no such question stands: it was answered, its time has passed, or it was never asked"
)


def approvals(rooms: Rooms) -> dict[str, Handler]:
    """What answers each verb."""
    asked = _Answering(rooms)
    return {
        "approvals": asked.pending,
        "approval": asked.became,
        "answer": asked.answer,
        "elevations": asked.elevations,
        "end-elevation": asked.end,
        "end-bypass": asked.end_bypass,
    }


class _Answering:
    """The verbs; OperatorError says what is wrong with a request."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._desk = rooms.desk
        self._console = rooms.config.root.console

    async def pending(self, request: Mapping[str, object], who: str) -> JSON:
        """Every question that stands. `terminal`: a yes on this socket counts."""
        del request, who
        pending = [one.told() for one in self._desk.pending()]
        if self._console is not None:
            pending = [{**one, "page": self._console.page(one["approval"])} for one in pending]
        return {"pending": pending, "terminal": self._desk.terminal}

    async def became(self, request: Mapping[str, object], who: str) -> JSON:
        """What became of a question: `pending`, `lapsed`, or what was answered."""
        del who
        approval = str(request.get("approval"))
        found = self._rooms.state.question(approval)
        if found is None:
            raise OperatorError(NO_SUCH_QUESTION)
        facts, _ = found
        told: JSON = {"approval": approval, "state": facts.state}
        if facts.state == "pending":
            if self._desk.holds(approval):
                question = self._desk.question(approval).told()
                told |= {name: question[name] for name in ("agreed", "missing", "expires_ms")}
            else:
                told["state"] = "lapsed"
        elif said := self._desk.replied(approval).said:
            told["said"] = said
        return told

    async def answer(self, request: Mapping[str, object], who: str) -> JSON:
        """A no, with what it says to the agent; or a yes, where one counts here."""
        approval, granted = request.get("approval"), request.get("granted")
        said = request.get("said", "")
        if not isinstance(approval, str) or type(granted) is not bool or not isinstance(said, str):
            raise OperatorError("answer one approval with yes or no")
        if len(said) > MAX_SAID:
            raise OperatorError(f"an agent is told {MAX_SAID} characters at most")
        try:
            await self._desk.operate(approval, granted=granted, by=who, said=said)
        except NotYours as refused:
            raise OperatorError(str(refused)) from None
        except NoSuchQuestion:
            raise OperatorError(NO_SUCH_QUESTION) from None
        return {"approval": approval, "granted": granted}

    async def elevations(self, request: Mapping[str, object], who: str) -> JSON:
        """What persons let tasks do more than once, as far as it still can be used."""
        del request, who
        state = self._rooms.state
        return {
            "elevations": [
                {
                    "elevation": one.facts.id,
                    "task": task,
                    "agent": state.parties(task)[0].id,
                    "user": state.parties(task)[1].id,
                    "tool": one.facts.tool,
                    "left": one.facts.left,
                    "until_ms": one.facts.until_ms,
                    "most": one.facts.most,
                    "objects": "any" if one.facts.open else "same",
                    "by": list(one.by),
                }
                for task, one in state.elevated(self._rooms.clock_ms())
                if state.active(task)
            ]
        }

    async def end(self, request: Mapping[str, object], who: str) -> JSON:
        """Ends an elevation before its time."""
        elevation = request.get("elevation")
        tasks = [
            task
            for task, one in self._rooms.state.elevated(self._rooms.clock_ms())
            if one.facts.id == elevation
        ]
        tenant = self._rooms.config.root.gateway.tenant
        try:
            for task in tasks:
                await self._desk.end(str(elevation), task, tenant, who)
        except NoSuchElevation:
            tasks = []
        if not tasks:
            raise OperatorError("there is no such elevation, or it has ended")
        return {"ended": elevation}

    async def end_bypass(self, request: Mapping[str, object], who: str) -> JSON:
        """Has people asked again."""
        bypass = str(request.get("bypass"))
        try:
            await self._rooms.bypasses.end(bypass, who)
        except NoSuchBypass:
            raise OperatorError("there is no such bypass, or it has ended") from None
        return {"ended": bypass}
