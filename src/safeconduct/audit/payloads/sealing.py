"""Sealing a payload: redact, serialise, commit, compress, encrypt.

The plain text is JSON with sorted keys. `commit` is SHA-256(salt | length | name | plain text): the
holder of the key can show somebody the payload and the salt, and they see that it is the one which
the log names, while nobody can try values against the log alone. Salts come from the event key,
which comes from the key of the user's month and from what the payload belongs to; with that key
gone no salt can be had. What is left out of the payload leaves such a commitment in its place.

Encryption is AES-256-GCM (NIST SP 800-38D) with a random nonce, which comes first; what the payload
belongs to is authenticated with it. Compression is Zstandard (RFC 8878).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from threading import Lock
from typing import Final, cast

import orjson
from backports import zstd

from safeconduct.audit.payloads.keystore import NONCE_BYTES, Key, Keystore
from safeconduct.core.model import KEY, Finding
from safeconduct.kit.work import AT_ONCE, TooMuch, Work, bounded_by
from safeconduct.ports import JSON, About, Inspector, PayloadOf, Place, Sealed

MAX_PLAIN_BYTES: Final = 4 << 20
"""Of what is longer only its commitment is kept."""

MASKED: Final = "masked"
TOO_LARGE: Final = "too-large"
UNREAD: Final = "unread"

_SALT_BYTES: Final = 16
_LEVEL: Final = 1
_SHORT_BYTES: Final = 1 << 10
"""What is shorter is not compressed: unpacking it would take longer than all the rest."""
_OBJECT: Final = b"{"
"""How a payload begins that is not compressed; a frame of Zstandard begins otherwise."""
_WHOLE: Final = ""


class PayloadSealer:
    """Seals payloads (`safeconduct.ports.Sealer`)."""

    def __init__(self, keystore: Keystore, inspectors: Sequence[Inspector]) -> None:
        """`inspectors` find what must not get into a payload."""
        self._keystore = keystore
        self._inspectors = inspectors
        self._compressor = zstd.ZstdCompressor(level=_LEVEL)
        self._gate = Lock()

    def seal(
        self,
        about: About,
        content: JSON,
        masked: Sequence[Place] = (),
        parts: Mapping[str, object] = {},
    ) -> Sealed:
        """The content, sealed. Raises LogFault; orjson.JSONEncodeError: it is no JSON."""
        key = self._keystore.key(about.tenant, about.user, about.at_ms)
        bound = associated(key, about.kind, about.decision)
        salts = Salts(key, bound)
        plain = _plain(content)
        findings: list[Finding] = []
        left_out = ""
        try:
            with bounded_by(Work(AT_ONCE)):
                for inspector in self._inspectors:
                    findings += inspector.inspect(content, plain)
        except TooMuch:
            left_out = UNREAD
        whole = plain
        if masked or findings:
            plain = _plain(Redaction(salts, findings, masked).of(content))
        commits: dict[str, str] = {}
        for name, part in parts.items():
            commits[name] = commitment(salts.of(name), name, _plain(part))
        commit = commitment(salts.of(_WHOLE), _WHOLE, plain)
        if len(plain) > MAX_PLAIN_BYTES:
            left_out = TOO_LARGE
        if left_out:
            said: JSON = {"bytes": len(plain), "left_out": left_out}
            return Sealed(b"", {"kid": key.kid, "commit": commit, **said}, commits, whole=False)
        nonce = os.urandom(NONCE_BYTES)
        data = nonce + key.aead.encrypt(nonce, self._packed(plain), bound)
        said = {
            "kid": key.kid,
            "commit": commit,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        return Sealed(data, said, commits, whole=plain == whole)

    def _packed(self, plain: bytes) -> bytes:
        if len(plain) < _SHORT_BYTES:
            return plain
        with self._gate:
            return self._compressor.compress(plain, zstd.ZstdCompressor.FLUSH_FRAME)


class Salts:
    """The salts of one payload, by the name of what is committed to (RFC 6901; "" is all)."""

    def __init__(self, key: Key, bound: bytes) -> None:
        event = key.events.copy()
        event.update(bound)
        self._event = event.digest()

    def of(self, name: str) -> bytes:
        """16 bytes."""
        return blake2b(name.encode(), key=self._event, digest_size=_SALT_BYTES).digest()


class Redaction:
    """What must not be kept, replaced by what kind it is of and a commitment to it."""

    def __init__(self, salts: Salts, findings: Iterable[Finding], masked: Iterable[Place]) -> None:
        self._salts = salts
        self._masked = frozenset(masked)
        self._spans: dict[Place, list[Finding]] = {}
        for finding in findings:
            self._spans.setdefault(finding.where, []).append(finding)

    def of(self, value: object, path: Place = ()) -> object:
        """The value without it, which lies at a path."""
        if path in self._masked:
            data = _plain(value)
            return {"redacted": MASKED, "commit": self._committed(path, data)}
        if isinstance(value, str):
            return self._cut(value, path)
        if isinstance(value, list):
            items = enumerate(cast("list[object]", value))
            return [self.of(item, (*path, index)) for index, item in items]
        if isinstance(value, dict):
            return {
                self._cut(key, (*path, key, KEY)): self.of(item, (*path, key))
                for key, item in cast("dict[str, object]", value).items()
            }
        return value

    def _cut(self, text: str, path: Place) -> str:
        parts: list[str] = []
        done = 0
        for one in sorted(self._spans.get(path, ()), key=lambda one: (one.start, -one.end)):
            if one.end <= done:
                continue
            start = max(one.start, done)
            commit = self._committed((*path, start), text[start : one.end].encode())
            parts += [text[done:start], f"[redacted: {one.kind} {commit}]"]
            done = one.end
        return "".join([*parts, text[done:]])

    def _committed(self, path: Place, data: bytes) -> str:
        name = pointer(path)
        return commitment(self._salts.of(name), name, data)


def commitment(salt: bytes, name: str, value: bytes) -> str:
    """The commitment to a named value, in hexadecimal."""
    named = name.encode()
    return hashlib.sha256(salt + len(named).to_bytes(4) + named + value).hexdigest()


def associated(key: Key, kind: PayloadOf, decision: str) -> bytes:
    """What is authenticated with a payload: what it belongs to."""
    return f"{key.tenant}|{key.kid}|{kind}|{decision}".encode()


def pointer(path: Iterable[str | int]) -> str:
    """The JSON Pointer (RFC 6901) of a path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _plain(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def unpacked(packed: bytes) -> bytes:
    """The plain text. Raises zstd.ZstdError."""
    return packed if packed.startswith(_OBJECT) else zstd.decompress(packed)
