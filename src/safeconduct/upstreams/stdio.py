"""An upstream that is a child process: one for each tenant, started when it is needed.

A child of the older era learns at its start what it may ask, and could not say later whom. So who
can be asked something gets a child of its own there; half of the places are for these. Where all
of them are taken it is served as one that cannot be asked: calls that wait for a reply keep nobody
else out.

A process that ends is started again at the next request, at once the first time and then after
growing pauses, until it has answered something. A start goes on when the request that caused it
gives up, so that a slow start is paid for once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, Begun, Credential, Heard, Listener, UpstreamFault, Wanted
from safeconduct.upstreams import revisions
from safeconduct.upstreams.child import Child
from safeconduct.upstreams.deadline import Deadline
from safeconduct.upstreams.leases import Leases
from safeconduct.upstreams.messages import Answer
from safeconduct.upstreams.outbound import Key
from safeconduct.upstreams.peer import Peer
from safeconduct.upstreams.waiting import Waiting
from safeconduct.upstreams.wire import REJECTED, UNREACHABLE

_START_S: Final = 30.0
_PAUSE_S: Final = 0.5
_MAX_PAUSE_S: Final = 30.0

_log: Final = logging.getLogger(__name__)


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to start: the command, what is added to its environment, and where it runs."""

    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None


class Seat:
    """The place of a tenant, or of an owner who can be asked something: its process, if it runs,
    and when the next may be started.
    """

    def __init__(self, able: frozenset[Capability]) -> None:
        self.able = able
        self.peer: Peer | None = None
        self.starting: asyncio.Task[Peer] | None = None
        self.failures = 0
        self.not_before = 0.0

    def failed(self) -> None:
        """Take note of an end or a failed start: the first costs no pause."""
        self.peer = None
        self.failures += 1
        if self.failures > 1:
            pause = min(_PAUSE_S * 2 ** min(self.failures - 2, 10), _MAX_PAUSE_S)
            self.not_before = asyncio.get_running_loop().time() + pause


