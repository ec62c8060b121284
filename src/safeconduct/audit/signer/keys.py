"""The key that signs a log's checkpoints: a file that its owner alone can read.

Whatever else keeps keys can take its place, as all that is asked of it is a `notes.Signer`.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from safeconduct.audit import notes
from safeconduct.audit.notes import Signer
from safeconduct.audit.signer import Refused
from safeconduct.kit import files

NAME: Final = "audit.key"
NEXT: Final = "audit.key.next"
"""The key that a rotation is about to put in the place of the one that signs."""

_READABLE_BY_OTHERS: Final = 0o077
_MAX_BYTES: Final = 4096
_ATTEMPTS: Final = 50
_PAUSE_S: Final = 0.1


class Held(NamedTuple):
    """A key, and the open file that keeps others from signing with it until it is closed."""

    signer: Signer
    fd: int


def create(path: Path) -> None:
    """Makes a key. Raises OSError."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.replace(path, pem, mode=0o600)


def hold(path: Path, origin: str) -> Held:
    """The key in a file, for the log of this name, as long as nobody else signs with it.

    Raises:
        Refused: others may read it ("unsafe"), it is in use ("busy"), or it is no Ed25519 key.
        OSError: there is none, or it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        signer = _signer(fd, path, origin)
        _lock(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return Held(signer, fd)


def load(path: Path, origin: str) -> Signer:
    """The key in a file, without keeping others from it. Raises Refused, OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return _signer(fd, path, origin)
    finally:
        os.close(fd)


def _signer(fd: int, path: Path, origin: str) -> Signer:
    if os.fstat(fd).st_mode & _READABLE_BY_OTHERS:
        raise Refused("unsafe", f"others may read the key {path}: replace it, or chmod 600 it")
    try:
        private = load_pem_private_key(os.read(fd, _MAX_BYTES), None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise Refused("unsafe", f"{path} is not an Ed25519 key")
    key = notes.key(origin, notes.ED25519, private.public_key().public_bytes_raw())
    return Signer(key, private.sign)


def _lock(fd: int, path: Path) -> None:
    """Waits for a moment: the signer of a gateway that was killed finishes what it is at."""
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return
    raise Refused("busy", f"another process signs with {path}")
