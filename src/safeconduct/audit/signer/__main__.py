"""The process that alone holds a log's key: it signs until the one that asks is gone.

Over its standard input, a socket, come sizes of 8 bytes, big-endian, and whether it is the last (1
byte). There is an answer to each, and one before the first: what came of it (1 byte), a length (4
bytes) and text.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from safeconduct.audit.signer import Refused, Unavailable
from safeconduct.audit.signer.frames import ANSWERED, ASKED, DONE, REFUSED, UNAVAILABLE, received
from safeconduct.audit.signer.notary import Notary


def _main() -> None:
    directory, state, origin = sys.argv[1:]
    # A signal to all processes of a service must not end it before the last checkpoint: it ends
    # with the one that asks, when nothing more can come.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    notary = Notary(Path(directory), Path(state), origin)
    # Who asks may leave at any time: there is nobody to tell then.
    with suppress(ConnectionError), socket.socket(fileno=sys.stdin.fileno()) as connection:
        _answer(connection, lambda: str(notary.start()))
        while asked := received(connection, ASKED.size):
            size, last = ASKED.unpack(asked)
            _answer(connection, partial(notary.sign, size, last=last))


def _answer(connection: socket.socket, work: Callable[[], str]) -> None:
    try:
        kind, text = DONE, work()
    except Refused as refused:
        kind, text = REFUSED, f"{refused.code} {refused.sentence}"
    except Unavailable as unavailable:
        kind, text = UNAVAILABLE, str(unavailable)
    data = text.encode(errors="replace")
    connection.sendall(ANSWERED.pack(kind, len(data)) + data)


if __name__ == "__main__":
    _main()
