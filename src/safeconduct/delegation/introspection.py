"""Whether a task token is good (RFC 7662), and that it shall be no longer (RFC 7009).

Who asks authenticates by a JWT-SVID, which is used up by it like any other, and by a proof where
that names a key. An agent learns of its
own tokens, a registered upstream of all; anybody else of none, whatever they show.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from safeconduct.config.schema import Config
from safeconduct.delegation.asking import Asking
from safeconduct.delegation.request import client_svid
from safeconduct.delegation.tokens import CLOCK_SLACK_MS, TaskTokens, confirmation
from safeconduct.ports import (
    JSON,
    Bearer,
    Caller,
    Tasks,
    TokenRefused,
    Unauthenticated,
)

Revoke = Callable[[str, str, str], Awaitable[None]]
"""Revokes: what, its id, and by whom. Raises LedgerFault."""


class Introspection:
    """`safeconduct.ports.TokenStatus`."""

    def __init__(
        self,
        config: Config,
        *,
        asking: Asking,
        tokens: TaskTokens,
        tasks: Tasks,
        revoke: Revoke,
        clock_ms: Callable[[], int],
    ) -> None:
        self._upstreams = frozenset(
            upstream.spiffe_id
            for upstream in config.root.upstreams.values()
            if upstream.spiffe_id is not None
        )
        self._issuer = config.root.gateway.issuer
        self._asking = asking
        self._tokens = tokens
        self._tasks = tasks
        self._revoke = revoke
        self._clock_ms = clock_ms

    async def introspect(self, form: Mapping[str, str], caller: Caller) -> JSON:
        """What is known of a token: `active` alone unless it is good. Raises TokenRefused."""
        token, client, now_ms = await self._asked(form, caller, "introspection")
        bearer = self._good(token, now_ms)
        if bearer is None or client not in {bearer.agent, *self._upstreams}:
            return {"active": False}
        told: JSON = {
            "active": True,
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": bearer.user,
            "client_id": bearer.agent,
            "scope": " ".join(sorted(self._scopes(bearer))),
            "exp": bearer.expires_ms // 1000,
            "jti": bearer.jti,
            "txn": bearer.task,
            "tenant": bearer.tenant,
            "token_type": "DPoP" if bearer.key else "Bearer",
        }
        if bound := confirmation(bearer):
            told["cnf"] = bound
        return told

    async def revoke(self, form: Mapping[str, str], caller: Caller) -> None:
        """Ends the task of a token, and all of its tokens with it; nothing for one that is not good
        or not the client's (RFC 7009 section 2.2). Raises TokenRefused.
        """
        token, client, now_ms = await self._asked(form, caller, "revocation")
        bearer = self._good(token, now_ms)
        if bearer is not None and client == bearer.agent:
            await self._asking.durably(self._revoke("task", bearer.task, client))

    async def _asked(
        self, form: Mapping[str, str], caller: Caller, what: str
    ) -> tuple[str, str, int]:
        """The token, the client and the time; that the client showed its SVID is on record."""
        now_ms = self._clock_ms()
        token = form.get("token")
        if not token:
            raise TokenRefused("invalid_request", "token is missing.")
        client = await self._asking.shown(
            client_svid(form), caller, what, named=form.get("client_id")
        )
        return token, client, now_ms

    def _good(self, token: str, now_ms: int) -> Bearer | None:
        """What a token says, if a call could be made with it now."""
        try:
            bearer = self._tokens.read(token, now_ms)
        except Unauthenticated:
            return None
        task = self._tasks.task(bearer.task)
        lives = (
            task is not None
            and now_ms >= self._tasks.latest_ms() - CLOCK_SLACK_MS
            and task.state == "active"
            and task.started_ms <= now_ms < task.expires_ms
            and not self._tasks.revoked(
                agent=bearer.agent,
                user=bearer.user,
                key=bearer.key,
                jti=bearer.jti,
                certificate=bearer.certificate,
            )
        )
        return bearer if lives else None

    def _scopes(self, bearer: Bearer) -> frozenset[str]:
        """What the token still has of its scopes: the task's may have become fewer."""
        task = self._tasks.task(bearer.task)
        return frozenset() if task is None else bearer.scopes & task.scopes
