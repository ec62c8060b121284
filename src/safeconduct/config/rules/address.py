"""What is wrong with an address, in words."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_REFERENCE: Final = re.compile(r"file:.+|env:[A-Za-z_][A-Za-z0-9_]*")


def is_reference(text: str) -> bool:
    """Whether this says where a secret is, instead of the secret."""
    return _REFERENCE.fullmatch(text) is not None


def split(url: str) -> SplitResult | None:
    """The parts of an absolute http(s) URL without user, query and fragment; None for others."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or port == 0)
    clean = url.isascii() and url.isprintable() and " " not in url
    return (
        parts if parts.scheme in {"http", "https"} and parts.hostname and plain and clean else None
    )


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def exposed(parts: SplitResult) -> bool:
    """Whether what is sent there can be read on the way."""
    return parts.scheme == "http" and not is_loopback(parts.hostname)


def listening(text: str) -> tuple[str, int] | None:
    """Host and port of `host:port` or `[address]:port`; None for anything else."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if not (colon and host and 1 <= number <= 65_535) or (":" in host) != bracketed:
        return None
    return host, number
