"""Secrets by reference: `file:PATH` and `env:NAME`.

A reference is read anew for every use, so a rotated secret is used at once and nothing that a
memory dump of yesterday held is kept.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from safeconduct.ports import CredentialUnavailable

MAX_SECRET: Final = 16_384
"""How long a secret may be, in bytes."""


def read(directory: Path, reference: str | None) -> str:
    """The secret; a path is relative to the directory.

    Raises:
        CredentialUnavailable: the reference leads nowhere, or to something unusable.
    """
    source, _, where = (reference or "").partition(":")
    try:
        if source == "env":
            text = os.environ[where]
        elif source == "file":
            text = (directory / where).read_text(encoding="ascii")
        else:
            raise CredentialUnavailable("a credential is a `file:` or `env:` reference")
    except (OSError, KeyError, UnicodeError) as error:
        # The message names the kind of fault only: a path or a value may itself be a secret.
        raise CredentialUnavailable(type(error).__name__) from None
    secret = text.strip()
    if not secret or len(secret) > MAX_SECRET or not secret.isprintable():
        raise CredentialUnavailable("the secret is empty, too long or not printable")
    return secret
