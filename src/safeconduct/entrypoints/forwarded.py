"""Client certificates behind a load balancer that ends TLS: it says which one it was shown.

Its word is taken as a handshake is: for the key, not for the name. Whose certificate it is, and
whether it is good, is verified here as any other's.
"""

from __future__ import annotations

import binascii
import functools
import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote_to_bytes

from safeconduct.config.tls import Forwarded
from safeconduct.entrypoints.http import CERTIFICATE_HEADERS, Clients, Problem, Request, own
from safeconduct.kit.certificate import Certificate

_CHAIN: Final = b"client-cert-chain"
# Envoy's "HTTP header manipulation": an element for each hop, of parts like `Cert="..."`.
_PART: Final = re.compile(rb'([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;=]*))(?:;|\Z)')
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----(?:\r?\n|\Z)"
)
_BYTES: Final = re.compile(rb":([A-Za-z0-9+/=]*):")  # RFC 8941 section 3.3.5


def forwarded(block: Forwarded) -> Clients:
    """Takes the word of these load balancers, whose own certificates say nothing of their clients.
    Everybody else speaks for themselves.
    """
    networks = [ip_network(source) for source in block.sources]
    header = block.header.encode()
    names = {header, _CHAIN} if header == b"client-cert" else {header}
    read = _structured if header == b"client-cert" else _envoys

    def of(request: Request) -> Certificate | None:
        if not _is_within(request.peer.address, networks):
            return own(request)
        given = CERTIFICATE_HEADERS & request.headers.keys()
        if not given:
            return None
        if not given <= names or header not in given or any(map(request.repeats, given)):
            raise Problem(400, "A certificate comes in one header, and once.")
        try:
            return read(request.headers[header], request.headers.get(_CHAIN))
        except ValueError:
            raise Problem(400, "The certificate in a header cannot be read.") from None

    return of


def _is_within(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False  # no address at all, as on a local socket
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


@functools.lru_cache(maxsize=256)
def _structured(leaf: bytes, above: bytes | None) -> Certificate:
    """RFC 9440. Raises ValueError."""
    others = [] if above is None else [one.strip(b" \t") for one in above.split(b",")]
    found = [_BYTES.fullmatch(one) for one in (leaf, *others)]
    return Certificate.read(
        [binascii.a2b_base64(one[1] if one else b"?", strict_mode=True) for one in found]
    )


@functools.lru_cache(maxsize=256)
def _envoys(value: bytes, _: bytes | None) -> Certificate:
    """One element: another would be the word of somebody before. Raises ValueError."""
    parts: dict[bytes, bytes] = {}
    at = 0
    while at < len(value):
        part = _PART.match(value, at)
        if part is None:
            raise ValueError("not one element")
        name = part[1].lower()
        if name in {b"cert", b"chain"}:
            if name in parts:
                raise ValueError("a part twice")
            parts[name] = part[2] if part[3] is None else part[3]
        at = part.end()
    leaf = _pem(parts.get(b"cert", b""))
    chain = _pem(parts[b"chain"]) if b"chain" in parts else leaf
    if len(leaf) != 1 or chain[:1] != leaf:
        raise ValueError("not one certificate, first in its chain")
    return Certificate.read(chain)


def _pem(encoded: bytes) -> list[bytes]:
    """Certificates as PEM in percent-encoding, in DER, and nothing else. Raises ValueError."""
    text = unquote_to_bytes(encoded)
    found: list[bytes] = []
    at = 0
    while at < len(text):
        block = _PEM.match(text, at)
        if block is None:
            raise ValueError("not one certificate after the other")
        lines = block[1].translate(None, b"\r\n")
        found.append(binascii.a2b_base64(lines, strict_mode=True))
        at = block.end()
    return found
