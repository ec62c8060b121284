"""An upstream over Streamable HTTP, in either era of MCP."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from safeconduct.core import calls
from safeconduct.core.calls import MODERN
from safeconduct.ports import (
    JSON,
    Begun,
    Credential,
    Heard,
    Listener,
    UpstreamError,
    UpstreamFault,
    Wanted,
)
from safeconduct.upstreams import breaker, messages, resuming, revisions
from safeconduct.upstreams.asks import Asking
from safeconduct.upstreams.conversation import Conversation, StatusFault
from safeconduct.upstreams.deadline import Deadline
from safeconduct.upstreams.listening import Listening
from safeconduct.upstreams.messages import Answer
from safeconduct.upstreams.mirror import Mirror
from safeconduct.upstreams.negotiation import Era, Negotiation, Session
from safeconduct.upstreams.outbound import FIXED, Call, Courtesies, Head, Return
from safeconduct.upstreams.wire import TIMEOUT, UNREACHABLE, Wire

# What a server says that has been replaced by one of another era.
_ANOTHER_SERVER: Final = frozenset({400, 404, 405, 406, 415, 501, 505})
# What can be asked for twice. A tool never is, also where nothing was sent: its caller decides.
_READS: Final = frozenset({
    *("tools/list", "resources/list", "resources/templates/list", "prompts/list"),
    *("resources/read", "prompts/get", "completion/complete"),
})  # fmt: skip
# In the course of which a client can be asked something.
_ASK: Final = frozenset({"tools/call", "resources/read", "prompts/get"})
_AGAIN_S: Final = 0.1
_MAX_LISTENERS: Final = 256
_BEGIN_S: Final = 30.0
# Connections beyond those of calls: farewells, cancellations and refusals need them too.
_FOR_COURTESIES: Final = 64


class HttpUpstream:
    """See `safeconduct.ports.Upstream`."""

    def __init__(
        self,
        upstream_id: str,
        url: str,
        *,
        max_answer_bytes: int,
        max_in_flight: int,
        max_sessions: int,
    ) -> None:
        self.id = upstream_id
        self._max_answer_bytes = max_answer_bytes
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._ids = itertools.count(1)
        self._mirror = Mirror()
        self._wire = Wire(
            url,
            FIXED,
            max_body_bytes=max_answer_bytes,
            # A call may have the stream of its session beside it.
            max_connections=2 * max_in_flight + _MAX_LISTENERS + _FOR_COURTESIES,
        )
        self._breaker = breaker.Breaker()
        self._courtesies = Courtesies()
        self._negotiation = Negotiation(
            self._wire,
            self._ids,
            self._courtesies,
            max_answer_bytes=max_answer_bytes,
            max_sessions=max_sessions,
        )

        self._listeners = 0
        self._listening = Listening(
            self._wire,
            self._ids,
            self._negotiation,
            self._courtesies,
            max_answer_bytes=max_answer_bytes,
        )

    async def request(
        self,
        method: str,
        params: JSON,
        *,
        owner: str,
        credential: Credential | None,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> JSON:
        if self._in_flight >= self._max_in_flight:
            raise UpstreamFault("upstream-busy", "too many in flight", may_have_happened=False)
        deadline = Deadline(timeout_s)
        call = Call(
            method=method,
            params=params,
            owner=owner,
            credential=credential,
            deadline=deadline,
            listener=listener,
        )
        probe = self._breaker.enter()
        reached = None
        self._in_flight += 1
        try:
            with deadline:
                result = await (self._twice(call) if method in _READS else self._serve(call))
            reached = True
        except UpstreamError:
            reached = True
            raise
        except UpstreamFault as fault:
            reached = breaker.reached(fault)
            if isinstance(fault, StatusFault) and fault.status == 401:
                call.rejected()
            if fault.reason == UNREACHABLE or (
                isinstance(fault, StatusFault) and fault.status in _ANOTHER_SERVER
            ):
                self._negotiation.forget()
            raise
        except TimeoutError:
            if not deadline.expired:
                raise
            late = UpstreamFault(
                TIMEOUT, f"no answer within {timeout_s:g} s", may_have_happened=call.sent
            )
            reached = breaker.reached(late)
            raise late from None
        finally:
            self._in_flight -= 1
            self._breaker.leave(probe, reached)
        return result

    async def listen(
        self,
        wanted: Wanted,
        *,
        owner: str,
        credential: Credential | None,
        heard: Heard,
        begun: Begun = lambda _: None,
    ) -> None:
        if self._listeners >= _MAX_LISTENERS:
            raise UpstreamFault("upstream-busy", "too many listen", may_have_happened=False)
        call = Call(
            method=calls.LISTEN,
            params={},
            owner=owner,
            credential=credential,
            deadline=Deadline(_BEGIN_S),
        )
        self._listeners += 1
        try:
            await self._listening.run(call, wanted, heard, begun)
        except TimeoutError:
            if not call.deadline.expired:
                raise
            raise UpstreamFault(TIMEOUT, "not begun in time", may_have_happened=False) from None
        finally:
            self._listeners -= 1

    async def close(self) -> None:
        self._negotiation.close()
        await self._courtesies.finish()
        await self._wire.close()

    async def _serve(self, call: Call) -> JSON:
        era = self._negotiation.known(call) or await self._negotiation.era(call)
        if era is Era.STATELESS:
            answer = await self._stateless(call)
        else:
            with self._negotiation.session(call, era) as session:
                answer = await self._in_session(call, session)
        try:
            result = revisions.result_of(answer.result, answer.error)
        except UpstreamFault:  # of the envelope
            self._negotiation.forget()
            raise
        if call.method == "tools/list":
            # Of a long list it takes as long as many calls.
            await asyncio.to_thread(self._mirror.learn, result)
        return result

    async def _twice(self, call: Call) -> JSON:
        """The result of a second try, where nothing was sent in the first."""
        try:
            return await self._serve(call)
        except UpstreamFault as fault:
            if fault.reason != UNREACHABLE or fault.may_have_happened:
                raise
        self._negotiation.forget()
        await asyncio.sleep(_AGAIN_S)
        return await self._serve(call)

    async def _stateless(self, call: Call) -> Answer:
        request_id = next(self._ids)
        body = revisions.request(request_id, call.method, call.params, call.listener, modern=True)
        head = call.head(
            {"mcp-protocol-version": MODERN},
            self._mirror.headers(call.method, call.params),
            call.trace,
        )
        conversation = Conversation(
            request_id, max_bytes=self._max_answer_bytes, listener=call.listener
        )
        call.exchange = self._wire.post(head.of("POST", body), body)
        # Leaving the exchange closes its stream, which is how this revision cancels.
        async with call.exchange as exchange:
            return await conversation.hear(exchange)

    async def _in_session(self, call: Call, session: Session) -> Answer:
        await self._negotiation.open(call, session)
        used = session.id
        try:
            return await self._handshaken(call, session)
        except StatusFault as fault:
            if used is None or fault.status not in {400, 404}:
                raise
            session.lose(used)
            if fault.status != 404:  # examples that many servers copy say 400; no rule does
                raise
        # 404 to a session id means "start a new session" and that nothing was done.
        call.exchange = None
        await self._negotiation.open(call, session)
        return await self._handshaken(call, session)

    async def _handshaken(self, call: Call, session: Session) -> Answer:
        if call.listener is not None:
            await self._negotiation.tune(call, session)
        request_id = next(self._ids)
        body = revisions.request(request_id, call.method, call.params, call.listener, modern=False)
        head = call.head(session.headers(), call.trace)
        call.exchange = self._wire.post(head.of("POST", body), body)
        back = Return(self._wire, self._courtesies, head, call.exchange)
        # Without a session nothing would tell whose answer the upstream gets.
        asking = Asking(None if session.id is None else call.listener, call.deadline, back)
        conversation = Conversation(
            request_id, max_bytes=self._max_answer_bytes, listener=call.listener, asking=asking
        )
        try:
            async with asking, self._beside(call, session, head, asking):
                return await resuming.hear(conversation, back, call.listener)
        except UpstreamFault:
            raise
        except BaseException:
            # Cancelled, late, or what it said could not be passed on: nobody waits any more.
            if call.sent:
                back.post(messages.cancellation(request_id))
            raise

    def _beside(
        self, call: Call, session: Session, head: Head, asking: Asking
    ) -> AbstractAsyncContextManager[None]:
        """The stream of a call's session, where the upstream may ask in the course of the call."""
        if session.id is None or call.method not in _ASK or not revisions.able(call.listener):
            return nullcontext()
        return self._listening.during(session, head, asking)
