"""What verifiers of foreign tokens share: whose keys, which claims, what is said on failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from safeconduct.identity.keys import Source
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, KeySet
from safeconduct.ports import Unauthenticated


class Confirmation(msgspec.Struct, frozen=True):
    """The key that a token is bound to (RFC 7800). One that is bound otherwise is not understood,
    and refused.
    """

    jkt: jose.Text


class ForeignClaims(jose.Claims, frozen=True, kw_only=True):
    """Claims of a token from outside. The embedded development issuer marks what it makes."""

    unsafe_dev_identity: bool = False
    cnf: Confirmation | None = None

    @property
    def key(self) -> str | None:
        """The thumbprint of the key in whose hands alone the token is good, if it names one."""
        return None if self.cnf is None else self.cnf.jkt


Shape = TypeVar("Shape", bound=ForeignClaims)


class Accepted(msgspec.Struct, Generic[Shape], frozen=True):
    """A token whose signature and times hold: its claims as a shape, and all of them; `digest` is
    that of what was signed.
    """

    claims: Shape
    every: dict[str, Any]
    digest: str


class Acceptance:
    """Verifies tokens of one kind; `what` names the kind in sentences, such as "actor token"."""

    def __init__(
        self,
        what: str,
        select: Callable[[Mapping[str, Any]], Source[KeySet] | None],
        *,
        types: frozenset[str | None],
        dev: bool,
    ) -> None:
        """`select` gets the claims before they are verified, to say whose keys must have signed
        them; None refuses.
        """
        self._what = what
        self._select = select
        self._types = types
        self._dev = dev

    async def verify(self, token: str, shape: type[Shape], now_ms: int) -> Accepted[Shape]:
        """Check everything but audience and subject. Raises Unauthenticated."""
        try:
            kid, claims = jose.peek(token)
            source = self._select(claims)
            keys = None if source is None else await source.current(kid)
            signed = jose.verify(token, lambda _: keys, types=self._types, shape=shape)
            jose.check_times(signed.claims, now_ms)
        except jose.Expired:
            raise Unauthenticated("invalid_token", f"The {self._what} has expired.") from None
        except JoseError as fault:
            raise self.invalid(str(fault)) from None
        if signed.claims.unsafe_dev_identity and not self._dev:
            raise self.invalid("made by the development issuer, which is off")
        return Accepted(signed.claims, claims, signed.digest)

    def invalid(self, why: str) -> Unauthenticated:
        """The one answer to every other fault: which check failed is the operator's business."""
        return invalid(self._what, why)


def invalid(what: str, why: str) -> Unauthenticated:
    """As above, of a token for which there is no acceptance."""
    return Unauthenticated("invalid_token", f"The {what} is not valid here.", why=why)
