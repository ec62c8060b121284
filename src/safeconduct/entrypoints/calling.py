"""Requests that take the page: what they bring besides a call, and what may come before the answer.

A client of 2026-07-28 is asked by the end of its request, one of before by a request of ours on the
stream of its own; either way the upstream may be of the other kind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from safeconduct.core import naming
from safeconduct.core.asks import INPUT_REQUIRED, Capability, capabilities, only_pages, reply
from safeconduct.core.calls import COMPLETE, Kind
from safeconduct.core.mirrored import fields
from safeconduct.core.shapes import Malformed
from safeconduct.core.trace import Trace
from safeconduct.entrypoints import answers, params, rounds, wire
from safeconduct.entrypoints.envelope import CAPABILITIES_KEY, require_mirrored
from safeconduct.entrypoints.http import Request, Response, incident
from safeconduct.entrypoints.parking import Asking, Parking
from safeconduct.entrypoints.rounds import RETRIED, Rounds, State, binding, taken
from safeconduct.entrypoints.running import Cancelled, Key, Running
from safeconduct.entrypoints.sessions import HEADER, Sessions
from safeconduct.entrypoints.stream import Stream
from safeconduct.entrypoints.watch import Watch
from safeconduct.entrypoints.wire import Id, Message, Rejected
from safeconduct.gateway import Gateway
from safeconduct.ports import (
    JSON,
    Answer,
    AskRefused,
    Bearer,
    Caller,
    Delivered,
    Listener,
    NotRecorded,
    Refused,
    Resumed,
    Unauthenticated,
)

MAX_ROUNDS: Final = 8
"""How often an upstream of 2026-07-28 may ask a client of before within one request."""

APPROVE: Final = (
    "A person must approve this call. The page shows exactly what would be sent, and has you sign "
    "in first."
)
"""What is said with a link to our own page: nothing of the call, which others may have worded."""

_NOBODY: Final[frozenset[Capability]] = frozenset()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is well-formed and in the table; `events` says whether its sender takes a
    stream of events for an answer, `streams` whether it would rather have one. `trace` is what it
    claims to be part of.
    """

    message: Message
    id: Id
    kind: Kind
    modern: bool
    caller: Caller
    bearer: Bearer
    upstream: str | None
    path: str
    events: bool
    streams: bool
    trace: Trace | None = None


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the page, read: `brought` is what only a retry has."""

    asked: Asked
    name: str
    params: JSON
    brought: JSON

    def page(
        self, gateway: Gateway, listener: Listener | None, resumed: Resumed | None = None
    ) -> Awaitable[Answer]:
        """The page with this call, for the first time or, after a question, again."""
        method, upstream = self.asked.message.method, self.asked.upstream
        return gateway.call(
            self.asked.bearer,
            method,
            upstream,
            self.name,
            self.params,
            listener,
            resumed,
            self.asked.trace,
        )

    def binding(self) -> bytes:
        """What a question within this call belongs to."""
        return binding(self.asked.bearer, self.asked.path, self.asked.message.method, self.params)


class Calling:
    """Answers the requests that take the page. `metadata` is the URL of the protected-resource
    metadata (RFC 9728), and `page` where a task's user answers a question, if they can.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        running: Running,
        sessions: Sessions,
        watch: Watch,
        clock_ms: Callable[[], int],
        metadata: str,
        page: Callable[[str], str | None],
    ) -> None:
        self._gateway = gateway
        self._running = running
        self._sessions = sessions
        self._watch = watch
        self._rounds = Rounds(clock_ms)
        self._parking = Parking(watch)
        self._metadata = metadata
        self._page = page

    async def answer(self, request: Request, asked: Asked) -> Response | None:
        """Takes a request through the page. Raises Problem, Rejected, Unauthenticated."""
        message: Message = asked.message
        brought: JSON = {}
        if asked.modern and message.method in RETRIED:
            message, brought = taken(message)
        if message.method == COMPLETE:
            name, given = params.completed(message)
        else:
            name, given = params.called(message, asked.kind)
        if asked.modern:
            wanted = self._gateway.mirrored(asked.bearer, message.method, asked.upstream, name)
            if wanted:
                require_mirrored(request, message, fields(wanted, given.get("arguments")))
        call = _Call(asked=asked, name=name, params=given, brought=brought)
        stream = self._stream(request, call)
        if stream is None:
            return await self._answered(request, call, None)
        with stream:
            return await stream.finish(await self._answered(request, call, stream))

    async def close(self) -> None:
        """Ends the calls that wait for their clients."""
        await self._parking.close()

    def _stream(self, request: Request, call: _Call) -> Stream | None:
        """The response as something that may hear and be asked more; None for the answer alone."""
        asked, message = call.asked, call.asked.message
        meta = message.meta
        if not (call.brought or meta.get(CAPABILITIES_KEY) or HEADER in request.headers) and (
            meta.keys().isdisjoint(params.WANTS)
        ):
            return None  # most calls are like that
        token, log_level = params.progress_token(message), params.log_level(message)
        able, session = _NOBODY, None
        if not asked.modern:
            session = self._sessions.of(request, asked.bearer)
        elif message.method in RETRIED:
            able = capabilities(message.meta.get(CAPABILITIES_KEY))
        if not asked.events:
            token = log_level = session = None
        elif session is not None:
            able = session.able if message.method in RETRIED else _NOBODY
            log_level = session.log_level
        if not (able or call.brought or session) and token is None and log_level is None:
            return None
        life = partial(self._watch.add, asked.bearer)
        return Stream(
            request,
            life,
            modern=asked.modern,
            token=token,
            log_level=log_level,
            able=able,
            session=session,
        )

    async def _answered(self, request: Request, call: _Call, stream: Stream | None) -> Response:
        asked = call.asked
        key = Key(asked.caller.authorization or "", request.path, asked.id)
        try:
            outcome = await self._running.run(key, request, self._outcome(call, stream))
            return self._told(call, outcome)
        except (Rejected, Unauthenticated):
            raise
        except Cancelled:
            return wire.error(asked.id, wire.CANCELLED, "Request cancelled")
        except NotRecorded as fault:
            return _internal(asked.id, fault.incident)
        except Exception:  # noqa: BLE001  whatever it is, the agent gets a number and no result
            return _internal(asked.id, incident())

    def _outcome(self, call: _Call, stream: Stream | None) -> Awaitable[Answer | Asking]:
        if not call.asked.modern:
            return self._asking_along(call, stream)
        if stream is not None and (stream.able or call.brought):
            return self._in_rounds(call, stream)
        return call.page(self._gateway, stream)

    async def _in_rounds(self, call: _Call, stream: Stream) -> Answer | Asking:
        """For a client of 2026-07-28 that can be asked, or was. Raises Rejected."""
        state: State | None = None
        resumed: Resumed | None = None
        asked: str | None = None
        if call.brought:
            message = call.asked.message
            retry = self._rounds.retry(message, call.brought, call.binding())
            state = retry.state
            asked = None if state is None else state.approval
            if state is not None and state.parked is not None:
                outcome = await self._parking.resume(retry.replies, state, stream)
                if outcome is None:
                    raise rounds.invalid(message, rounds.VOID)
                return outcome
            if asked is None:
                inner = None if state is None else state.inner
                resumed = Resumed(replies=retry.replies, state=inner)
        page = partial(call.page, self._gateway, resumed=resumed)
        outcome = await self._parking.begin(call.asked.bearer, stream, page)
        if resumed is not None or (isinstance(outcome, Refused) and outcome.approval == asked):
            # What came with a retry would be lost; and nobody is sent to the same page in a circle.
            return outcome
        return self._sent_to_page(outcome, stream) or outcome

    def _sent_to_page(self, outcome: Answer | Asking, stream: Stream) -> Asking | None:
        """What a client is asked whose user has to say yes first: to send them to our page. What it
        replies says nothing of a yes. None: it cannot, or nobody has to.
        """
        if not isinstance(outcome, Refused) or outcome.approval is None:
            return None
        url = self._page(outcome.approval) if "elicitation.url" in stream.able else None
        if url is None:
            return None
        params: JSON = {"mode": "url", "url": url, "message": APPROVE}
        if not stream.modern:
            params["elicitationId"] = outcome.approval
            stream.sent_to(outcome.approval)
        return Asking(
            {"approval": {"method": "elicitation/create", "params": params}},
            State(methods={}, approval=outcome.approval),
            visits=True,
            meta={answers.REFUSAL: answers.refusal(outcome)},
        )

    async def _asking_along(self, call: _Call, stream: Stream | None) -> Answer | Asking:
        """For a client of before, which answers while its request waits."""
        if stream is not None and stream.resumable and call.asked.streams:
            await stream.open()
        answer, number = await call.page(self._gateway, stream), 0
        while (asked := _asking(answer)) is not None and not asked.visits:
            if number == MAX_ROUNDS:
                return Refused(decision=answer.decision, code="ask-refused", may_have_happened=True)
            number += 1
            replies = await _replies(asked, stream)
            answer = await call.page(
                self._gateway, stream, Resumed(replies=replies, state=asked.state.inner)
            )
        return (None if stream is None else self._sent_to_page(answer, stream)) or answer

    def _told(self, call: _Call, outcome: Answer | Asking) -> Response:
        asked = call.asked
        if isinstance(outcome, Refused):
            return answers.refused(
                asked.id,
                asked.message.method,
                call.name,
                outcome,
                modern=asked.modern,
                resource=self._metadata,
            )
        if isinstance(outcome, Delivered):
            asking = _asking(outcome)
            if asking is None:
                return self._delivered(call, outcome)
            outcome = asking
        if outcome.visits and not asked.modern:
            return _pages_first(asked.id, outcome)
        told = self._rounds.asking(outcome.requests, outcome.state, call.binding())
        return wire.result(asked.id, {**told, "_meta": outcome.meta} if outcome.meta else told)

    @staticmethod
    def _delivered(call: _Call, outcome: Delivered) -> Response:
        asked = call.asked
        value = _on_the_wire(call, outcome.result)
        shaped = answers.shaped(value, modern=asked.modern, cacheable=asked.kind.cacheable)
        return wire.result(asked.id, shaped)


