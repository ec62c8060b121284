"""Where requests go, and their bytes (RFC 9112): the only place that writes HTTP.

What is the same for every request is written once. A field that could end early, frame the body
anew or name another host is refused, whoever it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

_HOST: Final = re.compile(r"[0-9A-Za-z._:-]+")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_KEPT_IN_PATH: Final = "/%:@!$&'()*+,;=?"
_PORTS: Final = {"http": 80, "https": 443}
# Ours alone: they say where a message ends, to whom it goes, or how its answer is packed.
_RESERVED: Final = frozenset({
    *("host", "content-length", "transfer-encoding", "trailer", "te"),
    *("connection", "keep-alive", "proxy-connection", "upgrade", "expect"),
    *("accept-encoding", "user-agent"),
})  # fmt: skip


class Unwritable(ValueError):
    """A header field that must not be sent. Says nothing of its value."""


class Target:
    """One URL. `fixed` are fields of every request that has a body, names in lower case."""

    def __init__(self, url: str, fixed: Mapping[str, str]) -> None:
        """Raises ValueError: the URL is not http(s), or has no usable host or port."""
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
            raise ValueError("not an http or https URL with a plain host")
        self.host = host
        self.tls = parts.scheme == "https"
        self.port = parts.port or _PORTS[parts.scheme]
        path = quote(parts.path or "/", safe=_KEPT_IN_PATH)
        query = f"?{quote(parts.query, safe=_KEPT_IN_PATH)}" if parts.query else ""
        authority = f"[{host}]" if ":" in host else host
        if self.port != _PORTS[parts.scheme]:
            authority = f"{authority}:{self.port}"
        self._bare = (
            f" {path}{query} HTTP/1.1\r\nhost: {authority}\r\n"
            "user-agent: safeconduct\r\naccept-encoding: identity\r\n"
        )
        self._with_body = f"POST{self._bare}{_fields(fixed, _RESERVED)}"
        self._reserved = _RESERVED.union(fixed)

    def post(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """A whole POST. Raises Unwritable."""
        fields = _fields(headers, self._reserved)
        return f"{self._with_body}{fields}content-length: {len(body)}\r\n\r\n".encode() + body

    def get(self, headers: Mapping[str, str]) -> bytes:
        """A whole GET of a stream of events. Raises Unwritable."""
        fields = _fields(headers, self._reserved)
        return f"GET{self._bare}accept: text/event-stream\r\n{fields}\r\n".encode()

    def delete(self, headers: Mapping[str, str]) -> bytes:
        """A whole DELETE. Raises Unwritable."""
        return f"DELETE{self._bare}{_fields(headers, self._reserved)}\r\n".encode()


def _fields(headers: Mapping[str, str], reserved: frozenset[str]) -> str:
    text = ""
    for name, value in headers.items():
        if not _writable(name, reserved):
            raise Unwritable("a header name that is reserved or no token")
        # Printable ASCII: no CR, LF or NUL, and nothing that two readers decode differently.
        if not (value.isascii() and value.isprintable()):
            raise Unwritable("a header value that is not printable ASCII")
        text += f"{name}: {value}\r\n"
    return text


# The same few names come with every request.
@lru_cache(maxsize=1024)
def _writable(name: str, reserved: frozenset[str]) -> bool:
    return name.lower() not in reserved and _NAME.fullmatch(name) is not None
