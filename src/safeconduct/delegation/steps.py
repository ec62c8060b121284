"""The steps that all pages of the token service share.

They raise TokenRefused. A sentence says what the caller can see anyway; where several checks could
have failed, it does not say which.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from safeconduct.config.schema import Agent, Assignment, Config, Profile
from safeconduct.core.model import TaskFacts, UserFacts
from safeconduct.core.provenance import PurposeSource
from safeconduct.delegation.access import check_access
from safeconduct.delegation.details import Details
from safeconduct.delegation.request import (
    ACCESS_TOKEN_TYPE,
    Child,
    HandedOver,
    Shown,
    Start,
    UserToken,
)
from safeconduct.delegation.tokens import TaskTokens
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError
from safeconduct.ports import (
    JSON,
    Attestation,
    Bearer,
    Caller,
    Evidence,
    Holder,
    Ledger,
    LedgerConflict,
    LedgerFault,
    RecordTooLarge,
    Tasks,
    TokenRefused,
    Unauthenticated,
    Workload,
)

_log = logging.getLogger(__name__)

TOKEN_PATH: Final = "/oauth/token"
CLOCK_SLACK_MS: Final = 5_000
"""How far the clock may be behind the log, as clocks are set by a little."""

_NOT_ALLOWED: Final = "This agent may not start such a task for this user."
_NOT_GOING_ON: Final = "This task does not go on."


class Client(msgspec.Struct, frozen=True):
    """The agent that asks, and what showing itself uses up."""

    workload: Workload
    consumes: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its SPIFFE ID."""
        return self.workload.id


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """For whom it asks, and what that uses up. `scopes` bounds what the token that was shown is
    for; `task` is the task above, if it was that one's.
    """

    user: UserFacts
    consumes: tuple[str, ...]
    scopes: frozenset[str] | None = None
    task: str | None = None


class Allowed(msgspec.Struct, frozen=True):
    """What the configuration says of an agent and a profile."""

    registered: Agent
    assigned: Assignment
    profile: Profile


