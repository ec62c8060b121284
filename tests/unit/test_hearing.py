"""What passes between an upstream and the caller while a call runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from safeconduct import hearing
from safeconduct.core.asks import MAX_STATE_BYTES, Capability
from safeconduct.core.calls import VISITED
from safeconduct.core.manifest import Argument
from safeconduct.core.subjects import REPLIES, with_replies
from safeconduct.core.trace import Trace
from safeconduct.gateway import MISSING_CAPABILITY, PAGES_FIRST
from safeconduct.hearing import INVALID_PARAMS, MAX_ASKS, Waiting
from safeconduct.ports import (
    AskRefused,
    Delivered,
    Refused,
    Resumed,
    Upstream,
    UpstreamError,
    UpstreamFault,
    Wanted,
)
from safeconduct.simulation import SimulatedTask
from safeconduct.upstreams import Limits
from tests.support.facts import call as judged
from tests.support.listeners import Hears
from tests.unit.test_gateway import caller, records, simulated

JSON = dict[str, Any]

REFUSED = AskRefused().code

ABLE = frozenset[Capability](
    {"elicitation.form", "elicitation.url", "sampling", "roots"},
)
FORM: JSON = {
    "message": "How many?",
    "requestedSchema": {"type": "object", "properties": {"n": {"type": "integer"}}},
}
SECRET = "AKIA" + "ABCDEFGHIJKLMNOP"
DEAL: JSON = {"name": "get_deal", "arguments": {"id": "D-7"}}
DONE: JSON = {"content": []}
QUESTION: JSON = {
    "resultType": "input_required",
    "inputRequests": {"q": {"method": "elicitation/create", "params": FORM}},
    "requestState": "upstream's own",
}

During = Callable[[Any], Awaitable[object]]


class Talks:
    """An upstream that does something with its listener before it answers."""

    id = "crm"

    def __init__(self, during: During | None = None, result: JSON | None = None) -> None:
        self._during = during
        self.result = result or DONE
        self.sent: list[JSON] = []

    async def request(self, method: str, params: JSON, **given: Any) -> JSON:
        del method
        assert params.pop("_meta").keys() == {"traceparent"}
        self.sent.append(params)
        if self._during is not None:
            await self._during(given["listener"])
        return self.result

    async def listen(self, wanted: Wanted, **_: Any) -> None:
        del wanted

    async def close(self) -> None:
        pass


@pytest.fixture
async def task(tmp_path: Path) -> AsyncIterator[SimulatedTask]:
    async with simulated(tmp_path, asks={"form": True}) as made:
        yield made


async def call(
    task: SimulatedTask,
    upstream: Talks,
    listener: Hears | None = None,
    resumed: Resumed | None = None,
    params: JSON = DEAL,
    trace: Trace | None = None,
) -> Delivered | Refused:
    cast("dict[str, Upstream]", task.rooms.upstreams)["crm"] = upstream
    return await task.rooms.gateway.call(
        caller(task), "tools/call", "crm", params["name"], params, listener, resumed, trace
    )


async def yes(method: str, params: JSON) -> JSON:
    del method, params
    return {"action": "accept", "content": {"n": 3}, "_meta": {"x": 1}}


class TestNotifications:
    async def test_log_lines_are_rebuilt_and_redacted(self, task: SimulatedTask) -> None:
        async def logs(listener: Any) -> None:
            given = {"level": "info", "data": {"key": SECRET}, "logger": "db", "_meta": {}}
            await listener.notified("notifications/message", given)

        hears = Hears(log_level="debug")
        await call(task, Talks(logs), hears)
        kept = {"level": "info", "data": {"key": "[redacted: secret.aws]"}, "logger": "db"}
        assert hears.heard == [("notifications/message", kept)]

    async def test_a_parting_is_passed_on(self, task: SimulatedTask) -> None:
        async def parts(listener: Any) -> None:
            await listener.parted(70)

        hears = Hears()
        await call(task, Talks(parts), hears)
        assert hears.partings == [70]

    async def test_what_is_no_log_line_is_not_heard(self, task: SimulatedTask) -> None:
        async def logs(listener: Any) -> None:
            for wrong in ({}, {"level": "loud", "data": 1}, {"level": "info"}):
                await listener.notified("notifications/message", wrong)

        hears = Hears(log_level="debug")
        await call(task, Talks(logs), hears)
        assert hears.heard == []

    async def test_a_logger_is_a_text(self, task: SimulatedTask) -> None:
        async def logs(listener: Any) -> None:
            given = {"level": "info", "data": None, "logger": 7}
            await listener.notified("notifications/message", given)

        hears = Hears(log_level="debug")
        await call(task, Talks(logs), hears)
        assert hears.heard == [("notifications/message", {"level": "info", "data": None})]

    async def test_nothing_is_heard_that_was_not_wanted(self, task: SimulatedTask) -> None:
        async def everything(listener: Any) -> None:
            await listener.notified("notifications/progress", {"progress": 1})
            await listener.notified("notifications/message", {"level": "info", "data": "x"})
            await listener.notified("notifications/other", {"a": 1})

        hears = Hears()
        await call(task, Talks(everything), hears)
        assert hears.heard == []

    async def test_labels_are_durable_before_a_log_line(self, task: SimulatedTask) -> None:
        seen: list[str] = []

        async def logs(listener: Any) -> None:
            await listener.notified("notifications/message", {"level": "info", "data": "x"})

        async def hear(_: JSON) -> None:
            seen.append(task.state.labels.confidentiality.name)

        await call(task, Talks(logs), Hears(hear, log_level="info"))
        assert seen == ["internal"]


class TestAsks:
    async def test_what_is_allowed_is_asked_rebuilt_and_its_reply_judged(
        self, task: SimulatedTask
    ) -> None:
        replies: list[JSON] = []

        async def asks(listener: Any) -> None:
            assert listener.able == {"elicitation.form"}
            replies.append(await listener.asked("elicitation/create", {**FORM, "_meta": {"x": 1}}))

        hears = Hears(reply=yes, able=ABLE)
        claim = Trace(id="a" * 32, parent="b" * 16)
        answer = await call(task, Talks(asks), hears, trace=claim)
        assert isinstance(answer, Delivered)
        assert hears.asks == [("elicitation/create", {"mode": "form", **FORM})]
        assert replies == [{"action": "accept", "content": {"n": 3}}]
        first, second = records(task, "decision")
        assert (first["method"], second["method"]) == ("tools/call", "elicitation/create")
        assert first["tool"] == second["tool"] == "crm.get_deal"
        assert second["spends"] == {}
        assert first["trace"] == second["trace"] == claim.id
        assert first["span"] != second["span"]
        outcomes = {one["decision"]: one["status"] for one in records(task, "outcome")}
        assert outcomes == {first["decision"]: "ok", second["decision"]: "ok"}

    async def refused(
        self, task: SimulatedTask, hears: Hears, method: str, params: JSON, times: int = 1
    ) -> tuple[int, list[tuple[str, JSON]]]:
        codes: list[int] = []

        async def asks(listener: Any) -> None:
            for _ in range(times):
                try:
                    await listener.asked(method, params)
                except AskRefused as refusal:
                    codes.append(refusal.code)

        assert isinstance(await call(task, Talks(asks), hears), Delivered)
        (code,) = set(codes)
        return code, hears.asks

    async def test_what_the_operator_does_not_allow_is_not_asked(self, task: SimulatedTask) -> None:
        hears = Hears(reply=yes, able=ABLE)
        assert await self.refused(task, hears, "roots/list", {}) == (REFUSED, [])

    async def test_what_the_client_did_not_declare_is_not_asked(self, task: SimulatedTask) -> None:
        hears = Hears(reply=yes)
        assert await self.refused(task, hears, "elicitation/create", FORM) == (REFUSED, [])

    async def test_what_makes_no_sense_is_not_asked(self, task: SimulatedTask) -> None:
        hears = Hears(reply=yes, able=ABLE)
        assert await self.refused(task, hears, "elicitation/create", {}) == (INVALID_PARAMS, [])

    async def test_what_carries_a_credential_is_not_asked(self, task: SimulatedTask) -> None:
        hears = Hears(reply=yes, able=ABLE)
        asked = {**FORM, "message": f"Is {SECRET} yours?"}
        assert await self.refused(task, hears, "elicitation/create", asked) == (REFUSED, [])

    async def test_what_is_no_reply_is_not_passed_on(self, task: SimulatedTask) -> None:
        async def odd(method: str, params: JSON) -> JSON:
            del method, params
            return {"action": "maybe"}

        hears = Hears(reply=odd, able=ABLE)
        code, _ = await self.refused(task, hears, "elicitation/create", FORM)
        assert code == REFUSED

    async def test_a_reply_that_may_not_flow_is_not_passed_on(self, task: SimulatedTask) -> None:
        async def leaks(method: str, params: JSON) -> JSON:
            del method, params
            return {"action": "accept", "content": {"n": SECRET}}

        hears = Hears(reply=leaks, able=ABLE)
        code, _ = await self.refused(task, hears, "elicitation/create", FORM)
        assert code == REFUSED
        assert [one.get("reason") for one in records(task, "decision")] == [None, "content-secret"]

    async def test_nobody_is_asked_without_end(self, task: SimulatedTask) -> None:
        hears = Hears(reply=yes, able=ABLE)
        code, asked = await self.refused(
            task, hears, "elicitation/create", FORM, times=MAX_ASKS + 3
        )
        assert code == REFUSED
        assert len(asked) == MAX_ASKS

    async def test_nobody_is_asked_more_than_an_answer_may_hold(
        self, task: SimulatedTask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hearing, "MAX_ASKED_BYTES", 2 * len(json.dumps(FORM)) + 64)
        hears = Hears(reply=yes, able=ABLE)
        code, asked = await self.refused(task, hears, "elicitation/create", FORM, times=3)
        assert (code, len(asked)) == (REFUSED, 2)

    async def test_the_digest_of_a_reply_says_what_kind_of_thing_asked(
        self, task: SimulatedTask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        facts = task.rooms.facts
        known = facts.catalogue.facts("tools/call", "crm", "get_deal")
        monkeypatch.setattr(facts.catalogue, "facts", lambda *_: known)
        monkeypatch.setattr(facts.catalogue, "pin", lambda *_: None)
        bearer = await task.rooms.gateway.authenticate(caller(task))
        replies = [
            facts.replied(bearer, asking, "roots/list", {}, {"roots": []})[0]
            for asking in (
                judged(method=method, upstream="crm", name="one", target=target)
                for method, target in (
                    ("tools/call", "crm.one"),
                    ("prompts/get", "crm#prompt:one"),
                    ("resources/read", "crm#resource:one"),
                )
            )
        ]
        assert [reply.target for reply in replies] == [
            *("crm.one", "crm#prompt:one", "crm#resource:one"),
        ]
        assert len({reply.digest for reply in replies}) == 3


LOGIN = "https://login.example"
PAGE: JSON = {"mode": "url", "url": f"{LOGIN}/x", "message": "Sign in.", "elicitationId": "e-1"}


class TestPages:
    """Revision 2025-11-25: pages to be visited, before the call or in its middle."""

    async def pages_first(
        self, task: SimulatedTask, hears: Hears | None, page: JSON = PAGE
    ) -> Delivered | Refused:
        async def first(_: object) -> None:
            raise UpstreamError(PAGES_FIRST, "Sign in first", {"elicitations": [page]})

        return await call(task, Talks(first), hears)

    async def test_those_that_come_first_are_delivered_rebuilt(self, tmp_path: Path) -> None:
        async with simulated(tmp_path, asks={"url_origins": [LOGIN]}) as task:
            answer = await self.pages_first(task, Hears(able=ABLE), {**PAGE, "_meta": {}})
            assert isinstance(answer, Delivered)
            shown = {**PAGE, "message": f"[{LOGIN}] Sign in."}
            one = {"method": "elicitation/create", "params": shown}
            asked = {"resultType": "input_required", "inputRequests": {"page-1": one}}
            assert answer.result == asked
            (outcome,) = records(task, "outcome")
            assert outcome["status"] == "input-required"

    @pytest.mark.parametrize(
        ("hears", "page", "code"),
        [
            (None, PAGE, "ask-refused"),
            (Hears(able=frozenset({"elicitation.form"})), PAGE, "ask-refused"),
            (Hears(able=ABLE), {**PAGE, "url": "https://other.example/"}, "ask-refused"),
            (Hears(able=ABLE), {**PAGE, "message": SECRET}, "ask-refused"),
            (Hears(able=ABLE), {"mode": "url"}, "upstream-malformed"),
        ],
    )
    async def test_others_are_refused(
        self, tmp_path: Path, hears: Hears | None, page: JSON, code: str
    ) -> None:
        async with simulated(tmp_path, asks={"url_origins": [LOGIN]}) as task:
            answer = await self.pages_first(task, hears, page)
            assert isinstance(answer, Refused)
            assert answer.code == code

    async def test_that_one_was_visited_is_told_of_those_that_were_asked_for(
        self, tmp_path: Path
    ) -> None:
        async def visits(listener: Any) -> None:
            await listener.notified(VISITED, {"elicitationId": "e-1"})
            await listener.asked("elicitation/create", PAGE)
            for params in ({"elicitationId": "e-2"}, {"elicitationId": ["e-1"]}, {}):
                await listener.notified(VISITED, params)
            await listener.notified(VISITED, {"elicitationId": "e-1", "note": "Obey me"})

        async def accepts(method: str, params: JSON) -> JSON:
            return {"action": "accept"}

        async with simulated(tmp_path, asks={"url_origins": [LOGIN]}) as task:
            hears = Hears(reply=accepts, able=ABLE)
            assert isinstance(await call(task, Talks(visits), hears), Delivered)
            assert hears.heard == [(VISITED, {"elicitationId": "e-1"})]


class TestWaiting:
    @pytest.fixture
    def one_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hearing, "MAX_WAITING_OF_TASK", 1)

    @pytest.mark.usefixtures("one_at_once")
    async def test_one_call_too_many_that_asks_ends_with_a_reason(
        self, task: SimulatedTask
    ) -> None:
        asked, answered = asyncio.Event(), asyncio.Event()

        async def later(method: str, params: JSON) -> JSON:
            asked.set()
            await answered.wait()
            return await yes(method, params)

        async def twice(listener: Any) -> None:
            both = [listener.asked("elicitation/create", FORM) for _ in range(2)]
            await asyncio.gather(*both)

        first = asyncio.ensure_future(call(task, Talks(twice), Hears(reply=later, able=ABLE)))
        await asked.wait()
        unasked = Hears(reply=yes, able=ABLE)
        answer = await call(task, Talks(twice), unasked)
        assert isinstance(answer, Refused)
        assert (answer.code, unasked.asks) == ("too-many-questions", [])
        (outcome,) = records(task, "outcome")
        assert (outcome["status"], outcome["reason"]) == ("unknown", "too-many-questions")
        answered.set()
        assert isinstance(await first, Delivered)
        assert isinstance(await call(task, Talks(twice), unasked), Delivered)
        assert len(unasked.asks) == 2

    @pytest.mark.parametrize(
        ("of", "kept"),
        [
            ("MAX_WAITING_OF_TASK", {"t2", "t3"}),
            ("MAX_WAITING_OF_AGENT", {"t3"}),
            ("MAX_WAITING", set[str]()),
        ],
    )
    def test_places_are_counted_of_a_task_of_an_agent_and_in_all(
        self, monkeypatch: pytest.MonkeyPatch, of: str, kept: set[str]
    ) -> None:
        monkeypatch.setattr(hearing, of, 1)
        waiting, found = Waiting(), set[str]()
        with waiting.place("t1", "a"):
            for name, agent_id in (("t1", "a"), ("t2", "a"), ("t3", "b")):
                with suppress(UpstreamFault), waiting.place(name, agent_id):
                    found.add(name)
        assert found == kept
        with waiting.place("t1", "a"):
            pass

    def test_who_waits_keeps_nobody_else_out(self) -> None:
        assert Limits().max_in_flight >= 2 * hearing.MAX_WAITING


class TestRounds:
    """Revision 2026-07-28: a question ends the request, and another one brings the replies."""

    async def test_a_question_is_delivered_and_on_record(self, task: SimulatedTask) -> None:
        answer = await call(task, Talks(result=QUESTION), Hears(able=ABLE))
        assert isinstance(answer, Delivered)
        assert answer.result["inputRequests"]["q"]["params"] == {"mode": "form", **FORM}
        assert answer.result["requestState"] == "upstream's own"
        (outcome,) = records(task, "outcome")
        assert outcome["status"] == "input-required"

    async def test_a_state_too_long_to_be_carried_is_malformed_and_on_record(
        self, task: SimulatedTask
    ) -> None:
        result = {**QUESTION, "requestState": "x" * MAX_STATE_BYTES}
        answer = await call(task, Talks(result=result), Hears(able=ABLE))
        assert isinstance(answer, Refused)
        assert answer.code == "upstream-malformed"
        (outcome,) = records(task, "outcome")
        assert (outcome["status"], outcome["reason"]) == ("unknown", "upstream-malformed")

    async def test_a_question_to_a_client_that_cannot_be_asked_is_refused(
        self, task: SimulatedTask
    ) -> None:
        answer = await call(task, Talks(result=QUESTION))
        assert isinstance(answer, Refused)
        assert answer.code == "ask-refused"

    @pytest.mark.parametrize(
        ("data", "needs"),
        [
            ({"requiredCapabilities": {"sampling": {}}}, {"sampling"}),
            ({"requiredCapabilities": []}, set[str]()),
            (None, set[str]()),
        ],
    )
    async def test_what_an_upstream_misses_is_told(
        self, task: SimulatedTask, data: object, needs: set[str]
    ) -> None:
        async def misses(_: object) -> None:
            raise UpstreamError(MISSING_CAPABILITY, "Missing required client capability", data)

        answer = await call(task, Talks(misses))
        assert isinstance(answer, Refused)
        assert answer.code == "client-unable"
        assert set(answer.needs) == needs
        (outcome,) = records(task, "outcome")
        assert outcome["status"] == "refused"
        assert outcome["may_have_happened"] is False

    async def test_replies_go_back_with_the_state(self, task: SimulatedTask) -> None:
        upstream = Talks()
        replies = {"q": {"action": "accept", "content": {"n": 3}}}
        resumed = Resumed(replies=replies, state="upstream's own")
        assert isinstance(await call(task, upstream, resumed=resumed), Delivered)
        assert upstream.sent == [
            {**DEAL, "inputResponses": replies, "requestState": "upstream's own"}
        ]
        (decision,) = records(task, "decision")
        assert decision["spends"] == {"calls": 1, "case:read": 1}

    async def test_a_state_alone_goes_back(self, task: SimulatedTask) -> None:
        upstream = Talks()
        resumed = Resumed(replies={}, state="upstream's own")
        assert isinstance(await call(task, upstream, resumed=resumed), Delivered)
        assert upstream.sent == [{**DEAL, "requestState": "upstream's own"}]

    async def test_every_part_of_a_round_is_in_the_digest(self, task: SimulatedTask) -> None:
        reply = {"q": {"action": "accept"}}
        for resumed in (
            None,
            Resumed(replies={}),
            Resumed(replies=reply),
            Resumed(replies=reply, state="a"),
            Resumed(replies=reply, state="b"),
        ):
            await call(task, Talks(), resumed=resumed)
        assert len({one["digest"] for one in records(task, "decision")}) == 5

    async def test_replies_are_judged_like_arguments(self, task: SimulatedTask) -> None:
        upstream = Talks()
        resumed = Resumed(replies={"q": {"action": "accept", "content": {"n": SECRET}}})
        answer = await call(task, upstream, resumed=resumed)
        assert isinstance(answer, Refused)
        assert (answer.code, upstream.sent) == ("content-secret", [])

    async def test_an_argument_cannot_pass_for_a_reply(self, task: SimulatedTask) -> None:
        upstream = Talks()
        params = {"name": "get_deal", "arguments": {"id": "D-7", "inputResponses": {}}}
        answer = await call(task, upstream, resumed=Resumed(replies={}), params=params)
        assert isinstance(answer, Refused)
        assert (answer.code, upstream.sent) == ("arguments-invalid", [])

    async def test_an_unknown_tool_stays_unknown(self, task: SimulatedTask) -> None:
        params = {"name": "drop", "arguments": {}}
        answer = await call(task, Talks(), resumed=Resumed(replies={}), params=params)
        assert isinstance(answer, Refused)
        assert answer.code == "tool-unknown"

    async def test_an_argument_that_is_called_like_the_replies_refuses_them(
        self, task: SimulatedTask
    ) -> None:
        tool = task.rooms.catalogue.facts("tools/call", "crm", "get_deal")
        assert tool.manifest is not None
        own = {**tool.manifest.arguments, REPLIES: Argument(role="content")}
        tool = structs.replace(tool, manifest=structs.replace(tool.manifest, arguments=own))
        judged, given = with_replies(tool, {"id": "D-7"}, {"q": {}})
        assert given == {"id": "D-7", REPLIES: {"q": {}}}
        assert judged.manifest is not None
        assert list(judged.manifest.arguments) == ["id"]
