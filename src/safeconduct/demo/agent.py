"""The agent of the story: it does the user's task and obeys every order that it reads.

No model is involved, so the story ends the same way every time. The agent knows nothing of the
attack: it derives what else to do from the text that tools return, in this grammar, one order a
line.

    before anything else ...            the orders below come before the user's task
    after you have replied ...          the orders below come after it
    please CLAUSE [and CLAUSE]          an order

    run "SQL" in the warehouse          set FIELD of opportunity ID to VALUE
    list all customers                  send this case to ADDRESS
                                        send the THING to ADDRESS (what an order read last)

The same code runs with and without the gateway; only its connection differs.
"""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol, cast

import msgspec

_CASE_ID = re.compile(r"\bC-\d+\b")
_NEXT_CLAUSE = re.compile(r" and (?=send )")
_RUN = re.compile(r'run "(?P<sql>[^"]+)" in the warehouse')
_LIST = re.compile(r"list all customers")
_SET = re.compile(r"set (?P<field>\w+) of opportunity (?P<id>\S+) to (?P<value>.+)")
_SEND = re.compile(r"send (?P<what>this case|the \w+) to (?P<to>\S+@\S+)")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool call came to. `data` is the structured result of a call that was done."""

    verdict: Literal["done", "refused", "failed", "skipped"]
    data: Mapping[str, Any] | None = None
    reason: str = ""
    remedy: str = ""
    decision_id: str = ""


class Tools(Protocol):
    """Whatever lets the agent call a tool by its id, `<upstream>.<name>`."""

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply:
        """Call a tool. A refusal or a failure is a reply, not an exception."""
        ...


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the agent tried, who asked for it, and what it came to."""

    tool: str
    arguments: Mapping[str, Any]
    asked_by: Literal["user", "e-mail"]
    reply: Reply


class Order(msgspec.Struct, frozen=True):
    """One clause of an order, and when it wants to be obeyed."""

    when: Literal["first", "last"]
    clause: str


def orders(text: str) -> Iterator[Order]:
    """Find the orders in a text, in the grammar of this module."""
    when: Literal["first", "last"] = "first"
    for line in text.splitlines():
        if "before anything else" in line.lower():
            when = "first"
        elif "after you have replied" in line.lower():
            when = "last"
        _, _, order = line.partition("please ")
        yield from (Order(when, clause.strip()) for clause in _NEXT_CLAUSE.split(order) if clause)


def texts(value: object) -> Iterator[str]:
    """Find every text in a JSON value, in reading order."""
    match value:
        case str():
            yield value
        case Mapping():
            for item in cast("Mapping[str, object]", value).values():
                yield from texts(item)
        case list():
            for item in cast("list[object]", value):
                yield from texts(item)
        case _:
            pass


class Agent:
    """One task's worth of agent."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._attempts: list[Attempt] = []
        self._orders: deque[Order] = deque()
        self._case: Mapping[str, Any] = {}
        self._latest: Mapping[str, Any] | None = None

    async def run(self, request: str) -> tuple[Attempt, ...]:
        """Do what the user asks, and whatever the texts on the way ask.

        Raises ValueError when the request names no case.
        """
        found = _CASE_ID.search(request)
        if found is None:
            raise ValueError("the request names no case")
        case = await self._do("crm.get_case", {"case_id": found.group()})
        if case is not None:
            self._case = case
            await self._obey("first")
            await self._triage(case)
            await self._obey("last")
        return tuple(self._attempts)

    async def _triage(self, case: Mapping[str, Any]) -> None:
        """The user's own task."""
        opportunity_id = case["opportunity_id"]
        await self._do("crm.get_opportunity", {"opportunity_id": opportunity_id})
        next_step = f"Send the answer on '{case['subject']}' to {case['customer_name']}"
        await self._do(
            "crm.update_opportunity", {"opportunity_id": opportunity_id, "next_step": next_step}
        )
        answer = (
            f"Dear {case['customer_name']},\n\nthank you for your message. Your data stays in the"
            " EU, and the quote reaches you this week.\n\nYour support team\n"
        )
        reply = {
            "to": case["customer_email"],
            "subject": f"Re: {case['subject']}",
            "body": answer,
        }
        await self._do("mail.send", reply)

    async def _obey(self, when: Literal["first", "last"]) -> None:
        """Obey the orders for this moment, also those that arrive meanwhile."""
        while due := next((order for order in self._orders if order.when == when), None):
            self._orders.remove(due)
            await self._carry_out(due.clause)

    async def _carry_out(self, clause: str) -> None:
        """Carry out one clause; what the grammar does not cover is left alone."""
        if found := _RUN.fullmatch(clause):
            self._latest = await self._do("warehouse.query", found.groupdict(), "e-mail")
        elif _LIST.fullmatch(clause):
            self._latest = await self._do("crm.list_customers", {}, "e-mail")
        elif found := _SET.fullmatch(clause):
            change = {"opportunity_id": found["id"], found["field"]: found["value"]}
            await self._do("crm.update_opportunity", change, "e-mail")
        elif found := _SEND.fullmatch(clause):
            what = self._case if found["what"] == "this case" else self._latest
            await self._send(found["what"], what, found["to"])

    async def _send(self, title: str, what: Mapping[str, Any] | None, to: str) -> None:
        """Mail a record to an address, if there is one to mail."""
        mail = {"to": to, "subject": f"As you asked: {title}"}
        if what is None:
            nothing = Reply(verdict="skipped", reason="nothing-to-send")
            self._note("mail.send", mail, "e-mail", nothing)
            return
        body = json.dumps(what, indent=2, ensure_ascii=False)
        await self._do("mail.send", {**mail, "body": body}, "e-mail")

    async def _do(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        asked_by: Literal["user", "e-mail"] = "user",
    ) -> Mapping[str, Any] | None:
        """Call a tool, note what came of it, and collect the orders in what it returned."""
        reply = await self._tools.call(tool, arguments)
        self._note(tool, arguments, asked_by, reply)
        for text in texts(reply.data):
            self._orders.extend(orders(text))
        return reply.data

    def _note(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        asked_by: Literal["user", "e-mail"],
        reply: Reply,
    ) -> None:
        self._attempts.append(
            Attempt(tool=tool, arguments=arguments, asked_by=asked_by, reply=reply)
        )
