"""A trust domain's bundle from a SPIFFE Workload API on this machine, such as SPIRE's agent.

Its streams are asked for what they say first, and again when keys are due or an unknown one is
named: that way a socket which hangs or vanishes is what any other source is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamReset, TrailersReceived
from h2.exceptions import H2Error

from safeconduct.identity import keys
from safeconduct.identity.bundles import Bundle
from safeconduct.identity.issuer import messages
from safeconduct.identity.keys import Ask, Published
from safeconduct.kit import certificate
from safeconduct.kit.fetch import FetchError
from safeconduct.kit.jwk import Algorithm, JoseError, KeySet

REFRESH_S: Final = 60.0
"""How often it is asked: it is near, and knows what is new."""

# What an API says of JWT keys is a plain JWK Set; a bundle that says for what they are is one too.
_USES: Final[frozenset[str | None]] = frozenset({"jwt-svid", None})
_SERVICE: Final = "/SpiffeWorkloadAPI/"
_MAX_BYTES: Final = 1024 * 1024
_PREFIX: Final = 5
_EMPTY: Final = bytes(_PREFIX)
_DER_SEQUENCE: Final = 0x30


class _Document(msgspec.Struct, frozen=True, array_like=True):
    """What both methods said of one trust domain: a JWK Set, and certificates end to end."""

    jwks: bytes
    certificates: bytes


def from_workload_api(path: Path, domain: str) -> Ask:
    """Asks the API at a socket for the bundle of a trust domain."""

    async def ask(tag: str | None) -> Published:
        del tag
        try:
            async with asyncio.timeout(keys.TIMEOUT_S):
                jwts, certificates = await _first_answers(path)
            name = f"spiffe://{domain}"
            document = _Document(
                messages.bundles(jwts, 1).get(name, b'{"keys": []}'),
                messages.bundles(certificates, 2).get(name, b""),
            )
        except (OSError, H2Error, messages.Malformed) as fault:
            raise FetchError(f"{path}: {type(fault).__name__}") from None
        return Published(msgspec.msgpack.encode(document), None, REFRESH_S)

    return ask


def reader(algorithms: frozenset[Algorithm]) -> keys.Reader[Bundle]:
    """Reads what the API said."""

    def read(data: bytes) -> Bundle:
        document = msgspec.msgpack.decode(data, type=_Document)
        jwts = KeySet.published(document.jwks, uses=_USES, algorithms=algorithms)
        try:
            authorities = tuple(certificate.parse(one) for one in _split(document.certificates))
        except ValueError:
            raise JoseError("X.509 authorities that are no certificates") from None
        return Bundle(jwts.keys, x509=authorities)

    return read


def _split(certificates: bytes) -> Iterator[bytes]:
    """Certificates that stand end to end, each a sequence that says its length (X.690)."""
    while certificates:
        size = 2 + certificates[1] if len(certificates) > 1 else 0
        if size > 2 + 0x7F:
            octets = size - 2 - 0x80
            size = 2 + octets + int.from_bytes(certificates[2 : 2 + octets])
        if certificates[0] != _DER_SEQUENCE or not 2 < size <= len(certificates):
            raise ValueError("not a certificate")
        yield certificates[:size]
        certificates = certificates[size:]


async def _first_answers(path: Path) -> tuple[bytes, bytes]:
    """The first message of each stream. Raises OSError, H2Error, FetchError."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        connection = H2Connection(H2Configuration(header_encoding=None))
        connection.initiate_connection()
        streams = {
            _open(connection, method): bytearray()
            for method in ("FetchJWTBundles", "FetchX509Bundles")
        }
        while True:
            writer.write(connection.data_to_send())
            first, second = (_message(body) for body in streams.values())
            if first is not None and second is not None:
                return first, second
            data = await reader.read(64 * 1024)
            if not data:
                raise FetchError(f"{path}: closed without an answer")
            for event in connection.receive_data(data):
                _take(connection, streams, event, path)
    finally:
        writer.close()


def _open(connection: H2Connection, method: str) -> int:
    number = connection.get_next_available_stream_id()
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": _SERVICE + method,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
        # Demanded by the standard, so that no page in a browser can be made to ask.
        "workload.spiffe.io": "true",
    }
    connection.send_headers(number, list(headers.items()))
    connection.send_data(number, _EMPTY, end_stream=True)
    return number


def _take(
    connection: H2Connection, streams: dict[int, bytearray], event: Event, path: Path
) -> None:
    match event:
        case DataReceived(stream_id=int(number)):
            connection.acknowledge_received_data(event.flow_controlled_length or 0, number)
            streams[number] += event.data or b""
            if len(streams[number]) > _MAX_BYTES:
                raise FetchError(f"{path}: an answer that is too long")
        case ResponseReceived() | TrailersReceived():
            # A stream that says its status has ended, and these do not end by themselves.
            status = {bytes(name): value for name, value in event.headers or ()}
            if b"grpc-status" in status:
                raise FetchError(f"{path}: gRPC status {status[b'grpc-status'][:3].decode()}")
        case StreamReset():
            raise FetchError(f"{path}: does not answer")
        case _:
            pass


def _message(body: bytearray) -> bytes | None:
    """The first message, once it is there whole: a flag, its length, and it."""
    size = _PREFIX + int.from_bytes(body[1:_PREFIX])
    return bytes(body[_PREFIX:size]) if len(body) >= max(size, _PREFIX) else None
