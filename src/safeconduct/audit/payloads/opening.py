"""Opening what is sealed, for who reads a log: the payload, or why there is none to see."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import orjson
from backports import zstd
from cryptography.exceptions import InvalidTag

from safeconduct.audit.faults import Damaged
from safeconduct.audit.payloads import blobs, boundary, keystore
from safeconduct.audit.payloads.keystore import NONCE_BYTES, Key, Keystore
from safeconduct.audit.payloads.sealing import Salts, associated, commitment, unpacked
from safeconduct.audit.payloads.window import Window
from safeconduct.audit.records import PAYLOAD
from safeconduct.core.recorded_input import UNOPENED
from safeconduct.ports import JSON, PayloadOf

Unopened = Literal["erased", "missing", "sealed", "damaged", "too-large"]
WHY: Final[dict[Unopened, str]] = {
    "erased": "the key was erased, and nobody can open it any more",
    "missing": "the file that held it, or that part of it, is not there",
    "sealed": "the key is not at hand",
    "damaged": "it is not as it was written",
    "too-large": "it was too large to be kept",
}
"""Why a payload cannot be seen."""

INPUT: Final = "input"
"""The member of a decision's payload that holds what the rules saw and no other field says."""

_WHOLE: Final = ""


class Opened(msgspec.Struct, frozen=True):
    """A payload's content, or why it cannot be seen."""

    content: Mapping[str, Any] | None = None
    why: Unopened | None = None


class Opener:
    """Opens payloads of one log, with the keys that are at hand. For one thread at a time."""

    def __init__(self, directory: Path, keys: Keystore | None) -> None:
        """`directory` is the log's; without keys all stays sealed, and users stay pseudonyms."""
        self._window = Window(directory)
        self._keys = keys

    def close(self) -> None:
        """Lets go of the files and the keys."""
        self._window.close()
        if self._keys is not None:
            self._keys.close()

    def shown(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record with the users that the keys tell. Raises LogFault."""
        return record if self._keys is None else boundary.shown(record, self._keys)

    def opened(self, record: Mapping[str, Any]) -> Opened | None:
        """The payload of a record; None for a record without one.

        Raises:
            LogFault: the keystore fails.
            OSError: the file cannot be read.
        """
        said: Mapping[str, Any] | None = record.get(PAYLOAD)
        if said is None:
            return None
        if "at" not in said:
            return Opened(why="too-large")
        kid: str = said["kid"]
        key = None if self._keys is None else self._keys.find(kid)
        if self._keys is None or key is None:
            erased = self._keys is not None and self._keys.erased(kid)
            return Opened(why="erased" if erased else "sealed")
        try:
            data = self._window.read(*said["at"])
        except FileNotFoundError:
            return Opened(why="missing")
        except Damaged:
            return Opened(why="damaged")
        content = _decrypted(key, record["kind"], record["decision"], said, data)
        return Opened(why="damaged") if content is None else Opened(content=content)

    def whole(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A decision record with what it is replayed from; without it, it says why.

        Raises: as `opened`.
        """
        shown = self.shown(record)
        payload = self.opened(record)
        if payload is None:
            return dict(shown)
        if payload.content is None:
            return {**shown, UNOPENED: payload.why}
        if INPUT in payload.content and "policy" in shown:
            return {**shown, "policy": {**shown["policy"], INPUT: payload.content[INPUT]}}
        return dict(shown)


class PayloadUnsealer:
    """Opens the payloads of the log that this process writes (`safeconduct.ports.Unsealer`)."""

    def __init__(self, directory: Path, keys: Keystore) -> None:
        self._directory = directory
        self._keys = keys

    def unsealed(self, kind: PayloadOf, decision: str, said: JSON) -> JSON | None:
        """The content, read anew each time: what was pruned or erased since is gone."""
        key = self._keys.find(said["kid"])
        if key is None:
            return None
        try:
            data = blobs.read(self._directory, *said["at"])
        except (FileNotFoundError, Damaged):
            return None
        return _decrypted(key, kind, decision, said, data)


def _decrypted(
    key: Key, kind: PayloadOf, decision: str, said: Mapping[str, Any], data: bytes
) -> JSON | None:
    """The content of the sealed bytes; None where these are not what the record says."""
    bound = associated(key, kind, decision)
    try:
        plain = unpacked(key.aead.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound))
    except (InvalidTag, zstd.ZstdError):
        return None
    commit = commitment(Salts(key, bound).of(_WHOLE), _WHOLE, plain)
    whole = hashlib.sha256(data).hexdigest() == said["sha256"]
    if not whole or not hmac.compare_digest(commit, said["commit"]):
        return None
    content: JSON = orjson.loads(plain)
    return content


def opener(directory: Path) -> Opener:
    """What opens the payloads of a log, with the keys that stand near it, see `keystore.near`."""
    return Opener(directory, keystore.near(directory))
