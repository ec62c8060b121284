"""What the operator can ask of a running gateway, and tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from safeconduct.app.answering import approvals
from safeconduct.app.noting import allowed
from safeconduct.app.releasing import NotReleased, release, waiting
from safeconduct.app.reloading import Reloading
from safeconduct.app.resuming import NotResumed, resume
from safeconduct.app.stopping import NotStopped, stop
from safeconduct.approvals.links import ENROL_PATH, TICKET_MS, VISIT_PATH, Links
from safeconduct.approvals.notifying.notifier import Notifier
from safeconduct.audit.damage import Damaged
from safeconduct.audit.reads import noted
from safeconduct.audit.retention.erasing import HELD, NobodyToForget, forget
from safeconduct.audit.retention.holding import resolved
from safeconduct.audit.retention.pruning import Plan, require
from safeconduct.core.record import label_value
from safeconduct.entrypoints.consent import TICKET_PATH
from safeconduct.entrypoints.operator import Handler, OperatorError
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.ports import JSON, LedgerConflict, NoConsent
from safeconduct.rooms import Rooms
from safeconduct.secrets.consents import TICKET_MS as CONSENT_MS


class Operating:
    """The verbs of the operator socket; OperatorError says what is wrong with a request."""

    def __init__(
        self,
        rooms: Rooms,
        refusals: Refusals,
        policy: Reloading,
        notifiers: Mapping[str, Notifier],
    ) -> None:
        self._rooms = rooms
        self._refusals = refusals
        self._policy = policy
        self._notifiers = notifiers

    def handlers(self) -> dict[str, Handler]:
        """What answers each verb."""
        return {
            **approvals(self._rooms),
            "revoke": self._revoke,
            "release": self._release,
            "withheld": self._withheld,
            "resume": self._resume,
            "consent": self._consented,
            "enrol": self._enrolled,
            "visit": self._visit,
            "task": self._task,
            "status": self._status,
            "refused": self._refused,
            "reload": self._reload,
            "tools": self._tools,
            "note": self._note,
            "erase": self._erase,
            "holds": self._holds,
        }

    async def _revoke(self, request: Mapping[str, object], who: str) -> JSON:
        what, identifier = request.get("what"), request.get("id")
        try:
            await stop(self._rooms, what, identifier, who, request.get("why", ""))
        except NotStopped as wrong:
            raise OperatorError(str(wrong)) from None
        return {"revoked": {"what": what, "id": identifier}}

    async def _release(self, request: Mapping[str, object], who: str) -> JSON:
        try:
            return await release(self._rooms, request, who)
        except NotReleased as refused:
            raise OperatorError(str(refused)) from None

    async def _withheld(self, request: Mapping[str, object], who: str) -> JSON:
        del request, who
        return {"withheld": waiting(self._rooms)}

    async def _resume(self, request: Mapping[str, object], who: str) -> JSON:
        try:
            return await resume(self._rooms, request, who)
        except NotResumed as refused:
            raise OperatorError(str(refused)) from None

    async def _consented(self, request: Mapping[str, object], who: str) -> JSON:
        upstream, user = str(request.get("upstream")), str(request.get("user"))
        tickets = self._rooms.broker.tickets
        if user not in self._rooms.config.users:
            raise OperatorError("no such user is entitled to anything")
        try:
            if request.get("withdraw") is True:
                there = await tickets.withdraw(upstream, user, who)
                return {"withdrawn": there}
            name = tickets.make(upstream, user)
        except NoConsent as refused:
            raise OperatorError(str(refused)) from None
        url = self._rooms.config.root.gateway.issuer + TICKET_PATH + name
        return {"url": url, "ends_in_s": CONSENT_MS // 1000}

    async def _enrolled(self, request: Mapping[str, object], who: str) -> JSON:
        root, user = self._rooms.config.root, str(request.get("user"))
        if root.console is None or not root.approvals.unsafe_enrolment:
            raise OperatorError(
                "people register passkeys at the console after they signed in; without a sign-in "
                "set approvals.unsafe_enrolment"
            )
        return self._link(root.console.url, ENROL_PATH, self._rooms.enrolments, user, who)

    async def _visit(self, request: Mapping[str, object], who: str) -> JSON:
        console, user = self._rooms.config.root.console, str(request.get("user"))
        if console is None or not console.unsafe_visits:
            raise OperatorError(
                "people sign in at the console; to look around at a gateway for development set "
                "console.unsafe_visits"
            )
        return self._link(console.url, VISIT_PATH, self._rooms.visits, user, who)

    def _link(self, url: str, path: str, links: Links, user: str, who: str) -> JSON:
        if user not in self._rooms.config.users:
            raise OperatorError("no such user is entitled to anything")
        return {
            "url": url.rstrip("/") + path + links.make(user, who),
            "ends_in_s": TICKET_MS // 1000,
        }

    async def _task(self, request: Mapping[str, object], who: str) -> JSON:
        del who
        facts = self._rooms.state.task(str(request.get("task")))
        if facts is None:
            raise OperatorError("no such task")
        agent, user = self._rooms.state.parties(facts.id)
        return {
            "task": facts.id,
            "state": facts.state,
            "agent": agent.id,
            "user": user.id,
            "profile": facts.profile,
            "purpose": facts.purpose,
            "purpose_source": facts.purpose_source,
            "scopes": sorted(facts.scopes),
            "labels": label_value(facts.labels),
            "counts": facts.counts,
            "budgets": facts.budgets,
            "objects": {
                scope: [{"most": one.most, "touched": len(one.touched)} for one in reaches]
                for scope, reaches in facts.reaches.items()
            },
            "refusals": facts.refusals,
            "max_refusals": facts.max_refusals,
            "started_ms": facts.started_ms,
            "expires_ms": facts.expires_ms,
        }

    async def _refused(self, request: Mapping[str, object], who: str) -> JSON:
        del request, who
        return {"refused": [msgspec.to_builtins(one) for one in self._refusals.last()]}

    async def _reload(self, request: Mapping[str, object], who: str) -> JSON:
        del request
        try:
            changed = await self._policy.reload(who)
        except (PolicyRefused, OSError) as refused:
            raise OperatorError(f"{refused}; the policy stays as it is") from None
        return {"changed": changed, **self._policy.shown()}

    async def _tools(self, request: Mapping[str, object], who: str) -> JSON:
        del request, who
        return {
            "tools": [
                {
                    "upstream": where,
                    "definition": offer.definition,
                    **self._accepted(where, name),
                }
                for (subject, where, name), offer in self._rooms.offers.known.items()
                if subject == "tool"
            ]
        }

    def _accepted(self, where: str, name: str) -> JSON:
        """Who accepted the definition that counts, where an operator did."""
        one = self._rooms.catalogue.accepted(where, name)
        return {} if one is None else {"accepted": msgspec.to_builtins(one)}

    async def _note(self, request: Mapping[str, object], who: str) -> JSON:
        try:
            record = noted(request.get("record"), self._rooms.clock_ms(), who)
        except ValueError as error:
            raise OperatorError(f"this is no note: {error}") from None
        try:
            if record["kind"] == "retention":
                require(record, await asyncio.to_thread(self._allowed))
            return {"n": await self._rooms.log.append(resolved(record, self._rooms.keys))}
        except LedgerConflict as conflict:
            raise OperatorError(f"what is on record says otherwise: {conflict.reason}") from None
        except (ValueError, Damaged, OSError) as error:
            raise OperatorError(str(error)) from None

    def _allowed(self) -> Plan:
        rooms = self._rooms
        return allowed(rooms.config, rooms.keys, rooms.state, rooms.clock_ms())

    async def _holds(self, request: Mapping[str, object], who: str) -> JSON:
        del request, who
        return {"held": self._rooms.state.held(), "holds": self._rooms.state.holds()}

    async def _erase(self, request: Mapping[str, object], who: str) -> JSON:
        rooms, user = self._rooms, str(request.get("user"))
        tenant = rooms.config.root.gateway.tenant
        try:
            gone = await forget(
                rooms.log, rooms.keys, tenant=tenant, user=user, by=who, at_ms=rooms.clock_ms()
            )
        except NobodyToForget:
            raise OperatorError("the log has no record of a user of that id") from None
        except LedgerConflict:
            raise OperatorError(HELD) from None
        rooms.prints.forget(rooms.state.forgotten)
        rooms.facts.origins.granting.forget(rooms.state.forgotten)
        return {"pseudonym": gone.pseudonym, "kids": list(gone.kids)}

    async def _status(self, request: Mapping[str, object], who: str) -> JSON:
        del request, who
        rooms = self._rooms
        return {
            "issuer": rooms.config.root.gateway.issuer,
            "records": rooms.log.size,
            "root": rooms.log.root.hex(),
            "policy": self._policy.shown(),
            "unsafe": [*rooms.config.unsafe, *rooms.policy.unsafe],
            "unreachable": rooms.offers.unreachable,
            "bypasses": [
                {"bypass": one.id, "templates": sorted(one.templates), "until_ms": one.until_ms}
                for one in rooms.state.bypasses()
                if rooms.clock_ms() < one.until_ms
            ],
            "notifiers": {
                name: msgspec.to_builtins(one.counts) for name, one in self._notifiers.items()
            },
            "open_calls": [decision for decision, _ in rooms.state.open_calls()],
            "pins": [
                {
                    "upstream": where,
                    "tool": name,
                    "state": state,
                    "pin": pin,
                    "found": rooms.catalogue.found(where, name),
                    **self._accepted(where, name),
                }
                for where, name, state, pin in rooms.catalogue.pins()
            ],
        }
