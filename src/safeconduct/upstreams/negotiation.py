"""Which era an HTTP upstream speaks, and the sessions it keeps if it is the older one.

The era is found at first use and kept until `forget`. An upstream that hands out session ids gets
one session for each owner and what can be asked there, so that two tasks never share what it
remembers. One that hands out none gets a single handshake for all, and whatever it asks is refused:
nothing would tell whose answer it gets. Nothing of a call leaves while this goes on, so every fault
here says that nothing happened.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final

from safeconduct.core.calls import MODERN
from safeconduct.ports import JSON, UpstreamFault
from safeconduct.upstreams import messages, mirror, revisions
from safeconduct.upstreams.conversation import Conversation, StatusFault
from safeconduct.upstreams.leases import Leases
from safeconduct.upstreams.messages import Answer
from safeconduct.upstreams.outbound import Call, Courtesies, Head, Key
from safeconduct.upstreams.wire import MALFORMED, REJECTED, Wire

# A server of one era may leave a question of the other one unanswered.
_PROBE_S: Final = 5.0
_SESSION_ID: Final = re.compile(r"[\x21-\x7E]{1,512}")
_NO_VERDICT: Final = frozenset({401, 403, 429, 502, 503, 504})


class Era(Enum):
    """How an upstream speaks."""

    STATELESS = "revision 2026-07-28"
    SESSIONS = "a handshake for each owner"
    SHARED = "one handshake, as it keeps no sessions"


class Session:
    """The state of one handshake, open once `revision` is set."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.revision: str | None = None
        self.offers: JSON = {}
        self.log_level: str | None = None
        self.opening = asyncio.Lock()

    def headers(self) -> dict[str, str]:
        """What a request in this session carries."""
        headers: dict[str, str] = {}
        if self.id is not None:
            headers["mcp-session-id"] = self.id
        if self.revision is not None and self.revision != revisions.WITHOUT_VERSION_HEADER:
            headers["mcp-protocol-version"] = self.revision
        return headers

    def adopt(self, opened: Session) -> None:
        """Become what a handshake has brought."""
        self.id, self.revision = opened.id, opened.revision
        self.offers, self.log_level = opened.offers, None

    def lose(self, session_id: str) -> None:
        """Take note that the upstream no longer knows a session id."""
        if self.id == session_id:
            self.id = self.revision = None


