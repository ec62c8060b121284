"""The keys that the gateway signs its tokens with: one at a time, each for a while.

The next one is published long before it signs, so that who verifies our tokens elsewhere knows it
by then; the one before is accepted here until the last token that it signed has ended. So a
rotation refuses nobody. All of them are in one file, which is there as a whole or not at all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import orjson

from safeconduct.kit import files, jose, strictjson
from safeconduct.kit.jwk import KeySet, PrivateKey
from safeconduct.kit.keyfile import KeyFileError
from safeconduct.ports import JSON

KEYS_FILE: Final = "gateway.keys"

ROTATE_MS: Final = 7 * 24 * 3600 * 1000
"""How long one key signs, in milliseconds."""

OVERLAP_MS: Final = 905_000
"""How long the one before is accepted: as long as a token lasts, and what clocks may differ by."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES: Final = 16 * 1024


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    since_ms: int
    current: dict[str, Any]
    next: dict[str, Any]
    previous: dict[str, Any] | None = None


class _Ring(msgspec.Struct, frozen=True):
    """The keys of one time: what signs, what will, and what did."""

    since_ms: int
    current: PrivateKey
    next: PrivateKey
    previous: PrivateKey | None
    one: KeySet
    both: KeySet

    @classmethod
    def of(
        cls, since_ms: int, current: PrivateKey, following: PrivateKey, previous: PrivateKey | None
    ) -> Self:
        """With what tokens may be signed by: alone, and while the one before is accepted."""
        one = {current.public.kid: current.public}
        older = {} if previous is None else {previous.public.kid: previous.public}
        both = KeySet({**one, **older})
        return cls(since_ms, current, following, previous, KeySet(one), both)


class SigningKeys:
    """The keys in a state directory; one process has them, the one that holds the log."""

    def __init__(self, state: Path, now_ms: int) -> None:
        """Reads the keys, or makes them: `created` says which.

        Raises:
            KeyFileError: the file may be read by others, or holds something else.
            OSError: it can be neither read nor made.
        """
        self._path = state / KEYS_FILE
        try:
            found = self._read()
        except FileNotFoundError:
            found = None
        self.created = found is None
        if found is None:
            fresh = (PrivateKey.generate(), PrivateKey.generate())
            self._ring = _Ring.of(now_ms, *fresh, None)
            self._write(self._ring)
        else:
            previous = None if found.previous is None else PrivateKey.parse(found.previous)
            keys = (PrivateKey.parse(found.current), PrivateKey.parse(found.next))
            self._ring = _Ring.of(found.since_ms, *keys, previous)

    @property
    def current(self) -> PrivateKey:
        """The key that signs."""
        return self._ring.current

    def sign(self, claims: Mapping[str, Any], typ: str) -> str:
        """A token of ours."""
        return jose.sign(claims, self.current, typ)

    def accepted(self, now_ms: int) -> KeySet:
        """What tokens of ours may be signed by now."""
        ring = self._ring
        return ring.both if now_ms < ring.since_ms + OVERLAP_MS else ring.one

    def jwks(self) -> JSON:
        """What is published, as a JWK Set (RFC 7517 section 5)."""
        ring = self._ring
        keys = (ring.current, ring.next, *([] if ring.previous is None else [ring.previous]))
        return {"keys": [key.public.jwk(use="sig") for key in keys]}

    def rotate(self, now_ms: int) -> None:
        """The next key signs from now on.

        Raises OSError; the keys are as they were then.
        """
        ring = _Ring.of(now_ms, self._ring.next, PrivateKey.generate(), self._ring.current)
        self._write(ring)
        self._ring = ring

    def due(self, now_ms: int) -> bool:
        """Whether the current key has signed long enough."""
        return now_ms >= self._ring.since_ms + ROTATE_MS

    def _read(self) -> _File:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise KeyFileError(f"{self._path}: others can read these private keys; chmod 600")
            data = file.read(_MAX_BYTES)
        try:
            found = msgspec.convert(strictjson.loads(data), _File)
            for key in (found.current, found.next, found.previous):
                if key is not None:
                    PrivateKey.parse(key)
        except ValueError:
            raise KeyFileError(f"{self._path}: not the keys of a gateway") from None
        return found

    def _write(self, ring: _Ring) -> None:
        document = {
            "since_ms": ring.since_ms,
            "current": ring.current.jwk(),
            "next": ring.next.jwk(),
            "previous": None if ring.previous is None else ring.previous.jwk(),
        }
        files.replace(self._path, orjson.dumps(document), mode=0o600)
