"""The two keys of a witness: Ed25519, which everybody checks today, and ML-DSA-44, which stays good
when there are quantum computers (C2SP tlog-cosignature asks for it in new deployments).

Each is a file of 32 random bytes, the seed that its standard makes a key from (RFC 8032, FIPS 204).
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from safeconduct.audit import notes
from safeconduct.audit.notes import Signer
from safeconduct.kit import files

ED25519_FILE: Final = "ed25519.key"
ML_DSA_FILE: Final = "ml-dsa-44.key"

_SEED_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class UnusableKey(ValueError):
    """A key file that must not be used; the message names it and says why."""


def signers(directory: Path, name: str) -> tuple[Signer, Signer]:
    """The keys of the witness of that name, made when there are none yet.

    Raises:
        UnusableKey: a file holds none, or others can read it.
        ValueError: the name cannot be that of a key.
        OSError: a file cannot be read or made.
    """
    classic = Ed25519PrivateKey.from_private_bytes(_seed(directory / ED25519_FILE))
    lasting = MLDSA44PrivateKey.from_seed_bytes(_seed(directory / ML_DSA_FILE))
    return (
        Signer(
            notes.key(name, notes.COSIGNATURE, classic.public_key().public_bytes_raw()),
            classic.sign,
        ),
        Signer(
            notes.key(name, notes.COSIGNATURE_ML_DSA, lasting.public_key().public_bytes_raw()),
            lasting.sign,
        ),
    )


def _seed(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        seed = secrets.token_bytes(_SEED_BYTES)
        files.replace(path, seed, mode=0o600)
        return seed
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            raise UnusableKey(f"{path}: others can read this private key; chmod 600 it")
        seed = file.read(_SEED_BYTES + 1)
    if len(seed) != _SEED_BYTES:
        raise UnusableKey(f"{path}: not a key: {_SEED_BYTES} bytes are")
    return seed
