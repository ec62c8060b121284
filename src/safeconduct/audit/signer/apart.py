"""A signer in a process of its own: it alone holds the key, and it ends with this one.

It is started again when it dies, says nothing for a while, or something that makes no sense.
"""

from __future__ import annotations

import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.notes import MAX_BYTES, BadNote, Key
from safeconduct.audit.signer import Refused, Unavailable
from safeconduct.audit.signer.frames import ANSWERED, ASKED, DONE, REFUSED, UNAVAILABLE, received
from safeconduct.kit.programs import program

ANSWER_S: Final = 10.0
"""How long it may take for a checkpoint: a second's records are read in a hundredth of that."""

FIRST_S: Final = 600.0
"""How long it may take for the first one, when it may have to read a log as a whole."""

_MODULE: Final = "safeconduct.audit.signer"


class Apart:
    """Asks the process that signs for one log. Implements `Signing`."""

    def __init__(self, directory: Path, state: Path, origin: str) -> None:
        """Starts the process, and does not wait for it. Raises OSError."""
        self._arguments = (str(directory), str(state), origin)
        self._key: Key | None = None  # the first one's
        self._greeted: Key | None = None
        self._child: _Child | None = _Child(*self._arguments)

    @property
    def pid(self) -> int | None:
        """The process, if there is one now."""
        return None if self._child is None else self._child.pid

    def start(self) -> Key:
        """See `Signing`."""
        return self._ready()[1]

    def sign(self, size: int, *, last: bool = False) -> str:
        """See `Signing`."""
        child, key = self._ready()
        try:
            text = child.ask(ASKED.pack(size, last))
            note = notes.parse(text.encode())
            notes.verify(note, [key])
            if checkpoint.parse(note.text).size != size:
                raise BadNote("a checkpoint of another size")
        except (ValueError, OSError) as error:
            self.close()
            raise Unavailable(f"the signer did not sign: {error}") from error
        child.timeout(ANSWER_S)
        return text

    def close(self) -> None:
        """See `Signing`."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _ready(self) -> tuple[_Child, Key]:
        """The process, started as needed, and the key that it said it has."""
        try:
            if self._child is None:
                self._child = _Child(*self._arguments)
                self._greeted = None
            key = self._greeted or notes.parse_key(self._child.ask())
        except (ValueError, OSError) as error:
            self.close()
            raise Unavailable(f"the signer did not come up: {error}") from error
        if self._key not in {None, key}:
            self.close()
            raise Refused("edited", "the signer has another key than a moment ago")
        self._key = self._greeted = key
        return self._child, key


class _Child:
    """One process, until it has to be ended."""

    def __init__(self, *arguments: str) -> None:
        self._connection, end = socket.socketpair()
        command, environment = program(_MODULE, *arguments)
        try:
            with end:
                self._process = subprocess.Popen(  # noqa: S603 our own module
                    command, stdin=end.fileno(), stdout=subprocess.DEVNULL, env=environment
                )
        except OSError:
            self._connection.close()
            raise
        self.pid = self._process.pid
        self._connection.settimeout(FIRST_S)

    def timeout(self, seconds: float) -> None:
        """How long an answer may take from now on."""
        self._connection.settimeout(seconds)

    def ask(self, question: bytes = b"") -> str:
        """What it answers. Raises Refused, Unavailable; OSError, ValueError: there is no answer."""
        self._connection.sendall(question)
        kind, length = ANSWERED.unpack(self._read(ANSWERED.size))
        if length > MAX_BYTES:
            raise ValueError(f"an answer of {length} bytes")
        text = self._read(length).decode()
        if kind == REFUSED:
            code, _, sentence = text.partition(" ")
            raise Refused(code, sentence)
        if kind == UNAVAILABLE:
            raise Unavailable(text)
        if kind != DONE:
            raise ValueError(f"an answer of kind {kind}")
        return text

    def end(self) -> None:
        """Ends it, and waits until it has: at once if it waits for the next question."""
        self._connection.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._process.kill()
        self._process.wait()

    def _read(self, length: int) -> bytes:
        data = received(self._connection, length)
        if not data:
            raise ValueError("it ended")
        return data
