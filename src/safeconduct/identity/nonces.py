"""Values that only we can have made, and not long ago: nothing is kept for those given out."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from safeconduct.kit.jwk import JoseError, decode, encode

LIFETIME_MS: Final = 120_000
"""How long a nonce is good for unless told otherwise, in milliseconds."""

_RANDOM_BYTES: Final = 16
_TIME_BYTES: Final = 8
_TAG_BYTES: Final = 16


class Nonces:
    """Issues nonces and knows them again, as long as this process lives."""

    def __init__(self, *, lifetime_ms: int = LIFETIME_MS) -> None:
        self.lifetime_ms = lifetime_ms
        self._key = secrets.token_bytes(32)

    def issue(self, now_ms: int) -> str:
        """A new nonce, of characters that may stand in a header, a URL and JSON."""
        body = secrets.token_bytes(_RANDOM_BYTES) + now_ms.to_bytes(_TIME_BYTES)
        return encode(body + self._tag(body))

    def holds(self, nonce: str, now_ms: int) -> bool:
        """Whether we issued it within its lifetime. It may have been used before."""
        try:
            data = decode(nonce)
        except JoseError:
            return False
        body, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            return False
        issued_ms = int.from_bytes(body[_RANDOM_BYTES:])
        return issued_ms <= now_ms < issued_ms + self.lifetime_ms

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_TAG_BYTES]
