"""Steps 1 and 3: asks the rooms and builds frozen facts. Decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Final

import msgspec
import orjson

from safeconduct.config.approvals import templates
from safeconduct.config.schema import Config
from safeconduct.copies import Copies
from safeconduct.core.admit import Admitted
from safeconduct.core.amounts import amount_changes
from safeconduct.core.asks import Capability
from safeconduct.core.calls import COMPLETE
from safeconduct.core.canonical import NotCanonical, exact, sha256
from safeconduct.core.checks.content import INSPECTOR, unfit
from safeconduct.core.checks.sink import RESOLVER
from safeconduct.core.findings import without_own
from safeconduct.core.labels import WORST, Confidentiality
from safeconduct.core.model import Call, Facts, Gathered, ToolFacts, ZoneFacts
from safeconduct.core.obligations import Setting, completed
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.policy_input import policy_input
from safeconduct.core.provenance import VOUCHES, Vouched
from safeconduct.core.subjects import (
    arguments_of,
    completing,
    given,
    subject_method,
    target_of,
    with_replies,
)
from safeconduct.core.tokens import Seal, revealed
from safeconduct.core.trace import Trace
from safeconduct.inspecting import Inspecting
from safeconduct.origins import Origins
from safeconduct.ports import (
    JSON,
    Bearer,
    Broker,
    Caller,
    Catalogue,
    Identity,
    PolicyEngine,
    Resumed,
    TaskState,
    Unauthenticated,
    Unsealer,
    Upstream,
)
from safeconduct.quarantine import Quarantine
from safeconduct.resolvers import FactsUnavailable, Resolved, Resolvers
from safeconduct.reviewing import Reviewing
from safeconduct.tokens import Tokens

Other = Callable[[Call, Facts], Awaitable[Facts]]
"""Asks somebody else about a call, and gives the facts with what they say."""

_log = logging.getLogger(__name__)


class FactFinder:
    """Gathers what is known about a call (step 1) and what has to be fetched (step 3)."""

    def __init__(  # noqa: PLR0913  each of them is a room
        self,
        config: Config,
        *,
        identity: Identity,
        state: TaskState,
        copies: Copies,
        catalogue: Catalogue,
        policy: PolicyEngine,
        inspecting: Inspecting,
        reviewing: Reviewing,
        tokens: Tokens,
        unsealer: Unsealer,
        upstreams: Mapping[str, Upstream],
        broker: Broker,
        clock_ms: Callable[[], int],
    ) -> None:
        self.catalogue = catalogue
        self.clock_ms = clock_ms
        self._tenant = config.root.gateway.tenant
        self._zones = zones(config)
        self._configured_unsafe = config.unsafe
        self._templates = templates(config.root.approvals)
        self._registered = frozenset(config.agents) & frozenset(config.root.assignments)
        self._identity = identity
        self._state = state
        self.origins = Origins(state)
        self._copies = copies
        self._policy = policy
        self._unsafe: tuple[str, ...] = ()
        self.use(policy)
        self.inspecting = inspecting
        self.reviewing = reviewing
        self._tokens = tokens
        self.quarantine = Quarantine(state, unsealer)
        self._resolvers = Resolvers(catalogue, upstreams, broker)

    def use(self, policy: PolicyEngine) -> None:
        """Judge by this policy from the next call on; a call that is being judged is not mixed."""
        self._policy = policy
        self._unsafe = tuple(dict.fromkeys(self._configured_unsafe + policy.unsafe))

    def bearer(self, who: Caller | Bearer) -> Bearer:
        """Whose task token this is; a proof is spent, so it is looked at once.

        Raises Unauthenticated.
        """
        return who if isinstance(who, Bearer) else self._identity.verify(who, self.clock_ms())

    def gather(
        self,
        bearer: Bearer,
        method: str,
        upstream: str | None,
        wire_name: str,
        params: JSON,
        sets: tuple[Setting, ...] = (),
        *,
        client: frozenset[Capability] = frozenset(),
        resumed: Resumed | None = None,
        trace: Trace | None = None,
    ) -> tuple[Call, Gathered]:
        """Step 1. `client` is what the caller can be asked while the call runs, `sets` what the
        policy puts into arguments that lack it.

        Raises Unauthenticated when the token's task is not known here.
        """
        about = subject_method(method, params)
        located = self.catalogue.locate(about, wire_name, upstream)
        if located is None:
            # What nobody offers is one thing, whatever it was called: the text is the caller's. It
            # costs what a tool outside the delegation costs, so that time tells them not apart.
            unknown = self._call(bearer, method, "", "unknown", given(params), None, about)
            return unknown, self._gathered(bearer, NO_TOOL, None, trace)
        where, name = located
        tool = self.catalogue.facts(about, where, name)
        if method == COMPLETE:
            tool, arguments = completing(tool, name, params)
        else:
            arguments = completed(arguments_of(method, name, params, tool), sets)
        arguments, shown = self._revealed(bearer, tool, arguments)
        pin = self.catalogue.pin(about, where, name)
        if resumed is None:
            call = self._call(bearer, method, where, name, arguments, pin, about)
        else:
            tool, arguments = with_replies(tool, arguments, resumed.replies)
            state = resumed.state
            call = self._call(bearer, method, where, name, arguments, pin, about, state)
            call = msgspec.structs.replace(call, resumed=True, state=resumed.state)
        if client:
            call = msgspec.structs.replace(call, client=client)
        if shown:
            call = msgspec.structs.replace(call, revealed=shown)
        if sets:
            paths = tuple(".".join(one.path) for one in sets)
            call = msgspec.structs.replace(call, constrained=paths)
        return call, self._gathered(bearer, tool, call, trace)

    def _revealed(
        self, bearer: Bearer, tool: ToolFacts, arguments: JSON
    ) -> tuple[JSON, tuple[tuple[str, str], ...]]:
        """The arguments with what tokens in them stand for that this tool may have."""
        manifest = tool.manifest
        if manifest is None or not manifest.sink.reveals or tool.pin != "reviewed":
            return arguments, ()
        return revealed(arguments, manifest.sink.reveals, partial(self._tokens.open, bearer.task))

    def sealing(self, gathered: Gathered) -> Seal:
        """What makes tokens in this task."""
        return partial(self._tokens.seal, gathered.task.id)

    def marking(self, decision: str) -> str:
        """The key of the marks around what is delivered for a decision."""
        return self._tokens.mark(decision)

    def replied(
        self,
        bearer: Bearer,
        asking: Call,
        method: str,
        asked: JSON,
        reply: JSON,
        trace: Trace | None = None,
    ) -> tuple[Call, Gathered]:
        """Step 1 of a reply to what the upstream asked while a call ran: data on its way to it.

        Raises Unauthenticated when the token's task is not known here.
        """
        tool = self.catalogue.facts(asking.method, asking.upstream, asking.name)
        tool, arguments = with_replies(tool, {}, {"reply": reply})
        about, where, name = asking.method, asking.upstream, asking.name
        pin = self.catalogue.pin(about, where, name)
        call = self._call(bearer, method, where, name, arguments, pin, about)
        call = msgspec.structs.replace(call, asked=asked)
        gathered = self._gathered(bearer, tool, call, trace)
        return call, msgspec.structs.replace(gathered, reply=True)

    def listed(
        self, bearer: Bearer, method: str, upstream: str | None
    ) -> Iterator[tuple[JSON, Call, Gathered]]:
        """Every definition with the facts that decide whether it is shown.

        Raises Unauthenticated when the task is not alive: a list is not the place to say why.
        """
        known = self._gathered(bearer, NO_TOOL, None)
        for where, name, definition in self.catalogue.definitions(method, upstream):
            tool = self.catalogue.facts(method, where, name)
            call = Call(
                method=method,
                target=target_of(method, where, name),
                upstream=where,
                name=name,
                arguments={},
                digest="",
                size=0,
            )
            yield definition, call, msgspec.structs.replace(known, tool=tool)

    def revoked(self, bearer: Bearer) -> bool:
        """Whether the task, or anything it hangs on, was revoked meanwhile."""
        return not self._state.active(bearer.task) or self._anyone_revoked(bearer)

    def remembers(self, gathered: Gathered, admitted: Admitted) -> bool:
        """Whether a result tells the task nothing new; labels only rise, so this stays true."""
        return admitted.label <= gathered.task.labels and all(
            self._knows(gathered.task.id, one) for one in admitted.vouched
        )

    def _knows(self, task: str, one: Vouched) -> bool:
        origins = self._state.vouched(task, one.key, one.value)
        return any(known.place in VOUCHES[VOUCHES.index(one.place) :] for known in origins)

    def _anyone_revoked(self, bearer: Bearer) -> bool:
        return self._state.revoked(
            agent=bearer.agent,
            user=bearer.user,
            key=bearer.key,
            jti=bearer.jti,
            certificate=bearer.certificate,
        )

    def _call(
        self,
        bearer: Bearer,
        method: str,
        upstream: str,
        name: str,
        arguments: JSON,
        pin: str | None,
        about: str,
        state: str | None = None,
    ) -> Call:
        target = target_of(about, upstream, name)
        try:
            sent, judged = exact(arguments)
        except NotCanonical:
            sent, judged = b"", None
        whole = [1, bearer.tenant, bearer.agent, bearer.user, bearer.task, method, target, pin]
        covered = orjson.dumps(whole if state is None else [*whole, state])
        return Call(
            method=method,
            target=target,
            upstream=upstream,
            name=name,
            # What was digested is what is judged, shown and sent: 1.0 is 1 from here on.
            arguments={} if judged is None else judged,
            digest=sha256(covered + sent),
            size=len(sent),
            exact=judged is not None,
            covered=covered,
        )

    def _gathered(
        self, bearer: Bearer, tool: ToolFacts, call: Call | None, trace: Trace | None = None
    ) -> Gathered:
        task = self._state.task(bearer.task)
        if task is None:
            raise Unauthenticated("invalid_token", "The task token is not valid here.")
        agent, user = self._state.parties(bearer.task)
        if agent.id not in self._registered:
            agent = msgspec.structs.replace(agent, registered=False)
        if not task.scopes <= bearer.scopes:
            task = msgspec.structs.replace(task, scopes=task.scopes & bearer.scopes)
        if self._anyone_revoked(bearer):
            task = msgspec.structs.replace(task, state="revoked")
        return Gathered(
            now_ms=self.clock_ms(),
            tenant=self._tenant,
            agent=agent,
            user=user,
            task=task,
            zone=self._zones.get(agent.zone),
            tool=tool,
            token_expires_ms=bearer.expires_ms,
            outcome_unknown=call is not None
            and tool.effect.changes_state
            and self._state.outcome_unknown(bearer.task, call.digest),
            circles=call is not None and self._state.circles(bearer.task, call.target, call.digest),
            unsafe=tuple(dict.fromkeys(self._unsafe + bearer.unsafe))
            if bearer.unsafe
            else self._unsafe,
            trace=trace,
            templates=self._templates,
        )

    async def enrich(self, call: Call, gathered: Gathered) -> Facts:
        """Step 3: resolvers, provenance, inspectors, approvals, policy; bounded in time. What
        `others` say is not among it.
        """
        policy = self._policy
        manifest = gathered.tool.manifest
        provenance = self.origins.of(call, gathered)
        sent = await self.inspecting.sent(call, gathered)
        failures = [INSPECTOR] if sent.failed else []
        findings = without_own(sent.findings, provenance) if sent.findings else ()
        copied = self._copied(call, gathered, failures)
        resolved = Resolved()
        # What may not be sent, or could not be looked at, is refused and asks nobody anything.
        if failures or (findings and unfit(gathered.tool, findings)):
            failures.append(RESOLVER)
        elif manifest is not None:
            try:
                resolved = await self._resolvers.resolve(call, gathered, manifest, provenance)
            except FactsUnavailable:
                failures.append(RESOLVER)
        changes: dict[str, int] = {}
        baselines: dict[str, int] = {}
        if manifest is not None:
            known = partial(self._state.baseline, gathered.task.id)
            changes, baselines = amount_changes(call, manifest, resolved.facts, known)
        facts = Facts(
            gathered=gathered,
            resolved={**resolved.facts, **changes},
            allowed=resolved.allowed,
            provenance=self.origins.listed(call, gathered, provenance, resolved.on_file),
            findings=findings,
            policy=NOT_ASKED,
            approval=self._state.approval(gathered.task.id, call.digest),
            failures=tuple(failures),
            baselines=baselines,
            copied=copied,
            followed=self._state.followed(gathered.task.id, gathered.now_ms),
            released=self.origins.granting.released(call, gathered)
            if gathered.task.releases
            else {},
            delivers=self.quarantine.delivers(call, gathered) if gathered.task.releases else None,
            elevations=self._state.elevations(gathered.task.id),
            bypasses=self._state.bypasses(),
        )
        return await with_policy(policy, call, facts)

    def others(self, call: Call, facts: Facts) -> Iterator[Other]:
        """Who else has a say in a call, in the order in which each is asked if the call is not
        refused without it: inspections that others run, and a second model.
        """
        if self.inspecting.outside and call.arguments:
            yield partial(self._shown, self._policy)
        if self.reviewing.concerns(facts):
            yield self.reviewing.reviewed

    async def _shown(self, policy: PolicyEngine, call: Call, facts: Facts) -> Facts:
        """The facts with what the inspections of others find; a policy judges it with them."""
        shown = await self.inspecting.shown(call, facts.gathered)
        if shown.failed:
            return msgspec.structs.replace(facts, failures=(*facts.failures, INSPECTOR))
        if not shown.findings:
            return facts
        facts = msgspec.structs.replace(facts, findings=facts.findings + shown.findings)
        return await with_policy(policy, call, facts)

    def _copied(self, call: Call, gathered: Gathered, failures: list[str]) -> Confidentiality:
        try:
            return self._copies.of(call, gathered)
        except OSError:
            failures.append(INSPECTOR)
            return Confidentiality.restricted


async def with_policy(policy: PolicyEngine, call: Call, facts: Facts) -> Facts:
    """The facts with what the rules say of them."""
    try:
        given = policy_input(call, facts, policy.members)
    except orjson.JSONEncodeError as error:
        answer = PolicyAnswer(bundle=policy.digest, masks=None, error=f"no policy input: {error}")
    else:
        answer = await judged(policy, given, facts.gathered.now_ms)
    return msgspec.structs.replace(facts, policy=answer)


async def judged(policy: PolicyEngine, given: bytes, now_ms: int) -> PolicyAnswer:
    """What the rules say; a refusal where an engine breaks its word."""
    try:
        answer = policy.evaluate(given, now_ms)
        return answer if isinstance(answer, PolicyAnswer) else await answer
    except Exception as error:  # noqa: BLE001  an engine that breaks its word refuses, on record
        name = type(error).__name__
        return PolicyAnswer(bundle=policy.digest, masks=None, error=f"the engine raised {name}")


NOT_ASKED: Final = PolicyAnswer(error="not asked")

NO_TOOL: Final = ToolFacts(
    manifest=None,
    pin="unreviewed",
    destination="",
    source=WORST,
    clearance=Confidentiality.public,
)


def zones(config: Config) -> dict[str, ZoneFacts]:
    """The configured zones as facts."""
    return {
        zone.id: ZoneFacts(
            id=zone.id,
            egress=frozenset(zone.egress),
            deny=frozenset(zone.deny),
            region=zone.region,
            max_label=Confidentiality[zone.max_label],
            model=zone.model,
        )
        for zone in config.zones.values()
    }
