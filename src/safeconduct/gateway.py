"""The page: one call's way, in eleven steps (the policy enforcement point of NIST SP 800-207).

 1 gather    token, agent, user, task state, manifest and pin, zone: cheap, local, authoritative
 2 screen    pure: delegation, tool, zone, budget
 3 enrich    resolvers, inspectors, policy engine, provenance, approvals: bounded in time
 4 decide    pure: any Deny beats all, else the Elevates merge into one, else Permit; what is not
             refused is shown to others (DLP, reviewer) and decided again with what they say
 5 record    decision durable and what it consumes reserved, in one step
 6 answer    a Deny or Elevate ends here
 7 credential fetched for this one call, revocation re-checked; the agent never sees it
 8 upstream
 9 admit     inspect what came back, then pure: label, redact, spotlight, or withhold
10 remember  labels and provenance durable before the agent sees anything
11 outcome   durable before delivery, also when 7 to 10 failed
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, assert_never
from weakref import WeakValueDictionary

import msgspec

from safeconduct.core.admit import Admitted, Withheld, admit
from safeconduct.core.asks import Capability, pages_first, required
from safeconduct.core.decide import decide
from safeconduct.core.findings import Unexamined
from safeconduct.core.model import Call, Facts, Finding, Gathered
from safeconduct.core.obligations import Setting
from safeconduct.core.provenance import Reading
from safeconduct.core.screen import screen
from safeconduct.core.sightings import Sightings, sightings
from safeconduct.core.subjects import upstream_params
from safeconduct.core.trace import Trace, onward
from safeconduct.core.verdict import Deny, Elevate, Permit
from safeconduct.facts import FactFinder
from safeconduct.hearing import Hearing, Waiting
from safeconduct.ports import (
    JSON,
    Answer,
    Bearer,
    Broker,
    Caller,
    Credential,
    CredentialUnavailable,
    Delivered,
    Errand,
    LedgerConflict,
    Listener,
    NotRecorded,
    Refused,
    Resumed,
    Upstream,
    UpstreamError,
    UpstreamFault,
)
from safeconduct.recorder import Made, Recorder
from safeconduct.resolvers import owner_of

_log = logging.getLogger(__name__)

Gather = Callable[[tuple[Setting, ...]], tuple[Call, Gathered]]
"""Step 1 of one call, to be taken anew for every attempt, with what the policy sets in it."""

Judged = tuple[Admitted | Withheld, Sightings | None]
"""What became of a result in step 9, and what it says where it may be delivered."""

MISSING_CAPABILITY: Final = -32021
PAGES_FIRST: Final = -32042

ATTEMPTS: Final = 7
"""How often a call is decided anew because the task's state moved on meanwhile."""