class StdioUpstream:
    """See `safeconduct.ports.Upstream`."""

    def __init__(
        self,
        upstream_id: str,
        program: Program,
        *,
        max_answer_bytes: int,
        max_in_flight: int,
        max_processes: int,
    ) -> None:
        self.id = upstream_id
        self._program = program
        self._max_answer_bytes = max_answer_bytes
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        own = max_processes // 2
        self._shared = Leases[str, Seat](
            max_processes - own, lambda _: Seat(revisions.NOBODY), self._vacate
        )
        self._own = Leases[Key, Seat](own, lambda key: Seat(key[1]), self._vacate)
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

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
        self._check(credential)
        if self._in_flight >= self._max_in_flight:
            raise UpstreamFault("upstream-busy", "too many in flight", may_have_happened=False)
        self._in_flight += 1
        waiting = Waiting(listener)
        deadline = Deadline(timeout_s)
        try:
            with deadline:
                answer = await self._serve(method, params, owner, waiting, deadline)
        except TimeoutError:
            if not deadline.expired:
                raise
            detail = f"no answer within {timeout_s:g} s"
            raise UpstreamFault(
                "upstream-timeout", detail, may_have_happened=waiting.sent
            ) from None
        finally:
            self._in_flight -= 1
        return revisions.result_of(answer.result, answer.error)

    async def listen(
        self,
        wanted: Wanted,
        *,
        owner: str,
        credential: Credential | None,
        heard: Heard,
        begun: Begun = lambda _: None,
    ) -> None:
        self._check(credential)
        key = self._own.find(lambda key: key[0] == owner)
        with self._shared.lease(_tenant(owner)) if key is None else self._own.lease(key) as seat:
            peer = await self._peer(seat)
            await peer.hearers.listen(wanted, heard, begun)

    async def close(self) -> None:
        self._closed = True
        for seat in self._shared.drain() + self._own.drain():
            self._vacate(seat)
        while self._ending:
            await asyncio.wait(self._ending)

    def _check(self, credential: Credential | None) -> None:
        if self._closed:
            raise UpstreamFault(UNREACHABLE, "closed", may_have_happened=False)
        if credential is not None and (credential.headers or credential.bound):
            # To call without it would look as if it had been used.
            detail = "a process takes no credential with a call"
            raise UpstreamFault(REJECTED, detail, may_have_happened=False)

    async def _serve(
        self, method: str, params: JSON, owner: str, waiting: Waiting, deadline: Deadline
    ) -> Answer:
        able = revisions.able(waiting.listener)
        with self._shared.lease(_tenant(owner)) as seat:
            peer = await self._peer(seat)
            if peer.modern or not able or not self._own.has((owner, able)):
                answer = await peer.request(method, params, waiting, deadline)
                seat.failures = 0
                return answer
        with self._own.lease((owner, able)) as seat:
            peer = await self._peer(seat)
            answer = await peer.request(method, params, waiting, deadline)
            seat.failures = 0
            return answer

    async def _peer(self, seat: Seat) -> Peer:
        if seat.peer is not None:
            return seat.peer
        if seat.starting is None:
            if asyncio.get_running_loop().time() < seat.not_before:
                detail = "the process ended too often; waiting before the next start"
                raise UpstreamFault(UNREACHABLE, detail, may_have_happened=False)
            seat.starting = asyncio.create_task(self._start(seat))
            seat.starting.add_done_callback(_retrieve)
        return await asyncio.shield(seat.starting)

    async def _start(self, seat: Seat) -> Peer:
        try:
            async with asyncio.timeout(_START_S):
                peer = await self._started(seat, probe=True)
        except UpstreamFault:
            seat.failed()
            raise
        except TimeoutError:
            seat.failed()
            detail = "the process did not come up in time"
            raise UpstreamFault(UNREACHABLE, detail, may_have_happened=False) from None
        finally:
            seat.starting = None
        seat.peer = peer
        if peer.fault is not None:  # it ended just now
            self._ended(seat, peer)
        return peer

    async def _started(self, seat: Seat, *, probe: bool) -> Peer:
        """A process with which an era was agreed.

        Raises:
            UpstreamFault: it does not start, or does not agree.
        """
        try:
            child = await Child.start(
                self._program.command,
                env=self._program.env,
                cwd=self._program.cwd,
                max_line_bytes=self._max_answer_bytes,
            )
        except (OSError, ValueError) as error:
            detail = f"cannot start the process: {type(error).__name__}"
            raise UpstreamFault(UNREACHABLE, detail, may_have_happened=False) from None
        peer = Peer(child, self._max_answer_bytes, lambda peer: self._ended(seat, peer), seat.able)
        try:
            await peer.negotiate(probe=probe)
        except UpstreamFault as fault:
            await self._bury(peer)
            if probe and fault.reason == UNREACHABLE:
                # Some servers of the older era end at anything before `initialize`.
                return await self._started(seat, probe=False)
            fault.may_have_happened = False  # no call has left
            raise
        except BaseException:
            await self._bury(peer)
            raise
        return peer

    def _ended(self, seat: Seat, peer: Peer) -> None:
        if seat.peer is peer:
            seat.failed()
            self._later(self._bury(peer))

    def _vacate(self, seat: Seat) -> None:
        if seat.starting is not None:
            seat.starting.cancel()
            self._later(_settled(seat.starting))
        if seat.peer is not None:
            self._later(seat.peer.stop())
            seat.peer = None

    async def _bury(self, peer: Peer) -> None:
        """Clean up after a process that failed, and let the operator know its last words."""
        fault = peer.fault
        await peer.stop()
        why = fault.detail if fault is not None else "no agreement on a revision"
        last = " | ".join(peer.child.tail())
        _log.warning("upstream %s: %s, status %s: %s", self.id, why, peer.child.status, last)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _tenant(owner: str) -> str:
    return owner.partition("|")[0]


async def _settled(task: asyncio.Task[Peer]) -> None:
    await asyncio.wait([task])


def _retrieve(task: asyncio.Task[Peer]) -> None:
    """See the exception of a start that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
