"""The broker: fetches the credential of one call from where the configuration points.

The reference is read anew for every call, so a rotated secret is used at once and nothing that a
memory dump of yesterday held is kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safeconduct.config.schema import CredentialBlock, Upstream
from safeconduct.ports import Credential, CredentialUnavailable, Errand

MAX_SECRET: Final = 16_384
"""How long a secret may be, in bytes."""


class Broker:
    """Credentials by upstream (`safeconduct.ports.Broker`).

    Args:
        directory: what `file:` references are relative to.
        upstreams: the configuration's upstreams.
    """

    def __init__(self, directory: Path, upstreams: Mapping[str, Upstream]) -> None:
        self._directory = directory
        self._blocks = {where: block.credential for where, block in upstreams.items()}

    async def credential(self, errand: Errand) -> Credential | None:
        """The credential of one call, or None for an upstream that needs none.

        Raises:
            CredentialUnavailable: the reference leads nowhere, or to something unusable.
        """
        block = self._blocks[errand.upstream]
        if block.kind == "none":
            return None
        secret = self._read(block)
        return Credential(
            kind=block.kind,
            headers={str(block.header): f"{block.scheme} {secret}".lstrip()},
        )

    def _read(self, block: CredentialBlock) -> str:
        source, _, where = (block.value or "").partition(":")
        try:
            if source == "env":
                text = os.environ[where]
            elif source == "file":
                text = (self._directory / where).read_text(encoding="ascii")
            else:
                raise CredentialUnavailable("a credential is a `file:` or `env:` reference")
        except (OSError, KeyError, UnicodeError) as error:
            # The message names the kind of fault only: a path or a value may itself be a secret.
            raise CredentialUnavailable(type(error).__name__) from None
        secret = text.strip()
        if not secret or len(secret) > MAX_SECRET or not secret.isprintable():
            raise CredentialUnavailable("the secret is empty, too long or not printable")
        return secret
