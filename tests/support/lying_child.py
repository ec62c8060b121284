"""Stands in for the process that evaluates Rego, and does what no such process does.

The name of the bundle says what.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator

import msgspec

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.rego.child import ANSWERED, ASKED, Described
from safeconduct.policy.versions import engine_name

GOOD = PolicyAnswer(engine=engine_name("rego"), permit=("read",))


def framed(text: bytes) -> bytes:
    return ANSWERED.pack(len(text)) + text


LAST = {
    "another shape": framed(b'{"permit":"read"}'),
    "no json": framed(b"permit"),
    "no length": b"\xff" * 64,
    "leaves": b"",
}


def said(answer: PolicyAnswer, bundle: Bundle) -> bytes:
    return framed(msgspec.json.encode(msgspec.structs.replace(answer, bundle=bundle.digest)))


def lies(bundle: Bundle) -> Iterator[bytes]:
    good = said(GOOD, bundle)
    match bundle.header.name:
        case "another bundle":
            yield framed(msgspec.json.encode(GOOD))
            return
        case "endless":
            yield b"\x00\x0f\x00\x00" + b" " * 1000
            return
        case "half":
            yield good[: len(good) // 2]
        case "twice":
            yield good + good
        case "byte by byte":
            for place in range(len(good)):
                yield good[place : place + 1]
            return
        case "stops first":
            os.kill(os.getpid(), signal.SIGSTOP)
            yield good
            return
        case how if how in LAST:
            yield LAST[how]
        case _:
            return
    raise SystemExit


def main() -> None:
    with socket.socket(fileno=sys.stdin.fileno()) as connection, connection.makefile("rb") as asked:

        def question() -> bytes:
            length, _ = ASKED.unpack(asked.read(ASKED.size))
            return asked.read(length)

        bundle = msgspec.json.decode(question(), type=Bundle)
        if bundle.header.name == "silent start":
            return
        connection.sendall(framed(msgspec.json.encode(Described())))
        if bundle.header.name == "does not stay":
            return
        while True:
            question()
            for part in lies(bundle):
                connection.sendall(part)


if __name__ == "__main__":
    main()
