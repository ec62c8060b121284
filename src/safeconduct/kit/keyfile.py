"""Private keys in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

import orjson

from safeconduct.kit import strictjson
from safeconduct.kit.jwk import JoseError, PrivateKey

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES: Final = 4096


class KeyFileError(ValueError):
    """A key file that must not be used; the message names it and says why."""


def load(path: Path) -> PrivateKey:
    """Read a private JWK.

    Raises:
        FileNotFoundError: there is none.
        KeyFileError: others may read it, or it holds no key.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            raise KeyFileError(f"{path}: others can read this private key; chmod 600 it")
        data = file.read(_MAX_BYTES)
    try:
        jwk = strictjson.loads(data)
        if not isinstance(jwk, dict):
            raise JoseError("not an object")
        return PrivateKey.parse(jwk)  # pyright: ignore[reportUnknownArgumentType] # JSON
    except ValueError:
        raise KeyFileError(f"{path}: no private JWK of type EC P-256 or Ed25519") from None


def load_or_create(path: Path) -> tuple[PrivateKey, bool]:
    """The key of this file, and whether it was created just now. Directories are made as needed.

    Raises:
        KeyFileError: see `load`.
    """
    try:
        return load(path), False
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = PrivateKey.generate()
    # Written aside and linked, so that no crash leaves half a key and no race overwrites one.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(key.jwk()))
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        return load(path), False
    finally:
        aside.unlink()
    return key, True
