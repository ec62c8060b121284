"""Sealing what tokens stand for: AES-SIV (RFC 5297), deterministic, under a key of the task.

The key comes from a secret of this gateway and the task's id by HKDF (RFC 5869). The kind of what
is sealed is authenticated with it, so that a token of one kind is none of another.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from safeconduct.kit.jwk import decode, encode

_KEY_BYTES: Final = 64
"""AES-256 twice: one key for the synthetic initialisation vector, one for the text."""

_CIPHERS: Final = 256
"""Of how many tasks the keys are at hand."""


class Tokens:
    """Seals and opens what tokens stand for, task by task. Nothing is kept."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        # A result may need thousands of one task.
        self._cipher = lru_cache(_CIPHERS)(self._derived)

    def seal(self, task: str, kind: str, text: str) -> str:
        """What seals a text of a kind in a task: the same each time, in base64 for URLs.

        Raises UnicodeEncodeError: half a surrogate pair.
        """
        data = self._cipher(task).encrypt(text.encode(), [kind.encode()])
        return encode(data)

    def open(self, task: str, kind: str, sealed: str) -> str | None:
        """What was sealed so, if it was, in this task and as this kind, to the letter."""
        try:
            return self._cipher(task).decrypt(decode(sealed), [kind.encode()]).decode()
        except (InvalidTag, ValueError):
            return None

    def mark(self, decision: str) -> str:
        """What the marks around a delivered text are told by: another one for every decision, and
        nobody can tell it beforehand.
        """
        return hmac.digest(self._secret, f"mark|{decision}".encode(), "sha256").hex()[:16]

    def _derived(self, task: str) -> AESSIV:
        derived = HKDF(SHA512(), _KEY_BYTES, salt=None, info=f"token|{task}".encode())
        return AESSIV(derived.derive(self._secret))