class Gateway:
    """The page. Every room it needs is given to it; it knows none of them by name."""

    def __init__(
        self,
        facts: FactFinder,
        *,
        recorder: Recorder,
        broker: Broker,
        upstreams: Mapping[str, Upstream],
        timeouts_s: Mapping[str, float],
        step: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.facts = facts
        self._recorder = recorder
        self._broker = broker
        self._upstreams = upstreams
        self._timeouts_s = timeouts_s
        self._step = step
        self._waiting = Waiting()
        # A lock lives as long as somebody holds it or waits for it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def call(
        self,
        who: Caller | Bearer,
        method: str,
        upstream: str | None,
        name: str,
        params: JSON,
        listener: Listener | None = None,
        resumed: Resumed | None = None,
        trace: Trace | None = None,
    ) -> Answer:
        """Takes one call through all eleven steps.

        `name` is the name on the wire, `upstream` the endpoint's own upstream, if it has one; `who`
        may have been authenticated before. `trace` is what the caller claims to be part of.

        Raises:
            Unauthenticated: the caller holds no valid task token; no decision is recorded.
            NotRecorded: the log is not available; nothing was delivered.
        """
        bearer = self.facts.bearer(who)
        able: frozenset[Capability] = frozenset() if listener is None else listener.able
        gather = partial(
            self.facts.gather,
            bearer,
            method,
            upstream,
            name,
            params,
            client=able,
            resumed=resumed,
            trace=trace,
        )
        made = await self.judged(bearer, gather)
        # 6 answer: a Deny or Elevate ends here.
        self._step(6)
        match made.decision.verdict:
            case Deny(code, argument):
                scopes = needed(made.gathered) if code == "scope-missing" else ()
                return Refused(
                    decision=made.id,
                    code=code,
                    argument=argument,
                    scopes=scopes,
                    replied=self._recorder.replied(made),
                )
            case Elevate():
                return Refused(decision=made.id, code="approval-required", approval=made.approval)
            case Permit() as permit:
                return await self._enact(bearer, made, permit, listener)
            case _:
                assert_never(made.decision.verdict)

    async def judged(self, bearer: Bearer, gather: Gather) -> Made:
        """Steps 1 to 5, again where the task's state moved on meanwhile.

        The first attempt is optimistic. After a conflict the calls of a task queue up, so that each
        conflict is with somebody who got through.
        """
        made = await self._decide(gather)
        if made is None:
            async with self._turns.setdefault(bearer.task, asyncio.Lock()):
                for _ in range(ATTEMPTS):
                    made = made or await self._decide(gather)
        if made is None:
            made = await self._recorder.refused(*gather(()), "busy")
        return made

    async def _decide(self, gather: Gather, sets: tuple[Setting, ...] = ()) -> Made | None:
        """Steps 1 to 5, once. None: the task's state moved on, decide again."""
        self._step(1)
        call, gathered = gather(sets)
        self._step(2)
        decision = screen(call, gathered)
        facts: Facts | None = None
        if decision is None:
            self._step(3)
            facts = await self.facts.enrich(call, gathered)
            self._step(4)
            decision = decide(call, facts)
            for ask in self.facts.others(call, facts):
                # What is refused anyway is shown to nobody else.
                if isinstance(decision.verdict, Deny):
                    break
                facts = await ask(call, facts)
                decision = decide(call, facts)
            if decision.sets:
                # A rule permits it with arguments of the policy's own: back to 1 with them, once.
                return await self._decide(gather, decision.sets)
        self._step(5)
        return await self._recorder.decided(call, gathered, facts, decision)

    async def _enact(  # noqa: C901  the steps, in their order
        self, bearer: Bearer, made: Made, permit: Permit, listener: Listener | None
    ) -> Answer:
        """Steps 7 to 11. Whatever happens, an outcome is recorded."""
        call, gathered = made.call, made.gathered
        sent = settled = False
        try:
            # 7 credential: fetched for this one call, revocation re-checked.
            self._step(7)
            if self.facts.revoked(bearer):
                return await self._ended(made, "task-revoked")
            admitted: Admitted | Withheld | None
            admitted = self.facts.quarantine.given(call, gathered, permit.grant)
            seen: Sightings | None = None
            if admitted is None:
                credential = await self._broker.credential(Errand.of(call, gathered))
                # 8 upstream
                self._step(8)
                if (stop := self._stop(bearer, permit, credential)) is not None:
                    return await self._ended(made, stop)
                sent = True
                hearing = self._hearing(bearer, made, listener)
                result = await self._request(made, credential, hearing)
                # 9 admit: inspect what came back, then pure.
                self._step(9)
                admitted, seen = await self._admit(made, permit, result)
            if isinstance(admitted, Withheld):
                return await self._withheld(made, admitted)
            # 10 remember and 11 outcome: both durable before delivery, in one flush.
            self._step(10)
            known = self.facts.remembers(gathered, admitted)
            seen = seen or sightings(admitted.read)
            self.facts.origins.see(call, gathered, permit.grant, admitted, made.id, seen)
            self.facts.origins.granting.keep(gathered.task.id, made.id, admitted)
            self._step(11)
            settled = True
            await self._recorder.done(made, admitted, known=known)
        except UpstreamFault as fault:
            happened = fault.may_have_happened
            refused = await self._ended(made, fault.reason, _fate(happened), happened=happened)
            return msgspec.structs.replace(refused, needs=fault.needs) if fault.needs else refused
        except CredentialUnavailable:
            return await self._ended(made, "credential-unavailable")
        except NotRecorded:
            raise
        except Exception:  # noqa: BLE001  whatever it is, an outcome must be on record
            # A fault of ours: nobody knows what happened, and the record says so.
            _log.exception("decision %s ended in a fault", made.id)
            return await self._ended(made, "internal-fault", _fate(sent), happened=sent)
        except asyncio.CancelledError:
            if not settled:
                # Where another outcome was on its way to the log, that one stands.
                with suppress(LedgerConflict):
                    ended = self._ended(made, "cancelled", "cancelled", happened=sent)
                    await asyncio.shield(ended)
            raise
        return self._delivered(bearer, made, admitted)

    def _stop(self, bearer: Bearer, permit: Permit, credential: Credential | None) -> str | None:
        """Why a call does not leave after all: a credential takes time."""
        if credential is not None and self.facts.revoked(bearer):
            return "task-revoked"
        return "token-expired" if self.facts.clock_ms() >= permit.grant.expires_ms else None

    def _delivered(self, bearer: Bearer, made: Made, admitted: Admitted) -> Answer:
        """What the agent gets: nothing when its task was revoked meanwhile."""
        if self.facts.revoked(bearer):
            return Refused(decision=made.id, code="task-revoked", may_have_happened=True)
        return Delivered(decision=made.id, result=admitted.result)

    async def _ended(
        self,
        made: Made,
        reason: str,
        status: str = "refused",
        *,
        happened: bool = False,
        unread: Unexamined | None = None,
    ) -> Refused:
        self._step(11)
        return await self._recorder.ended(made, reason, status, happened=happened, unread=unread)

    async def _withheld(self, made: Made, withheld: Withheld) -> Refused:
        """Step 11 of a call whose result is not delivered. What a person may release is sealed with
        the outcome.
        """
        if (kept := withheld.kept) is None:
            # What makes no sense does not say either whether the call took effect.
            status = "unknown" if withheld.code == "upstream-malformed" else "withheld"
            return await self._ended(
                made, withheld.code, status, happened=True, unread=withheld.unread
            )
        self._step(11)
        return await self._recorder.quarantined(made, kept, withheld.code)

    async def _request(
        self, made: Made, credential: Credential | None, hearing: Hearing | None
    ) -> JSON:
        """Step 8. A tool's error is a result like any other. Raises UpstreamFault."""
        call = made.call
        params = {**upstream_params(call), "_meta": onward(made.id, made.gathered)}
        try:
            return await self._upstreams[call.upstream].request(
                call.method,
                params,
                owner=owner_of(made.gathered),
                credential=credential,
                timeout_s=self._timeouts_s[call.upstream],
                listener=hearing,
            )
        except UpstreamError as error:
            if error.code == MISSING_CAPABILITY:
                raise UpstreamFault(
                    "client-unable",
                    "JSON-RPC error -32021",
                    may_have_happened=False,
                    needs=required(error.data),
                ) from error
            if error.code == PAGES_FIRST:
                return pages_first(error.data)
            if call.method == "tools/call":
                return error_result(error)
            fault = f"JSON-RPC error {error.code}"
            raise UpstreamFault("upstream-rejected", fault, may_have_happened=False) from error

    async def _admit(self, made: Made, permit: Permit, result: JSON) -> Judged:
        """Step 9. A result that cannot be inspected is withheld."""
        call, gathered = made.call, made.gathered
        try:
            inspecting = self.facts.inspecting
            findings = await inspecting.came(result, call, gathered)
            reading = self.facts.origins.reading(call, gathered, permit.grant)
            judge = partial(self._judged, made, permit, result, findings, reading)
            return await inspecting.apart(result, gathered.agent.id, judge)
        except Unexamined as unread:
            return Withheld("result-unread", unread=unread), None
        except Exception:  # noqa: BLE001  a dead inspector must withhold, not pass
            return Withheld("result-withheld"), None

    def _judged(
        self,
        made: Made,
        permit: Permit,
        result: JSON,
        findings: Sequence[Finding],
        reading: Reading,
    ) -> Judged:
        """Step 9 but for the inspection. From any thread: it changes nothing, and of the state it
        reads what is committed.
        """
        call, gathered = made.call, made.gathered
        admitted = admit(
            call,
            gathered.tool,
            permit.obligations,
            result,
            findings,
            reading,
            self.facts.sealing(gathered),
            self.facts.marking(made.id),
        )
        if isinstance(admitted, Admitted):
            admitted = self.facts.origins.returned(call, gathered, admitted)
            return admitted, sightings(admitted.read)
        if admitted.kept is not None:
            kept = self.facts.origins.returned(call, gathered, admitted.kept)
            admitted = Withheld(admitted.code, kept)
        return admitted, None

    def _hearing(self, bearer: Bearer, made: Made, listener: Listener | None) -> Hearing | None:
        """What the upstream says besides its answer reaches the caller through step 9, and what the
        caller replies reaches the upstream through steps 1 to 5. None: the caller does not listen.
        """
        if listener is None:
            return None

        def judge(method: str, asked: JSON, reply: JSON) -> Awaitable[Made]:
            trace = made.gathered.trace
            replied = partial(self.facts.replied, bearer, made.call, method, asked, reply, trace)
            # A reply is not constrained: it belongs to a call that was.
            return self.judged(bearer, lambda _: replied())

        over = partial(self.over, bearer)
        return Hearing(self.facts, self._recorder, made, listener, judge, over, self._waiting)

    async def authenticate(self, caller: Caller) -> Bearer:
        """Whose task token this is. Raises Unauthenticated."""
        return self.facts.bearer(caller)

    def mirrored(
        self, bearer: Bearer, method: str, upstream: str | None, name: str
    ) -> Mapping[tuple[str, ...], str]:
        """Which arguments must stand in header fields too: of a tool that this task may see, as of
        any other nothing is told.
        """
        catalogue = self.facts.catalogue
        located = catalogue.locate(method, name, upstream) if method == "tools/call" else None
        if located is None or not (wanted := catalogue.mirrored(*located)):
            return {}
        call, gathered = self.facts.gather(bearer, method, upstream, name, {})
        return wanted if listable(call, gathered) else {}

    def over(self, bearer: Bearer) -> bool:
        """Whether the time of a token is up, or something that it hangs on was revoked."""
        return self.facts.clock_ms() >= bearer.expires_ms or self.facts.revoked(bearer)

    async def visible(self, who: Caller | Bearer, method: str, upstream: str | None) -> list[JSON]:
        """Definitions of what this task could call: by token, zone and pins, never by labels.

        Raises Unauthenticated.
        """
        bearer = self.facts.bearer(who)
        return [
            definition
            for definition, call, gathered in self.facts.listed(bearer, method, upstream)
            if listable(call, gathered)
        ]

    def hides(self, bearer: Bearer, method: str, upstream: str) -> bool:
        """Whether this task does not see all that an upstream offers."""
        listed = self.facts.listed(bearer, method, upstream)
        return not all(listable(call, gathered) for _, call, gathered in listed)


def _fate(sent: bool) -> str:  # noqa: FBT001  a fact, not a switch
    """What is known of a call that ended in a fault: nothing, once it may have been made."""
    return "unknown" if sent else "refused"


def listable(call: Call, gathered: Gathered) -> bool:
    """Whether a definition is shown: the checks of token, pins and zone have nothing against it."""
    decision = screen(call, gathered)
    return decision is None or all(
        answer.said is None for answer in decision.answers if answer.check != "budget"
    )


def needed(gathered: Gathered) -> tuple[str, ...]:
    """All scopes that the tool needs, for one challenge (RFC 6750, MCP authorization)."""
    manifest = gathered.tool.manifest
    return () if manifest is None else manifest.scopes


def error_result(error: UpstreamError) -> JSON:
    """An upstream's error as a tool result: its text passes step 9 like any other."""
    return {"content": [{"type": "text", "text": error.message}], "isError": True}
