"""SPIFFE bundles (SPIFFE Trust Domain and Bundle, section 4): what a trust domain signs with.

One source for each trust domain that the configuration names. There is no other: a workload of any
other domain is nobody here, whoever signs for it.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from cryptography import x509

from safeconduct.config.schema import Config
from safeconduct.config.trust import Trust
from safeconduct.identity.keys import Source, WebKeys, reader, source
from safeconduct.kit import certificate, strictjson
from safeconduct.kit.jwk import JoseError, KeySet

JWT_USES: Final[frozenset[str | None]] = frozenset({"jwt-svid"})

_MAX_BYTES: Final = 1024 * 1024


class Bundle(KeySet, frozen=True):
    """The keys for JWT-SVIDs of a trust domain, and its X.509 authorities."""

    x509: tuple[x509.Certificate, ...] = ()


def read_bundle(jwts: Callable[[bytes], KeySet]) -> Callable[[bytes], Bundle]:
    """Reads a bundle, its JWT keys by `jwts`."""

    def read(data: bytes) -> Bundle:
        keys = jwts(data).keys
        document: dict[str, Any] = strictjson.loads(data, max_depth=8, max_bytes=_MAX_BYTES)
        hint = document.get("spiffe_refresh_hint")
        return Bundle(
            keys,
            refresh_s=hint if isinstance(hint, int) and hint > 0 else None,
            x509=tuple(_authorities(document["keys"])),
        )

    return read


def open_bundles(config: Config) -> dict[str, Source[Bundle]]:
    """The source of each trust domain that is believed. Raises UnusableKeys."""
    directory = Path(config.directory)
    return {
        domain: _open(directory, domain, reference)
        for domain, reference in config.root.trust.items()
    }


def _open(directory: Path, domain: str, trust: Trust) -> Source[Bundle]:
    where = trust.where
    if trust.workload_api is not None:
        from safeconduct.identity import workload_api  # noqa: PLC0415 with it comes HTTP/2

        path = Path(trust.workload_api.removeprefix("unix://"))
        return WebKeys(
            where,
            workload_api.from_workload_api(path, domain),
            workload_api.reader(frozenset(trust.algorithms)),
            max_stale_s=trust.max_stale_s,
        )
    # A bundle may have authorities for X.509-SVIDs alone, and belongs to somebody else.
    jwts = reader(trust, where if trust.bundle is None else None, JWT_USES)
    return source(directory, trust, where, read_bundle(jwts))


def _authorities(entries: list[object]) -> Iterator[x509.Certificate]:
    """Section 4.2.3: each entry for X.509-SVIDs has exactly one certificate. Raises JoseError."""
    for entry in entries:
        members = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
        if members.get("use") == "x509-svid":
            yield _authority(members)


def _authority(entry: Mapping[str, object]) -> x509.Certificate:
    try:
        (text,) = msgspec.convert(entry.get("x5c"), tuple[str, ...])
        return certificate.parse(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        raise JoseError("an X.509 authority that is not exactly one certificate") from None
