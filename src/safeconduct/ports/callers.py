"""Who calls, and how that is known."""

from __future__ import annotations

from typing import Protocol

import msgspec

from safeconduct.kit.certificate import Certificate


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says about its sender: claims, until `Identity.verify` has looked at them.

    `url` is the gateway's own public URL of the endpoint (what a DPoP proof's `htu` must name),
    never one derived from the request's Host header. `body` is what a proof may name the digest of.
    `certificate` is the one whose key they have; whom it names is a claim, too.
    """

    http_method: str
    url: str
    authorization: str | None
    dpop: tuple[str, ...] = ()
    body: bytes = b""
    certificate: Certificate | None = None


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """A verified task token: whose task it is and until when the token lasts.

    It is bound to the key and to the certificate of these thumbprints, each empty where it is not.
    """

    task: str
    tenant: str
    agent: str
    user: str
    scopes: frozenset[str]
    expires_ms: int
    jti: str
    key: str
    certificate: str = ""
    unsafe: tuple[str, ...] = ()


class Unauthenticated(Exception):
    """The caller proved nothing. `error` is an OAuth error code (RFC 6750, RFC 9449 section 7.1);
    the sentence says what the caller can see anyway and nothing else. `nonce` is what its next
    proof must carry, where one is wanted (RFC 9449 section 8). `why` is for the operator alone,
    where there is more to say; it repeats nothing of a token.
    """

    def __init__(
        self, error: str, sentence: str, *, nonce: str | None = None, why: str = ""
    ) -> None:
        super().__init__(sentence)
        self.error = error
        self.sentence = sentence
        self.nonce = nonce
        self.why = why


class Identity(Protocol):
    """Verifies task tokens and the proofs they are bound to."""

    def verify(self, caller: Caller, now_ms: int) -> Bearer:
        """Raises Unauthenticated."""
        ...
