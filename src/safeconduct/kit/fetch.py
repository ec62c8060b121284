"""Small documents from other services: keys, metadata, token responses.

One request, one bounded answer, no redirect, no cache. It blocks a thread and not the event loop,
as these requests are few and nothing on a call's way waits for them. What calls of agents go over
is `safeconduct.upstreams`.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

MAX_BYTES: Final = 1024 * 1024
"""How long an answer may be, unless told otherwise, in bytes."""

TIMEOUT_S: Final = 10.0
"""How long a request may take in all, unless told otherwise."""

_CHUNK: Final = 64 * 1024


class FetchError(Exception):
    """No usable answer. The message is for the operator: it names the host and the kind of fault,
    never what was sent.
    """


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; header names are in lower case, and the last of several fields stands."""

    status: int
    headers: dict[str, str]
    body: bytes


async def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    ca: Path | None = None,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
) -> Fetched:
    """As `ask`, while the event loop goes on.

    Raises:
        FetchError: no answer in time, one that is too long, or a URL that is not spoken to.
    """
    return await asyncio.to_thread(
        ask,
        url,
        method=method,
        headers=headers,
        body=body,
        ca=ca,
        timeout_s=timeout_s,
        max_bytes=max_bytes,
    )


def ask(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    ca: Path | None = None,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
    plain: bool = False,
) -> Fetched:
    """Asks once, and blocks. `ca` is a file of PEM certificates to trust instead of the system's.

    Unless `plain`, HTTP without TLS is spoken to this machine alone (RFC 8252 section 8.3); a
    redirect is an answer like any other. `timeout_s` bounds all of it but the look-up of the name,
    which the system bounds.

    Raises:
        FetchError: no answer in time, one that is too long, or a URL that is not spoken to.
    """
    if not spoken_to(url, plain=plain):
        raise FetchError("not an HTTPS URL")
    parts = urlsplit(url)
    host = str(parts.hostname)
    deadline = time.monotonic() + timeout_s
    connection: http.client.HTTPConnection | None = None
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca)
            connection = http.client.HTTPSConnection(host, parts.port, context=context)
            sock = _connected(host, connection.port, deadline)
            connection.sock = context.wrap_socket(sock, server_hostname=host)
            connection.sock.settimeout(_left_s(deadline))
        else:
            connection = http.client.HTTPConnection(host, parts.port)
            connection.sock = _connected(host, connection.port, deadline)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(method, target, body, {"Accept-Encoding": "identity", **(headers or {})})
        with _Response(connection.sock, method=method, deadline=deadline) as response:
            response.begin()
            return Fetched(
                status=response.status,
                headers={name.lower(): value for name, value in response.getheaders()},
                body=_read(response, max_bytes),
            )
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(f"{host}: {type(error).__name__}") from None
    finally:
        if connection is not None:
            connection.close()


def spoken_to(url: str, *, plain: bool = False) -> bool:
    """Whether a URL can be asked: HTTPS, or HTTP on this machine, and elsewhere if `plain`; no user
    name, no fragment.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.fragment:
        return False
    local = plain or _is_local(parts.hostname)
    return parts.scheme == "https" or (parts.scheme == "http" and local)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Received(io.RawIOBase):
    """What arrives before the deadline: the time-out of a socket starts anew with every byte."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase, deadline: float) -> None:
        self._sock = sock
        self._stream = stream
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401 any writable buffer
        self._sock.settimeout(_left_s(self._deadline))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is read before the deadline, its header fields too."""

    def __init__(self, sock: socket.socket, *, method: str, deadline: float) -> None:
        super().__init__(sock, method=method)
        self.fp = io.BufferedReader(_Received(sock, self.fp.detach(), deadline))


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first address that takes one; each has its part of the time."""
    error = OSError("no address")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for left, (family, kind, protocol, _, address) in zip(
        range(len(found), 0, -1), found, strict=True
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left_s(deadline) / left)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
            sock.settimeout(_left_s(deadline))
        except OSError as failed:
            sock.close()
            error = failed
        else:
            return sock
    raise error


def _left_s(deadline: float) -> float:
    """How much time is left, in seconds. Raises TimeoutError."""
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("too late")
    return left_s


def _read(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise ValueError("too long")
    if response.length:
        raise http.client.IncompleteRead(bytes(body))
    return bytes(body)