def _asking(answer: Answer) -> Asking | None:
    """What an upstream asks by its result, if it is no answer yet."""
    if isinstance(answer, Refused) or answer.result.get("resultType") != INPUT_REQUIRED:
        return None
    requests: JSON = answer.result.get("inputRequests", {})
    if only_pages(answer.result):
        # The call is made again as it was: who agreed to go there is nothing for the upstream.
        return Asking(requests, State(methods={}), visits=True)
    methods = {key: one["method"] for key, one in requests.items()}
    return Asking(requests, State(methods=methods, inner=answer.result.get("requestState")))


def _pages_first(request_id: Id, asked: Asking) -> Response:
    """What a client of before gets where pages are to be visited before it calls again."""
    pages = [one["params"] for one in asked.requests.values()]
    sentence = "Pages must be visited first"
    return wire.error(request_id, wire.PAGES_FIRST, sentence, {"elicitations": pages, **asked.meta})


async def _replies(asked: Asking, stream: Stream | None) -> JSON:
    """Asks for everything that an upstream's result asks for; what is not answered is left out."""
    replies: JSON = {}
    for key, one in asked.requests.items():
        if stream is not None:
            with suppress(AskRefused, Malformed):
                replies[key] = reply(
                    one["method"], await stream.asked(one["method"], one["params"])
                )
    return replies


def _on_the_wire(call: _Call, result: JSON) -> JSON:
    """A result with the names that the endpoint has for what is in it."""
    if call.asked.upstream is not None:
        return result
    by_uri = call.asked.kind.names == "uri"
    located = naming.unwrapped(call.name) if by_uri else naming.split(call.name)
    return result if located is None else naming.with_wrapped_uris(located[0], result)


def _internal(request_id: Id, number: str) -> Response:
    return wire.error(
        request_id,
        wire.INTERNAL_ERROR,
        f"Internal error {number}",
        {"incident": number},
        status=500,
    )
