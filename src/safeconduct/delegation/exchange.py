"""The security token service: how a task begins.

A user's live token and an agent's SVID are exchanged for a task token (RFC 8693), on one page:

```
 1 request     form of the request, for this gateway alone
 2 agent       the SVID: issued by a trusted domain, to be used here
 3 user        the live token: issued by the user issuer, for this tenant
 4 purpose     who speaks for the user: their device, a front end, or only the agent itself
 5 delegation  registered, assigned, allowed this profile, allowed to act for this user, whose
               sign-in was as the profile asks for it
 6 scopes      what request, profile, registration and entitlement all have; the plan freezes
 7 key         a proof of possession; the token is bound to its key
 8 record      the task, and what it uses up, in one durable step: SVID, user token and attestation
               start one task each
 9 issue       only now is there a token
```
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final

from safeconduct.config.schema import Agent, Assignment, Config, Profile
from safeconduct.config.users import UserKind
from safeconduct.core.provenance import PurposeSource
from safeconduct.delegation.access import check_access
from safeconduct.delegation.request import ACCESS_TOKEN_TYPE, Request, parse, readable
from safeconduct.delegation.tokens import TaskTokens
from safeconduct.ports import (
    JSON,
    Bearer,
    Caller,
    Evidence,
    Ledger,
    LedgerConflict,
    LedgerFault,
    Person,
    RecordTooLarge,
    TokenRefused,
    Unauthenticated,
    Workload,
)

_log = logging.getLogger(__name__)

_NOT_ALLOWED: Final = "This agent may not start such a task for this user."


class Exchange:
    """`safeconduct.ports.TokenService`."""

    def __init__(
        self,
        config: Config,
        *,
        evidence: Evidence,
        tokens: TaskTokens,
        ledger: Ledger,
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
    ) -> None:
        self._config = config
        self._gateway = config.root.gateway
        self._evidence = evidence
        self._tokens = tokens
        self._ledger = ledger
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._names = frozenset({self._gateway.issuer, f"{self._gateway.issuer}/mcp"})

    async def exchange(self, form: Mapping[str, str], caller: Caller) -> JSON:
        """Start a task. The answer is a token response (RFC 8693 section 2.2.1) with `task`.

        Raises TokenRefused; nothing was issued then, and a task that was recorded has no token.
        """
        now_ms = self._clock_ms()
        # 1 request
        request = parse(form, self._names)
        # 2 agent, 3 user
        with _as_refusal():
            agent = await self._evidence.workload(request.actor_token, now_ms)
            user = await self._evidence.person(request.subject_token, now_ms)
        if request.client_id not in {None, agent.id}:
            raise TokenRefused("invalid_request", "client_id is another agent's than actor_token.")
        if user.tenant not in {None, self._gateway.tenant}:
            raise TokenRefused("invalid_request", "The subject token is not valid here.")
        # 4 purpose
        purpose, source, attested = await self._purpose(request, agent, user, now_ms)
        # 5 delegation
        registered, assigned, profile = self._delegation(agent, user, request.profile)
        kind, groups = self._kind(user), self._groups(user)
        check_access(profile.requires, user, kind=kind, groups=groups, now_ms=now_ms)
        # 6 scopes
        obtainable = self._obtainable(registered, profile, user)
        granted = obtainable if request.scopes is None else request.scopes & obtainable
        if not granted:
            raise TokenRefused("invalid_scope", "None of these scopes can be had for this task.")
        # 7 key
        key = self._key(caller, now_ms)
        # 8 record
        task_expires_ms = now_ms + profile.max_task_lifetime * 1000
        ttl_s = min(self._gateway.token_ttl_s, registered.delegation.ttl_seconds)
        bearer = Bearer(
            task=self._new_id("t"),
            tenant=self._gateway.tenant,
            agent=agent.id,
            user=user.id,
            scopes=granted,
            # Whole seconds, as in the token.
            expires_ms=min(now_ms + ttl_s * 1000, task_expires_ms) // 1000 * 1000,
            jti=self._new_id("j"),
            key=key,
            unsafe=self._unsafe(key),
        )
        await self._record(
            {
                "kind": "task",
                "phase": "started",
                "task": bearer.task,
                "tenant": bearer.tenant,
                "agent": {
                    "id": agent.id,
                    "zone": assigned.zone,
                    "tier": assigned.tier,
                    "attested_ms": agent.attested_ms,
                    "stateless": registered.stateless,
                    "approval_scopes": sorted(registered.jit_approval_required),
                },
                "user": {
                    "id": user.id,
                    "kind": kind,
                    "groups": groups,
                    "acr": user.acr,
                    "amr": list(user.amr),
                    "auth_time_s": user.auth_time_s,
                    "device": list(user.device),
                },
                "profile": request.profile,
                "purpose": purpose,
                "purpose_source": source,
                "scopes": sorted(granted),
                "obtainable": sorted(obtainable),
                "budgets": profile.budgets,
                "max_refusals": profile.max_refusals,
                "started_ms": now_ms,
                "expires_ms": task_expires_ms,
                "jkt": key,
                "token_jti": bearer.jti,
                "token_expires_ms": bearer.expires_ms,
                "consumes": [
                    f"svid:{agent.digest}",
                    f"subject:{user.issuer}:{_sha256(user.jti)}",
                    *attested,
                ],
                "unsafe": list(bearer.unsafe),
            }
        )
        # 9 issue
        return {
            "access_token": self._tokens.mint(bearer, source, now_ms),
            "issued_token_type": ACCESS_TOKEN_TYPE,
            "token_type": "DPoP" if key else "Bearer",
            "expires_in": (bearer.expires_ms - now_ms) // 1000,
            "scope": " ".join(sorted(granted)),
            "task": bearer.task,
        }

    async def _purpose(
        self, request: Request, agent: Workload, user: Person, now_ms: int
    ) -> tuple[str, PurposeSource, tuple[str, ...]]:
        """The purpose, who vouches for it, and what that uses up."""
        if request.purpose_attestation is None:
            return readable(request.purpose), "agent", ()
        with _as_refusal():
            attested = await self._evidence.attestation(request.purpose_attestation, now_ms)
        if attested.user != user.id or attested.agent not in {None, agent.id}:
            raise TokenRefused("invalid_request", "The purpose attestation is not valid here.")
        used = f"purpose:{attested.issuer}:{_sha256(attested.jti)}"
        return readable(attested.purpose), attested.source, (used,)

    def _delegation(
        self, agent: Workload, user: Person, profile: str
    ) -> tuple[Agent, Assignment, Profile]:
        registered = self._config.agents.get(agent.id)
        assigned = self._config.root.assignments.get(agent.id)
        chosen = self._config.root.profiles.get(profile)
        if (
            registered is None
            or assigned is None
            or chosen is None
            or profile not in assigned.profiles
            or user.id not in registered.delegation.users
        ):
            raise TokenRefused("unauthorized_client", _NOT_ALLOWED)
        return registered, assigned, chosen

    def _obtainable(self, registered: Agent, profile: Profile, user: Person) -> frozenset[str]:
        """What profile, registration and entitlement all have. Scopes that need an approval count:
        a token carries them, and each call waits for its own yes.
        """
        entry = self._config.users.get(user.id)
        entitlement: frozenset[str] = frozenset() if entry is None else frozenset(entry.scopes)
        registration = frozenset(registered.delegation.scope + registered.jit_approval_required)
        return frozenset(profile.scopes) & registration & entitlement

    def _key(self, caller: Caller, now_ms: int) -> str:
        if not caller.dpop and self._gateway.unsafe_bearer_tokens:
            return ""
        with _as_refusal():
            return self._evidence.possession(caller, now_ms, token=None, key=None)

    def _kind(self, user: Person) -> UserKind:
        entry = self._config.users.get(user.id)
        return "person" if entry is None else entry.kind

    def _groups(self, user: Person) -> list[str]:
        entry = self._config.users.get(user.id)
        return sorted({*user.groups, *(() if entry is None else entry.groups)})

    def _unsafe(self, key: str) -> tuple[str, ...]:
        marks = {
            "unsafe_dev_identity": self._gateway.unsafe_dev_identity,
            "unsafe_bearer_tokens": not key,
        }
        return tuple(name for name, on in marks.items() if on)

    async def _record(self, record: JSON) -> None:
        try:
            await self._ledger.append(record)
        except LedgerConflict as conflict:
            sentence = (
                "A token or attestation of this request was used before; get new ones."
                if conflict.reason == "consumed"
                else "The task cannot be started."
            )
            raise TokenRefused("invalid_grant", sentence) from None
        except RecordTooLarge:
            raise TokenRefused("invalid_request", "The request is too large to record.") from None
        except LedgerFault:
            incident = self._new_id("i")
            _log.exception("no task can be recorded, incident %s", incident)
            raise TokenRefused(
                "temporarily_unavailable", f"No task can be recorded: {incident}", status=503
            ) from None


@contextmanager
def _as_refusal() -> Generator[None]:
    """Tokens that do not hold are `invalid_request` at a token endpoint (RFC 8693 section 2.2.2);
    proofs keep their own code (RFC 9449 section 5).
    """
    try:
        yield
    except Unauthenticated as fault:
        error = "invalid_request" if fault.error == "invalid_token" else fault.error
        raise TokenRefused(error, fault.sentence) from None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
