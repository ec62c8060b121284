"""The steps that all pages of the token service share: who asks, and what they may have.

They raise TokenRefused. A sentence says what the caller can see anyway; where several checks could
have failed, it does not say which.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from safeconduct.config.schema import Config
from safeconduct.core.model import UserFacts
from safeconduct.core.subgrants import SubGrant, mistake
from safeconduct.delegation.access import check_access
from safeconduct.delegation.parties import NOT_GOING_ON, Allowed, Client, Running, Subject
from safeconduct.delegation.request import (
    HandedOver,
    Shown,
    Start,
    UserToken,
)
from safeconduct.delegation.tokens import CLOCK_SLACK_MS, TaskTokens
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError
from safeconduct.ports import (
    JSON,
    Attestation,
    Bearer,
    Caller,
    Evidence,
    Tasks,
    TokenRefused,
    Unauthenticated,
    Workload,
)

_log = logging.getLogger(__name__)

TOKEN_PATH: Final = "/oauth/token"

_NOT_ALLOWED: Final = "This agent may not start such a task for this user."


class _Handover(msgspec.Struct, frozen=True):
    class Actor(msgspec.Struct, frozen=True):
        sub: str

    act: Actor


class Steps:
    """Each method is one step. `names` are those under which tokens can be asked for."""

    def __init__(
        self,
        config: Config,
        *,
        evidence: Evidence,
        tokens: TaskTokens,
        tasks: Tasks,
        clock_ms: Callable[[], int],
    ) -> None:
        gateway = config.root.gateway
        self.gateway = gateway
        self.tasks = tasks
        self.names = frozenset({gateway.issuer, f"{gateway.issuer}/mcp"})
        self._config = config
        self._evidence = evidence
        self._tokens = tokens
        self._clock_ms = clock_ms

    def now_ms(self) -> int:
        """The time. A clock that went back makes what has ended live again, so it issues nothing
        until it has caught up with what is on record.
        """
        now_ms = self._clock_ms()
        if now_ms < self.tasks.latest_ms() - CLOCK_SLACK_MS:
            _log.error("the clock is behind the log: no tokens until it has caught up")
            raise TokenRefused("temporarily_unavailable", "No token can be issued now.", status=503)
        return now_ms

    async def agent(self, shown: Shown, caller: Caller, now_ms: int) -> Client:
        """The agent that shows its SVIDs, or that a person's program is.

        A JWT-SVID is good once, unless an X.509-SVID of the same agent comes with it: nobody else
        can show it like that.
        """
        if isinstance(shown, Start) and shown.program is not None:
            program = shown.program
            workload = Workload(id=program.agent, attested_ms=0, digest=program.code)
            return Client(workload, (f"code:{program.code}",), frozenset({program.jkt}))
        with as_refusal():
            workloads = [await self._evidence.workload(one, now_ms) for one in shown.svids]
        certified = await self._certified(caller, now_ms)
        used = tuple(f"svid:{one.digest}" for one in workloads)
        if certified is not None:
            workloads.append(certified)
            used = ()
        if not workloads:
            raise TokenRefused("invalid_client", "The agent shows no SVID.", status=401)
        first = workloads[0]
        if any(one.id != first.id for one in workloads):
            raise TokenRefused("invalid_request", "These SVIDs are of two agents.")
        if shown.client_id not in {None, first.id}:
            raise TokenRefused("invalid_request", "client_id is another agent's than the SVID.")
        return Client(
            first,
            used,
            frozenset(one.key for one in workloads),
            None if certified is None else caller.certificate,
        )

    async def _certified(self, caller: Caller, now_ms: int) -> Workload | None:
        """Whose certificate came with the request. One that is nobody's is as good as none."""
        shown = caller.certificate
        if shown is None or self.tasks.revoked(
            agent="", user="", key=shown.key or "", jti="", certificate=shown.thumbprint
        ):
            return None
        try:
            return await self._evidence.certified(shown, now_ms)
        except Unauthenticated:
            return None

    async def user(self, shown: UserToken, agent: Client, now_ms: int) -> Subject:
        """The user whose live token this is."""
        with as_refusal():
            verify = self._evidence.grant if shown.grant else self._evidence.person
            person = await verify(shown.token, now_ms)
        if person.tenant not in {None, self.gateway.tenant} or person.may_act not in {
            None,
            agent.id,
        }:
            raise TokenRefused("invalid_request", "The subject token is not valid here.")
        entry = self._config.users.get(person.id)
        user = UserFacts(
            id=person.id,
            kind="person" if entry is None else entry.kind,
            groups=tuple(sorted({*person.groups, *(() if entry is None else entry.groups)})),
            acr=person.acr,
            amr=person.amr,
            auth_time_s=person.auth_time_s,
            device=person.device,
            signed_in_ms=person.signed_in_ms,
        )
        keys = frozenset({person.key})
        return Subject(user=user, consumes=(person.once,), scopes=person.scopes, keys=keys)

    async def attested(
        self, token: str, agent: Client, user: str, task: str | None, now_ms: int
    ) -> tuple[Attestation, str]:
        """What was attested for this very agent, user and task, and what that uses up."""
        with as_refusal():
            attested = await self._evidence.attestation(token, now_ms)
        if (attested.user, attested.task) != (user, task) or attested.agent not in {None, agent.id}:
            raise TokenRefused("invalid_request", "The purpose attestation is not valid here.")
        return attested, f"purpose:{attested.issuer}:{_sha256(attested.jti)}"

    def followed(self, given: tuple[SubGrant, ...], scopes: frozenset[str]) -> JSON:
        """The sub-grants that the user gave, for the record, if the task can have them."""
        why = mistake(given, self._config.manifests.values(), scopes)
        if why is not None:
            raise TokenRefused("invalid_request", "This cannot be followed.", why=why)
        return {"follow": [msgspec.to_builtins(one) for one in given]} if given else {}

    def own_token(self, token: str, now_ms: int) -> tuple[Bearer, Running]:
        """A task token as a subject, and its task. Nothing proves yet that its key is there."""
        with as_refusal():
            bearer = self._tokens.read(token, now_ms)
        revoked = self.tasks.revoked(
            agent=bearer.agent,
            user=bearer.user,
            key=bearer.key,
            jti=bearer.jti,
            certificate=bearer.certificate,
        )
        if revoked:
            raise TokenRefused("invalid_grant", NOT_GOING_ON)
        return bearer, self.running(bearer.task, now_ms)

    def handed_over(self, shown: HandedOver, to: Client, now_ms: int) -> tuple[Bearer, Running]:
        """A task token that the agent of that task has handed to this one.

        The proof is a DPoP proof for the token endpoint and this token, by the token's key, that
        names in `act` who may use it.
        """
        bearer, running = self.own_token(shown.token, now_ms)
        with as_refusal():
            self._evidence.possession(
                Caller(
                    http_method="POST",
                    url=self.gateway.issuer + TOKEN_PATH,
                    authorization=None,
                    dpop=(shown.proof,),
                ),
                now_ms,
                token=shown.token,
                key=bearer.key,
            )
        try:
            said, _ = jose.verify_embedded(shown.proof, typ="dpop+jwt", shape=_Handover)
        except JoseError:
            said = None
        if said is None or said.act.sub != to.id:
            raise TokenRefused("invalid_request", "The task was handed over to nobody, or another.")
        if running.facts.reattestation_due:
            # It may make no call itself, so it has none made.
            raise TokenRefused("invalid_request", "The agent above has to show a newer SVID first.")
        return bearer, running

    def going_on(self, task: Running, agent: Client) -> None:
        """Whether the agent shows as much as when the task began, and something new where it has to
        attest itself anew: certificates, which nothing uses up, can be of before.
        """
        holder = task.holder
        if holder.certified and not agent.certified:
            raise TokenRefused("invalid_request", "This task goes on with an X.509-SVID.")
        if (
            task.facts.reattestation_due
            and not agent.consumes
            and agent.workload.attested_ms <= holder.agent.attested_ms
        ):
            raise TokenRefused("invalid_request", "The agent has to show a newer SVID.")

    def running(self, task: str, now_ms: int) -> Running:
        """A task that lives now."""
        facts, holder = self.tasks.task(task), self.tasks.holder(task)
        if (
            facts is None
            or holder is None
            or facts.state != "active"
            or facts.tenant != self.gateway.tenant
            or not facts.started_ms <= now_ms < facts.expires_ms
        ):
            raise TokenRefused("invalid_grant", NOT_GOING_ON)
        return Running(facts, holder)

    def delegation(
        self, agent: Client, user: UserFacts, profile: str, now_ms: int, *, by: str | None = None
    ) -> Allowed:
        """Whether this agent may do tasks of this profile for this user, on behalf of the agent
        `by` if it is a part of another task.
        """
        registered = self._config.agents.get(agent.id)
        assigned = self._config.root.assignments.get(agent.id)
        chosen = self._config.root.profiles.get(profile)
        if registered is None or assigned is None:
            raise _not_allowed(f"no agent {agent.id} is registered and assigned")
        if chosen is None or profile not in assigned.profiles:
            raise _not_allowed(f"{agent.id} is not assigned this profile")
        if user.id not in registered.delegation.users:
            raise _not_allowed(f"{user.id} is not among those whom {agent.id} acts for")
        if by is not None and by not in registered.delegation.agents:
            raise _not_allowed(f"{by} may not pass on a part of its tasks to {agent.id}")
        if self.tasks.revoked(agent=agent.id, user=user.id, key="", jti=""):
            raise _not_allowed(f"{agent.id} or {user.id} was revoked")
        check_access(chosen.requires, user, now_ms=now_ms)
        return Allowed(registered, assigned, chosen)

    def obtainable(
        self, allowed: Allowed, user: UserFacts, limit: frozenset[str] | None = None
    ) -> frozenset[str]:
        """What profile, registration, entitlement and `limit` all have."""
        entry = self._config.users.get(user.id)
        scopes = allowed.registered.scopes & frozenset(allowed.profile.scopes)
        scopes &= frozenset(() if entry is None else entry.scopes)
        return scopes if limit is None else scopes & limit

    def granted(self, asked: frozenset[str] | None, limit: frozenset[str]) -> frozenset[str]:
        """What was asked for of what can be had."""
        granted = limit if asked is None else asked & limit
        if not granted:
            raise TokenRefused("invalid_scope", "None of these scopes can be had for this task.")
        return granted

    def key(
        self,
        caller: Caller,
        now_ms: int,
        shown: frozenset[str | None],
        bound: str | None = None,
        *,
        certified: bool,
    ) -> str:
        """The thumbprint of the caller's key, which must be `bound` where a task has one already,
        and the one of everything that was `shown` and is bound to a key; empty where tokens need
        no key, as those do not that are bound to a certificate.
        """
        wanted = shown - {None}
        free = certified or self.gateway.unsafe_bearer_tokens
        if not caller.dpop and not bound and not wanted and free:
            return ""
        with as_refusal():
            key = self._evidence.possession(caller, now_ms, token=None, key=bound or None)
        if (
            bound == ""
            or not wanted <= {key}
            or self.tasks.revoked(agent="", user="", key=key, jti="")
        ):
            raise TokenRefused("invalid_dpop_proof", "The DPoP proof is by another key.")
        return key


def _not_allowed(why: str) -> TokenRefused:
    return TokenRefused("unauthorized_client", _NOT_ALLOWED, why=why)


@contextmanager
def as_refusal() -> Generator[None]:
    """Tokens that do not hold are `invalid_request` at a token endpoint (RFC 8693 section 2.2.2);
    proofs keep their own code (RFC 9449 section 5).
    """
    try:
        yield
    except Unauthenticated as fault:
        error = "invalid_request" if fault.error == "invalid_token" else fault.error
        raise TokenRefused(error, fault.sentence, nonce=fault.nonce, why=fault.why) from None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
