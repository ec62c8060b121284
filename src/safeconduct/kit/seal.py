"""State that others carry between two requests, sealed so that they can only carry it.

In revision 2026-07-28 of MCP a question to the client ends its request; the client comes back with
the answers and a `requestState`. A person's browser carries their sign-in to their issuer and back.
What is in there is ours, so it is encrypted and authenticated (AES-256-GCM, NIST SP 800-38D) and
bound to what it belonged to. The key lives as long as the process: a restart voids everything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safeconduct.kit.jwk import JoseError, decode, encode

TTL_MS: Final = 600_000
"""How long it may be away, in milliseconds."""

MAX_BYTES: Final = 65_536
"""How long a sealed state may be."""

_NONCE_BYTES: Final = 12

T = TypeVar("T")


class Unsealed(Exception):
    """The state is not one of ours, not for this, or too old. It does not say which."""


class _Box(msgspec.Struct, array_like=True):
    expires_ms: int
    state: msgspec.Raw


class Seal(Generic[T]):
    """Seals values of one type; `binding` must be the same when they come back."""

    def __init__(self, kind: type[T], clock_ms: Callable[[], int]) -> None:
        self._aead = AESGCM(AESGCM.generate_key(256))
        self._decoder = msgspec.json.Decoder(kind)
        self._clock_ms = clock_ms

    def seal(self, state: T, binding: bytes) -> str:
        """The state as text.

        Raises ValueError when it is too long.
        """
        box = _Box(self._clock_ms() + TTL_MS, msgspec.Raw(msgspec.json.encode(state)))
        inside = msgspec.json.encode(box)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = encode(nonce + self._aead.encrypt(nonce, inside, binding))
        if len(sealed) > MAX_BYTES:
            raise ValueError("the state is too long")
        return sealed

    def open(self, text: str, binding: bytes) -> T:
        """The state that was sealed for the same binding, while it lasts. Raises Unsealed."""
        if len(text) > MAX_BYTES:
            raise Unsealed
        try:
            sealed = decode(text)
            inside = self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], binding)
        except (JoseError, InvalidTag, ValueError):
            raise Unsealed from None
        box = msgspec.json.decode(inside, type=_Box)
        if box.expires_ms <= self._clock_ms():
            raise Unsealed
        return self._decoder.decode(box.state)
