"""Evidence that is a token: signed by a foreign issuer, for this gateway alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from safeconduct.identity.attestors.attested import NotAttested, Unjudged
from safeconduct.identity.keys import Source
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, KeySet

_TYPES: Final[frozenset[str | None]] = frozenset({"JWT", None})


class TokenClaims(jose.Claims, frozen=True, kw_only=True):
    """What each of these tokens has besides what makes it one of its kind."""

    iss: jose.Text
    sub: jose.Text


Shape = TypeVar("Shape", bound=TokenClaims)


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are taken: the `iss` that they may have, the one `aud` that they must have, and
    the keys that sign them.
    """

    names: frozenset[str]
    audience: str
    keys: Source[KeySet]


class Issuers:
    """All issuers of one kind of token, by the names that the configuration gives them."""

    def __init__(self, issuers: Mapping[str, Issuer]) -> None:
        self._issuers = issuers

    async def verified(
        self, evidence: object, shape: type[Shape], now_ms: int
    ) -> tuple[str, jose.Signed[Shape]]:
        """The name of the issuer that signed this token for us, and what it says.

        Raises: NotAttested, Unjudged.
        """
        if not isinstance(evidence, str):
            raise NotAttested("the evidence is no token")
        try:
            kid, claims = jose.peek(evidence)
            name, held = await self._signer(kid, claims)
            signed = jose.verify(evidence, lambda _: held, types=_TYPES, shape=shape)
            jose.check_times(signed.claims, now_ms)
        except JoseError as error:
            raise NotAttested(f"the token does not hold: {error}") from None
        if signed.claims.audiences != (self._issuers[name].audience,):
            raise NotAttested(f"the token of {name} is for another audience, or for several")
        return name, signed

    async def keep_up(self) -> None:
        """Until cancelled: follows the keys that the issuers publish."""
        await asyncio.gather(*(one.keys.keep_up() for one in self._issuers.values()))

    async def _signer(self, kid: str | None, claims: Mapping[str, Any]) -> tuple[str, KeySet]:
        """Who has the key of this name. Clusters may all call themselves alike, so several issuers
        are asked; those that have to publish again first come last. One provider may stand for
        several audiences.
        """
        iss, aud = claims.get("iss"), claims.get("aud")
        named = [n for n, one in self._issuers.items() if isinstance(iss, str) and iss in one.names]
        meant = [
            n for n in named if aud in (self._issuers[n].audience, [self._issuers[n].audience])
        ]
        names = meant or named
        if not names or kid is None:
            raise NotAttested("the token is of another issuer, or names no key")
        heard: list[str] = []
        for wanted, asked in ((None, names), (kid, heard)):
            for name in asked:
                held = await self._issuers[name].keys.current(wanted)
                if held is not None and kid in held.keys:
                    return name, held
                if held is not None and wanted is None:
                    heard.append(name)
        silent = [name for name in names if name not in heard]
        if silent:
            raise Unjudged(f"the keys of {' and '.join(silent)} are not to be had")
        raise NotAttested(f"the token is signed by a key that {' and '.join(names)} have not")