class Negotiation:
    """Finds the era and keeps the sessions of one upstream."""

    def __init__(
        self,
        wire: Wire,
        ids: Iterator[int],
        courtesies: Courtesies,
        *,
        max_answer_bytes: int,
        max_sessions: int,
    ) -> None:
        self._wire = wire
        self._ids = ids
        self._courtesies = courtesies
        self._max_answer_bytes = max_answer_bytes
        self._found: Era | None = None
        # How an upstream of the newer era serves callers of the older one: `server/discover` does
        # not tell.
        self._before: Era | None = None
        self._lock = asyncio.Lock()
        self._sessions = Leases[Key, Session](max_sessions, lambda _: Session(), self._farewell)
        self._shared = Session()

    async def era(self, call: Call) -> Era:
        """The era, found with the credential of this call if it is not known.

        Raises:
            UpstreamFault: there is no upstream, no common revision, or no access.
        """
        known = self.known(call)
        if known is not None:
            return known
        async with self._lock:
            if self._found is None:
                with _nothing_happened():
                    self._found = await self._find(call)
            if self.known(call) is None:
                self._before = await self._both_ways(call)
            return self.known(call) or self._found

    def known(self, call: Call) -> Era | None:
        """The era for a call, if it is known: the caller's own where the upstream speaks both."""
        before = call.listener is not None and not call.listener.modern
        return self._before if before and self._found is Era.STATELESS else self._found

    def forget(self) -> None:
        """Find the era anew at next use: another server may answer now. Sessions stay."""
        self._found = self._before = None

    @contextmanager
    def session(self, call: Call, era: Era) -> Generator[Session, None, None]:
        """The session of a call, in an era that has them.

        Raises:
            UpstreamFault: there are too many sessions, all in use.
        """
        if era is Era.SHARED:
            yield self._shared
        else:
            with self._sessions.lease(call.key) as session:
                yield session

    @contextmanager
    def joined(self, call: Call, era: Era) -> Generator[Session, None, None]:
        """A session of a call's owner, whatever is declared there: to listen to it, one will do.

        Raises:
            UpstreamFault: there are too many sessions, all in use.
        """
        if era is Era.SHARED:
            yield self._shared
        else:
            key = self._sessions.find(lambda key: key[0] == call.owner)
            with self._sessions.lease(key or call.key) as session:
                yield session

    async def open(self, call: Call, session: Session) -> None:
        """Do the handshake of a session that had none or was lost.

        Raises:
            UpstreamFault: it failed, or the upstream keeps no sessions any more.
        """
        if session.revision is not None:
            return
        async with session.opening:
            if session.revision is None:
                with _nothing_happened():
                    opened = await self._handshake(call)
                if opened.id is None:
                    self.forget()
                    detail = "it keeps sessions no more"
                    raise UpstreamFault(REJECTED, detail, may_have_happened=False)
                session.adopt(opened)

    async def tune(self, call: Call, session: Session) -> None:
        """Have the upstream log in a session what the listener of a call wants to hear, if it can.

        The level of a session only falls: calls that want less hear less (`messages.wanted`).

        Raises:
            UpstreamFault: there was no answer.
        """
        level = call.listener.log_level if call.listener is not None else None
        if session.id is None or "logging" not in session.offers:
            return
        if messages.chattier(level, session.log_level):
            head = call.head(session.headers())
            with _nothing_happened():
                await self._ask(messages.SET_LEVEL, {"level": level}, head)
            session.log_level = level

    def close(self) -> None:
        """End all sessions."""
        for session in self._sessions.drain():
            self._farewell(session)

    async def _both_ways(self, call: Call) -> Era:
        """How an upstream of both eras serves a caller of the older one. Without sessions it could
        not be told whose questions its are, so there the newer era is better for both.
        """
        with suppress(UpstreamFault, TimeoutError):
            async with asyncio.timeout(min(_PROBE_S, call.deadline.seconds / 2)):
                if await self._shaken(call) is Era.SESSIONS:
                    return Era.SESSIONS
        return Era.STATELESS

    async def _find(self, call: Call) -> Era:
        if await self._discovered(call):
            return Era.STATELESS
        return await self._shaken(call)

    async def _shaken(self, call: Call) -> Era:
        with self._sessions.lease(call.key) as session:
            if session.revision is not None:
                return Era.SESSIONS
            opened = await self._handshake(call)
            if opened.id is not None:
                session.adopt(opened)
                return Era.SESSIONS
        self._shared = opened
        return Era.SHARED

    async def _discovered(self, call: Call) -> bool:
        """Whether the upstream is surely of the newer era; all doubt leads to a handshake."""
        params = revisions.with_meta({}, modern=True)
        head = call.head(
            {"mcp-protocol-version": MODERN},
            {"mcp-method": mirror.encode("server/discover")},
        )
        try:
            async with asyncio.timeout(min(_PROBE_S, call.deadline.seconds / 2)):
                answer, _ = await self._ask("server/discover", params, head)
        except StatusFault as fault:
            if fault.status in _NO_VERDICT or 300 <= fault.status < 400:
                raise
            return False
        except UpstreamFault as fault:
            if fault.reason != MALFORMED:
                raise
            return False
        except TimeoutError:
            return False
        if answer.error is not None:
            revisions.check_common(answer.error)
        return answer.result is not None and revisions.offers_modern(answer.result)

    async def _handshake(self, call: Call) -> Session:
        """A new session, with an id if the upstream gives one."""
        params = revisions.initialize_params(revisions.able(call.listener))
        answer, session_id = await self._ask("initialize", params, call.head())
        if answer.error is not None:
            detail = f"initialize was refused with error {answer.error.code}"
            raise UpstreamFault(REJECTED, detail, may_have_happened=False)
        session = Session()
        session.revision = revisions.agreed(answer.result or {})
        session.offers = revisions.offered(answer.result or {})
        if session_id:
            if not _SESSION_ID.fullmatch(session_id):
                raise UpstreamFault(MALFORMED, "an unusable session id", may_have_happened=False)
            session.id = session_id
        head = call.head(session.headers())
        message = messages.notification(messages.INITIALIZED, {})
        async with self._wire.post(head.of("POST", message), message) as exchange:
            if not 200 <= exchange.status < 300:
                raise StatusFault(exchange.status, may_have_happened=False)
            await exchange.body()
        return session

    async def _ask(self, method: str, params: JSON, head: Head) -> tuple[Answer, str]:
        """The answer to a request of our own, and the session id that came with it."""
        request_id = next(self._ids)
        conversation = Conversation(request_id, max_bytes=self._max_answer_bytes)
        body = messages.request(request_id, method, params)
        async with self._wire.post(head.of("POST", body), body) as exchange:
            answer = await conversation.hear(exchange)
            return answer, exchange.header("mcp-session-id")

    def _farewell(self, session: Session) -> None:
        """End a session at the upstream, without a credential: none is kept for it."""
        if session.id is not None:
            self._courtesies.add(self._leave(session.headers()))

    async def _leave(self, headers: dict[str, str]) -> None:
        async with self._wire.delete(headers) as exchange:
            await exchange.body()


@contextmanager
def _nothing_happened() -> Generator[None, None, None]:
    """Correct what faults say: the call itself has not left."""
    try:
        yield
    except UpstreamFault as fault:
        fault.may_have_happened = False
        raise
