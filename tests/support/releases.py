"""Releases of policies, signed where a test wants them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from safeconduct.kit.jwk import KeySet, PrivateKey
from safeconduct.policy.bundles import layout
from safeconduct.policy.bundles.release import Release
from safeconduct.policy.bundles.signing import sign
from tests.support.bundles import GUARDED, HEADER

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS: Final = int(NOW.timestamp() * 1000)
KEY: Final = PrivateKey.generate()
KEYS: Final = KeySet({KEY.public.kid: KEY.public})
FILES: Final[Mapping[str, bytes]] = {
    "policy.yaml": HEADER.encode(),
    "rules/test.rego": GUARDED.encode(),
    "data/crm.json": b'{"tiers": [1, 2]}',
}


def released(
    files: Mapping[str, bytes] = FILES,
    *,
    version: int = 1,
    previous: str | None = None,
    not_after: datetime = NOW + timedelta(days=30),
    key: PrivateKey = KEY,
    signer: str | None = None,
) -> dict[str, bytes]:
    """A release of these files."""
    release = Release(
        version=version,
        not_after=not_after,
        digest=layout.digest_of(layout.content_of(files)),
        signer=signer or key.public.kid,
        previous=previous,
    )
    return sign(files, key, release, now_s=int(NOW.timestamp()))


def digest(files: Mapping[str, bytes] = FILES) -> str:
    """What names the content of these files."""
    return layout.digest_of(layout.content_of(files))


def published(path: Path, *keys: PrivateKey) -> Path:
    """A JWK Set with the public halves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"keys": [key.public.jwk(use="sig") for key in keys or (KEY,)]}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def unfolded(files: Mapping[str, bytes], directory: Path) -> Path:
    """The files in a directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory
