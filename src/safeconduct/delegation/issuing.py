"""The last steps of all pages of the token service: on record, and only then a token.

They raise TokenRefused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from safeconduct.config.schema import GatewayBlock, Profile, Window
from safeconduct.core.model import UserFacts
from safeconduct.core.provenance import PurposeSource
from safeconduct.delegation.details import Details
from safeconduct.delegation.parties import NOT_GOING_ON, Allowed, Client
from safeconduct.delegation.request import ACCESS_TOKEN_TYPE, Child, Start
from safeconduct.delegation.tokens import TaskTokens
from safeconduct.ports import (
    JSON,
    Bearer,
    Ledger,
    LedgerConflict,
    LedgerFault,
    RecordTooLarge,
    TokenRefused,
)

_log = logging.getLogger(__name__)


class Issuing:
    """Each method is one part of the last steps. `new_id` makes ids of tasks and tokens."""

    def __init__(
        self,
        gateway: GatewayBlock,
        *,
        tokens: TaskTokens,
        ledger: Ledger,
        new_id: Callable[[str], str],
    ) -> None:
        self.new_id = new_id
        self._gateway = gateway
        self._tokens = tokens
        self._ledger = ledger

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
        shown = agent.certificate
        if shown is not None:
            ends_ms = min(ends_ms, shown.until_ms)
        expires_ms = min(now_ms + min(self._gateway.token_ttl_s, ttl_s) * 1000, ends_ms)
        if expires_ms < now_ms + 1000:
            raise TokenRefused("invalid_grant", NOT_GOING_ON)
        marks = {
            "unsafe_dev_identity": self._gateway.unsafe_dev_identity,
            "unsafe_bearer_tokens": not key and shown is None,
        }
        return Bearer(
            task=task,
            tenant=self._gateway.tenant,
            agent=agent.id,
            user=user.id,
            scopes=scopes,
            expires_ms=expires_ms // 1000 * 1000,  # whole seconds, as in the token
            jti=self.new_id("j"),
            key=key,
            certificate="" if shown is None else shown.thumbprint,
            unsafe=tuple(name for name, on in marks.items() if on),
        )

    def parties(self, agent: Client, user: UserFacts, allowed: Allowed) -> JSON:
        """Who takes part, for the record."""
        return {
            "tenant": self._gateway.tenant,
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
        plan: JSON = {"profile": request.profile, "budgets": budgets, **limits(profile)}
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
        if bearer.certificate:
            whole["x5t"] = bearer.certificate
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


def limits(profile: Profile) -> JSON:
    """What bounds a task besides its budgets, for the record."""
    repeats = {"same": profile.loops.same, "changes": profile.loops.changes}
    told: JSON = {"max_refusals": profile.max_refusals, "loops": repeats, **_more(profile)}
    if profile.window is not None:
        window = profile.window
        told["window"] = {"seconds": window.seconds, "budgets": window.budgets, **_more(window)}
    for name in ("reattest_every", "reattest_on_refusals"):
        bound: int | None = getattr(profile, name)
        if bound is not None:
            told[name] = bound
    return told


def _more(limited: Profile | Window) -> JSON:
    """The limits on amounts and objects, where there are some."""
    limits = {"amounts": limited.amounts, "objects": limited.objects}
    return {name: limit for name, limit in limits.items() if limit}


def granted_details(details: Details | None, budgets: dict[str, int]) -> list[JSON] | None:
    """The details as they were granted, if any were asked for."""
    return None if details is None else details.granted(budgets)
