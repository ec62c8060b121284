"""Access tokens of an upstream's own authorization server, in the name of whose task it is.

A token is used for the user, agent and scopes that it was issued for, until half a minute before it
ends. Nobody else gets it, and it is not written down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from safeconduct.ports import Credential, CredentialUnavailable, Errand
from safeconduct.secrets.authorization import Issued
from safeconduct.secrets.client import URN, Client, Wanted
from safeconduct.secrets.consents import Consents

KIND: Final = "upstream-oauth"

SPARE_MS: Final = 30_000
"""How long before its end a token is used no more."""

WAIT_S: Final = 10.0
"""How long a call waits for its token."""

GRANT_TYPE: Final = "authorization-grant+jwt"
ID_JAG_TYPE: Final = "oauth-id-jag+jwt"

_MAX_TOKENS: Final = 10_000


class Held(msgspec.Struct, frozen=True):
    """A token in the cache."""

    token: str
    ends_ms: int

    def __repr__(self) -> str:
        return f"Held(ends_ms={self.ends_ms})"


class AccessTokens:
    """Credentials for one upstream from its authorization server.

    `consents` are those of its users, where they are asked.
    """

    def __init__(
        self,
        client: Client,
        clock_ms: Callable[[], int],
        consents: Consents | None = None,
    ) -> None:
        self._client = client
        self._clock_ms = clock_ms
        self._consents = consents
        self._held: dict[Wanted, Held] = {}
        self._coming: dict[Wanted, asyncio.Task[str]] = {}
        if consents is not None:
            consents.changed = self._forget_user

    async def __call__(self, errand: Errand) -> Credential:
        """The credential of one call. Raises CredentialUnavailable."""
        wanted = self._wanted(errand)
        if self._consents is not None and not self._consents.given(wanted.user or ""):
            raise CredentialUnavailable("the user has not consented")
        held = self._held.get(wanted)
        if held is not None and self._clock_ms() < held.ends_ms - SPARE_MS:
            token = held.token
        else:
            token = await self._fetched(wanted)
        fields = {"Authorization": f"Bearer {token}"}
        return Credential(KIND, fields, rejected=partial(self._forget, wanted, token))

    def _wanted(self, errand: Errand) -> Wanted:
        oauth = self._client.oauth
        scopes = oauth.scopes
        if errand.method == "tools/call":
            scopes = oauth.tool_scopes.get(errand.name, scopes)
        if oauth.grant == "client-credentials":
            return Wanted(None, None, scopes)
        return Wanted(errand.user or oauth.lists_as, errand.agent, scopes)

    async def _fetched(self, wanted: Wanted) -> str:
        """Fetches one token for all who wait for it."""
        coming = self._coming.get(wanted)
        if coming is None:
            coming = self._coming[wanted] = asyncio.create_task(self._fetch(wanted))
            coming.add_done_callback(partial(self._came, wanted))
        try:
            async with asyncio.timeout(WAIT_S):
                return await asyncio.shield(coming)
        except TimeoutError:
            raise CredentialUnavailable(f"{self._client.server.issuer}: too late") from None

    def _came(self, wanted: Wanted, coming: asyncio.Task[str]) -> None:
        if self._coming.get(wanted) is coming:
            del self._coming[wanted]
        if not coming.cancelled():
            coming.exception()  # seen, also where nobody waits any more

    async def _fetch(self, wanted: Wanted) -> str:
        asked_ms = self._clock_ms()
        issued = await self._issued(wanted)
        while len(self._held) >= _MAX_TOKENS:
            del self._held[next(iter(self._held))]
        if self._coming.get(wanted) is asyncio.current_task():
            ends_ms = asked_ms + int(issued.expires_in * 1000)
            self._held[wanted] = Held(issued.access_token, ends_ms)
        return issued.access_token

    async def _issued(self, wanted: Wanted) -> Issued:
        client = self._client
        if self._consents is not None:
            return await self._consents.issued(wanted.user or "", wanted.scopes)
        if wanted.user is None:
            return await client.granted({"grant_type": "client_credentials"}, wanted.scopes)
        match client.oauth.grant:
            case "token-exchange":
                form = {
                    "grant_type": f"{URN}grant-type:token-exchange",
                    "subject_token": client.assertion(wanted, GRANT_TYPE),
                    "subject_token_type": f"{URN}token-type:jwt",
                    "requested_token_type": f"{URN}token-type:access_token",
                }
            case "id-jag":
                said = {"client_id": client.id, "resource": client.resource}
                if wanted.scopes:
                    said["scope"] = " ".join(wanted.scopes)
                assertion = client.assertion(wanted, ID_JAG_TYPE, **said)
                form = {"grant_type": f"{URN}grant-type:jwt-bearer", "assertion": assertion}
            case _:
                assertion = client.assertion(wanted, GRANT_TYPE)
                form = {"grant_type": f"{URN}grant-type:jwt-bearer", "assertion": assertion}
        return await client.granted(form, wanted.scopes)

    def _forget_user(self, user: str) -> None:
        """Forgets what there is, and what is asked for now: it may be another account's."""
        self._held = {one: held for one, held in self._held.items() if one.user != user}
        self._coming = {one: task for one, task in self._coming.items() if one.user != user}

    def _forget(self, wanted: Wanted, token: str) -> None:
        held = self._held.get(wanted)
        if held is not None and held.token == token:
            del self._held[wanted]