class Running(msgspec.Struct, frozen=True):
    """A task that runs, as it stands now."""

    facts: TaskFacts
    holder: Holder


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
        ledger: Ledger,
        tasks: Tasks,
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
    ) -> None:
        gateway = config.root.gateway
        self.gateway = gateway
        self.new_id = new_id
        self.tasks = tasks
        self.names = frozenset(
            {gateway.issuer, f"{gateway.issuer}/mcp"}
            | {f"{gateway.issuer}/mcp/{upstream}" for upstream in config.root.upstreams}
        )
        self._config = config
        self._evidence = evidence
        self._tokens = tokens
        self._ledger = ledger
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

    async def agent(self, shown: Shown, now_ms: int) -> Client:
        """The agent that shows its SVID."""
        with as_refusal():
            workloads = [await self._evidence.workload(one, now_ms) for one in shown.svids]
        first = workloads[0]
        if any(one.id != first.id for one in workloads):
            raise TokenRefused("invalid_request", "actor_token and client_assertion are of two.")
        if shown.client_id not in {None, first.id}:
            raise TokenRefused("invalid_request", "client_id is another agent's than actor_token.")
        return Client(first, tuple(f"svid:{one.digest}" for one in workloads))

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
        used = f"subject:{person.issuer}:{_sha256(person.jti)}"
        return Subject(user=user, consumes=(used,), scopes=person.scopes)

    async def attested(
        self, token: str, agent: Client, user: str, task: str | None, now_ms: int
    ) -> tuple[Attestation, str]:
        """What was attested for this very agent, user and task, and what that uses up."""
        with as_refusal():
            attested = await self._evidence.attestation(token, now_ms)
        if (attested.user, attested.task) != (user, task) or attested.agent not in {None, agent.id}:
            raise TokenRefused("invalid_request", "The purpose attestation is not valid here.")
        return attested, f"purpose:{attested.issuer}:{_sha256(attested.jti)}"

    def own_token(self, token: str, now_ms: int) -> tuple[Bearer, Running]:
        """A task token as a subject, and its task. Nothing proves yet that its key is there."""
        with as_refusal():
            bearer = self._tokens.read(token, now_ms)
        revoked = self.tasks.revoked(
            agent=bearer.agent, user=bearer.user, key=bearer.key, jti=bearer.jti
        )
        if revoked:
            raise TokenRefused("invalid_grant", _NOT_GOING_ON)
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
        return bearer, running

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
            raise TokenRefused("invalid_grant", _NOT_GOING_ON)
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
        if (
            registered is None
            or assigned is None
            or chosen is None
            or profile not in assigned.profiles
            or user.id not in registered.delegation.users
            or (by is not None and by not in registered.delegation.agents)
            or self.tasks.revoked(agent=agent.id, user=user.id, key="", jti="")
        ):
            raise TokenRefused("unauthorized_client", _NOT_ALLOWED)
        check_access(chosen.requires, user, now_ms=now_ms)
        return Allowed(registered, assigned, chosen)

    def obtainable(
        self, allowed: Allowed, user: UserFacts, limit: frozenset[str] | None = None
    ) -> frozenset[str]:
        """What profile, registration, entitlement and `limit` all have. Scopes that need an
        approval count: a token carries them, and each call waits for its own yes.
        """
        entry = self._config.users.get(user.id)
        registered = allowed.registered
        scopes = frozenset(registered.delegation.scope + registered.jit_approval_required)
        scopes &= frozenset(allowed.profile.scopes)
        scopes &= frozenset(() if entry is None else entry.scopes)
        return scopes if limit is None else scopes & limit

    def granted(self, asked: frozenset[str] | None, limit: frozenset[str]) -> frozenset[str]:
        """What was asked for of what can be had."""
        granted = limit if asked is None else asked & limit
        if not granted:
            raise TokenRefused("invalid_scope", "None of these scopes can be had for this task.")
        return granted

    def key(self, caller: Caller, now_ms: int, bound: str | None = None) -> str:
        """The thumbprint of the caller's key, which must be `bound` where a task has one already;
        empty where tokens need no key.
        """
        if not caller.dpop and not bound and self.gateway.unsafe_bearer_tokens:
            return ""
        with as_refusal():
            key = self._evidence.possession(caller, now_ms, token=None, key=bound or None)
        if bound == "" or self.tasks.revoked(agent="", user="", key=key, jti=""):
            raise TokenRefused("invalid_dpop_proof", "The DPoP proof is by another key.")
        return key

    def bearer(
        self,
        task: str,
        agent: Client,
        user: UserFacts,
        scopes: frozenset[str],
        *,
        key: str,
        ttl_s: int,
        ends_ms: int,
        now_ms: int,
    ) -> Bearer:
        """What the token will say."""
        expires_ms = min(now_ms + min(self.gateway.token_ttl_s, ttl_s) * 1000, ends_ms)
        if expires_ms < now_ms + 1000:
            raise TokenRefused("invalid_grant", _NOT_GOING_ON)
        marks = {
            "unsafe_dev_identity": self.gateway.unsafe_dev_identity,
            "unsafe_bearer_tokens": not key,
        }
        return Bearer(
            task=task,
            tenant=self.gateway.tenant,
            agent=agent.id,
            user=user.id,
            scopes=scopes,
            expires_ms=expires_ms // 1000 * 1000,  # whole seconds, as in the token
            jti=self.new_id("j"),
            key=key,
            unsafe=tuple(name for name, on in marks.items() if on),
        )

    def parties(self, agent: Client, user: UserFacts, allowed: Allowed) -> JSON:
        """Who takes part, for the record."""
        return {
            "tenant": self.gateway.tenant,
            "agent": {
                "id": agent.id,
                "zone": allowed.assigned.zone,
                "tier": allowed.assigned.tier,
                "attested_ms": agent.workload.attested_ms,
                "stateless": allowed.registered.stateless,
                "approval_scopes": sorted(allowed.registered.jit_approval_required),
            },
            "user": {
                "id": user.id,
                "kind": user.kind,
                "groups": list(user.groups),
                "acr": user.acr,
                "amr": list(user.amr),
                "auth_time_s": user.auth_time_s,
                "device": list(user.device),
                "signed_in_ms": user.signed_in_ms,
            },
        }

    def plan(self, request: Start | Child, profile: Profile, budgets: dict[str, int]) -> JSON:
        """What the profile and the request make of a task, for the record."""
        plan: JSON = {
            "profile": request.profile,
            "budgets": budgets,
            "max_refusals": profile.max_refusals,
        }
        if profile.window is not None:
            plan["window"] = {
                "seconds": profile.window.seconds,
                "budgets": profile.window.budgets,
            }
        if profile.reattest_every is not None:
            plan["reattest_every"] = profile.reattest_every
        if request.details is not None and request.details.case is not None:
            plan["case"] = request.details.case
        return plan

    async def record(self, bearer: Bearer, record: JSON) -> None:
        """Makes the record durable, with what it uses up, before there is a token."""
        whole: JSON = {
            "kind": "task",
            "task": bearer.task,
            **record,
            "scopes": sorted(bearer.scopes),
            "jkt": bearer.key,
            "token_jti": bearer.jti,
            "token_expires_ms": bearer.expires_ms,
            "unsafe": list(bearer.unsafe),
        }
        try:
            await self._ledger.append(whole)
        except LedgerConflict as conflict:
            sentence = (
                "A token or attestation of this request was used before; get new ones."
                if conflict.reason == "consumed"
                else "The task cannot be started, or does not go on."
            )
            raise TokenRefused("invalid_grant", sentence) from None
        except RecordTooLarge:
            raise TokenRefused("invalid_request", "The request is too large to record.") from None
        except LedgerFault:
            incident = self.new_id("i")
            _log.exception("no task can be recorded, incident %s", incident)
            raise TokenRefused(
                "temporarily_unavailable", f"No task can be recorded: {incident}", status=503
            ) from None

    def issue(
        self,
        bearer: Bearer,
        source: PurposeSource,
        now_ms: int,
        *,
        actors: Sequence[str] = (),
        details: list[JSON] | None = None,
    ) -> JSON:
        """The token response (RFC 8693 section 2.2.1) with `task`."""
        response: JSON = {
            "access_token": self._tokens.mint(bearer, source, now_ms, actors=actors),
            "issued_token_type": ACCESS_TOKEN_TYPE,
            "token_type": "DPoP" if bearer.key else "Bearer",
            "expires_in": (bearer.expires_ms - now_ms) // 1000,
            "scope": " ".join(sorted(bearer.scopes)),
            "task": bearer.task,
        }
        if details is not None:
            response["authorization_details"] = details
        return response


def granted_details(details: Details | None, budgets: dict[str, int]) -> list[JSON] | None:
    """The details as they were granted, if any were asked for."""
    return None if details is None else details.granted(budgets)


@contextmanager
def as_refusal() -> Generator[None]:
    """Tokens that do not hold are `invalid_request` at a token endpoint (RFC 8693 section 2.2.2);
    proofs keep their own code (RFC 9449 section 5).
    """
    try:
        yield
    except Unauthenticated as fault:
        error = "invalid_request" if fault.error == "invalid_token" else fault.error
        raise TokenRefused(error, fault.sentence, nonce=fault.nonce) from None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
