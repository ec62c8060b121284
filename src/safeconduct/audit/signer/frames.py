"""What passes between a gateway and the process that signs for it."""

from __future__ import annotations

import socket
from struct import Struct
from typing import Final

ASKED: Final = Struct(">Q?")
"""The size to sign, and whether the log is closed with that."""

ANSWERED: Final = Struct(">BI")
"""What came of it, and the length of the text that says more."""

DONE: Final = 0
REFUSED: Final = 1
UNAVAILABLE: Final = 2


def received(connection: socket.socket, length: int) -> bytes:
    """So many bytes; none where the other side ended before. Raises OSError."""
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            return b""
        data += more
    return data
