"""How people and their machines are reached: mail, and addresses of networks."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Final

from safeconduct.inspectors.pii.shape import Place, Shape, in_words, is_part

_MAX_LOCAL: Final = 64
"""Characters before the @ (RFC 5321 section 4.5.3.1.1)."""

_LOCAL: Final = re.compile(r"[\w.!#$%&'*+?^`~-]*\w")
"""What stands before the @, backwards."""
_DOMAIN: Final = re.compile(r"(?:[\w-]{1,63}\.){1,8}(?:xn--[\w-]{2,59}|[^\W\d_]{2,63})(?![\w-])")
_VERSION: Final = re.compile(r"v?\d+\.\d")
_FILES: Final = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "mjs", "json"}
)


def _email(text: str, start: int, _: int) -> Place | None:
    """An address around an @ (RFC 5322 section 3.4.1 without comments and quoting; RFC 6531)."""
    domain = _DOMAIN.match(text, start + 1)
    local = _LOCAL.match(text[max(start - _MAX_LOCAL, 0) : start][::-1])
    if domain is None or local is None:
        return None
    name = local[0][::-1]
    if name[-1] == "." or ".." in name:
        return None
    if _VERSION.match(domain[0]) or domain[0].rpartition(".")[2].lower() in _FILES:
        return None
    if name == "git" and text[domain.end() : domain.end() + 1] == ":":
        return None
    return start - len(name), domain.end()


def _ip(text: str, start: int, end: int) -> Place | None:
    if is_part(text, start, end) or text[max(start - 1, 0) : start] in {".", ":"}:
        return None
    try:
        address = ip_address(text[start:end])
    except ValueError:
        return None
    return (start, end) if address.is_global else None


_SIX: Final = re.compile(r"[0-9A-Fa-f:]{2,39}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?")


def _ip6(text: str, start: int, end: int) -> Place | None:
    """All of an address of which a part was seen."""
    while start and text[start - 1] in "0123456789abcdefABCDEF:" and end - start < 39:
        start -= 1
    found = _SIX.match(text, start)
    if found is None or text[found.end() : found.end() + 1].isalnum():
        return None
    try:
        address = IPv6Address(found[0])
    except ValueError:
        return None
    return (start, found.end()) if address.is_global else None


def _mac(text: str, start: int, end: int) -> Place | None:
    around = text[max(start - 1, 0) : start] + text[end : end + 1]
    return None if ":" in around or "-" in around else (start, end)


_PAIR: Final = "[0-9A-Fa-f]{2}"

SHAPES: Final = (
    Shape("pii.email", "e-mail address", r"@[^ \t\r\n\f@\"]", _email, wide=True),
    Shape("pii.ip", "IPv4 address", in_words(r"(?:\d{1,3}\.){3}\d{1,3}"), _ip),
    Shape("pii.ip", "IPv6 address", r"[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:", _ip6, wide=True),
    Shape(
        "pii.mac",
        "MAC address",
        in_words(rf"{_PAIR}(?::{_PAIR}){{5}}|{_PAIR}(?:-{_PAIR}){{5}}"),
        _mac,
        wide=True,
    ),
)
