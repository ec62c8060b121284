"""Syslog: RFC 5424 messages over TLS (RFC 5425) or TCP, framed by counting octets (RFC 6587).

The protocol acknowledges nothing. Each batch has a connection of its own, which is closed in order:
when the receiver closes it in turn it has read to the end, though what it did with it nobody says.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import orjson

from safeconduct.audit.exports import said
from safeconduct.audit.exports.elastic import instant
from safeconduct.audit.exports.sink import ALL, Sink, SinkFault, Taken, Where
from safeconduct.audit.following import Copy

_AUDIT: Final = 13
_WARNING: Final = 4
_NOTICE: Final = 5
_ID: Final = "safeconduct@32473"
"""The enterprise number that RFC 5612 keeps for documentation: we have none of our own."""

_BOM: Final = b"\xef\xbb\xbf"


class Syslog(Sink):
    """`where.url` is `tls://host:port` or `tcp://host:port`."""

    max_items = 1000
    max_bytes = 4_000_000

    def __init__(self, where: Where) -> None:
        self._where = where
        parts = urlsplit(where.url)
        self._host, self._port = str(parts.hostname), parts.port or 6514
        self._tls = parts.scheme == "tls"

    def encode(self, copy: Copy) -> bytes:
        record = copy.record
        priority = _AUDIT * 8 + (_WARNING if said.denied(record) else _NOTICE)
        evidence = "".join(f' {name}="{escaped(value)}"' for name, value in copy.evidence.items())
        kind = said.text(record, "kind")[:32] or "-"
        head = (
            f"<{priority}>1 {instant(said.at_ms(record))} {copy.place.origin[:255]} safeconduct - "
            f'{kind} [{_ID} id="{escaped(copy.id)}"{evidence}] '
        )
        message = head.encode("ascii", "replace") + _BOM + orjson.dumps(record)
        return b"%d %b" % (len(message), message)

    def send(self, items: Sequence[bytes]) -> Taken:
        deadline = time.monotonic() + self._where.timeout_s
        try:
            with socket.create_connection((self._host, self._port), self._where.timeout_s) as plain:
                if not self._tls:
                    plain.sendall(b"".join(items))
                    plain.shutdown(socket.SHUT_WR)
                    _read_out(plain, deadline)
                    return ALL
                context = ssl.create_default_context(cafile=self._where.ca)
                with context.wrap_socket(plain, server_hostname=self._host) as sock:
                    sock.sendall(b"".join(items))
                    sock.unwrap()
        except (OSError, ValueError) as error:
            raise SinkFault(f"{self._host}: {type(error).__name__}") from None
        return ALL


def escaped(value: object) -> str:
    """A parameter's value (RFC 5424 section 6.3.3)."""
    text = str(value)
    for mark in ("\\", '"', "]"):
        text = text.replace(mark, "\\" + mark)
    return text


def _read_out(sock: socket.socket, deadline: float) -> None:
    """Until the other side closes. Raises OSError where it resets, or takes too long."""
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        sock.settimeout(left_s)
        if not sock.recv(4096):
            return
