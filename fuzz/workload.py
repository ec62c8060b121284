"""Targets that read what processes send to the Workload API: messages, and HTTP/2 around them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any, Final

from fuzz.cuts import cuts
from fuzz.streams import Pipe
from safeconduct.identity.issuer import messages
from safeconduct.identity.issuer.grpc import Call, Service

METHOD: Final = b"/SpiffeWorkloadAPI/FetchJWTSVID"


# Neither package has types.
_OFFICIAL: Final[Any] = import_module("spiffe._proto.workload_pb2").JWTSVIDRequest
_DECODE_ERROR: Final[type[Exception]] = import_module("google.protobuf.message").DecodeError


def requests(data: bytes) -> None:
    """What is understood of a request is what Protocol Buffers' own reader understands."""
    try:
        ours = messages.jwt_svid_request(data)
    except messages.Malformed:
        return
    try:
        theirs = _OFFICIAL.FromString(data)
    except _DECODE_ERROR:
        return  # of what is passed over here something is wrong
    assert ours == (tuple(theirs.audience), theirs.spiffe_id)


def calls(data: bytes) -> None:
    """Whatever arrives ends in calls, in silence or in the end of its connection, and the same
    calls however it was cut, unless that end came between.
    """
    outcomes = [asyncio.run(_calls(pieces)) for pieces in cuts(data)]
    assert all(len(call) < len(data) for _, found in outcomes for call in found)
    understood = [found for closed, found in outcomes if not closed]
    assert all(found == understood[0] for found in understood), understood


async def _calls(pieces: list[bytes]) -> tuple[bool, list[bytes]]:
    """Whether the connection was ended, and the messages of the calls that arrived."""
    found: list[bytes] = []

    async def heard(call: Call) -> AsyncGenerator[bytes, None]:
        found.append(call.message)
        yield call.message

    connection = Service({METHOD: heard}).connection()
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        pipe = _Known(ours)
        connection.connection_made(pipe)
        for piece in pieces:
            if not pipe.is_closing():
                connection.data_received(piece)
        for _ in range(4):
            await asyncio.sleep(0)
        connection.connection_lost(None)
    return pipe.is_closing(), sorted(found)


class _Known(Pipe):
    """A transport whose other end the kernel knows."""

    def __init__(self, ours: socket.socket) -> None:
        super().__init__()
        self._ours = ours

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._ours if name == "socket" else default
