"""The process that evaluates Rego for a gateway: one bundle, and one question after the other.

Over its standard input, a socket, come frames of a length (4 bytes, big-endian), a time (8 bytes,
milliseconds) and JSON text: first the bundle, then inputs. Each is answered by a frame of a length
and JSON text: first what the bundle is like, then what its rules say.
"""

from __future__ import annotations

import signal
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from safeconduct.policy import confined
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import RegoEngine

ASKED: Final = struct.Struct(">Iq")
ANSWERED: Final = struct.Struct(">I")

_BUFFER: Final = 256 * 1024


class Described(msgspec.Struct, frozen=True):
    """What a bundle is like, or why it is none."""

    members: frozenset[str] | None = None
    rules: tuple[RuleAt, ...] = ()
    refused: str | None = None


def _main() -> None:
    cpu_s = float(sys.argv[1])
    # It ends with the gateway, when nothing more can come, and not before: a signal to all
    # processes of a service would take the decisions from calls that are under way.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    confined.bound(confined.MEMORY_BYTES)
    with socket.socket(fileno=sys.stdin.fileno()) as connection:
        asked = _asked(connection)
        engine = _begin(connection, next(asked)[0])
        for question, now_ms in asked:
            # The kernel ends a process that computes for longer. Python could not, as the engine
            # holds the interpreter's lock. Waiting for the next question does not count.
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            _answer(connection, engine.evaluate(question, now_ms))


def _asked(connection: socket.socket) -> Iterator[tuple[bytes, int]]:
    given, size = b"", ASKED.size
    while True:
        if len(given) >= size:
            length, now_ms = ASKED.unpack_from(given)
            if len(given) >= size + length:
                yield given[size : size + length], now_ms
                given = given[size + length :]
                continue
        more = connection.recv(_BUFFER)
        if not more:
            return
        given += more


def _begin(connection: socket.socket, bundle: bytes) -> RegoEngine:
    try:
        engine = RegoEngine(msgspec.json.decode(bundle, type=Bundle))
    except PolicyRefused as error:
        _answer(connection, Described(refused=str(error)))
        raise SystemExit from None
    _answer(connection, Described(members=engine.members, rules=engine.rules))
    return engine


def _answer(connection: socket.socket, value: object) -> None:
    text = msgspec.json.encode(value)
    connection.sendall(ANSWERED.pack(len(text)) + text)


if __name__ == "__main__":
    _main()
