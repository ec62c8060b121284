"""How a process that evaluates Rego comes up."""

from __future__ import annotations

import socket
import struct
import subprocess
from typing import Final

import msgspec

from safeconduct.kit.programs import program
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.child import ANSWERED, ASKED, Described

START_S: Final = 60
"""Only for a child that does not come up at all; a slow machine must not refuse a sound bundle."""

_MODULE: Final = "safeconduct.policy.rego.child"


class Limits(msgspec.Struct, frozen=True):
    """How long one question may take: processor time, and time on the clock, in seconds.

    The kernel holds a child to the first. The second is for a child that is stopped, or starved.
    """

    cpu_s: float = 0.25
    wall_s: float = 5.0


class Started:
    """A child that has read its bundle. Blocks until it has.

    Raises:
        PolicyRefused: the bundle is not usable, or there is no such process.
    """

    def __init__(self, bundle: Bundle, limits: Limits) -> None:
        self.connection, end = socket.socketpair()
        command, environment = program(_MODULE, str(limits.cpu_s))
        text = msgspec.json.encode(bundle)
        try:
            with end:
                # What the engine says when it panics quotes the input.
                self.process = subprocess.Popen(  # noqa: S603 our own module, no text of others
                    command,
                    stdin=end.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                )
        except OSError as error:
            self.connection.close()
            raise _unstarted(error) from None
        try:
            self.connection.settimeout(START_S)
            self.connection.sendall(ASKED.pack(len(text), 0) + text)
            self.described = self._read()
        except (OSError, struct.error, msgspec.DecodeError) as error:
            self.end()
            raise _unstarted(error) from None
        self.connection.settimeout(0)
        if self.described.refused is not None:
            self.end()
            raise PolicyRefused(self.described.refused, file=FILE, fix="see `safeconduct check`")

    def end(self) -> None:
        """End the process and wait until it has."""
        self.connection.close()
        self.process.kill()
        self.process.wait()

    def _read(self) -> Described:
        with self.connection.makefile("rb") as frames:
            (length,) = ANSWERED.unpack(frames.read(ANSWERED.size))
            return msgspec.json.decode(frames.read(length), type=Described)


def _unstarted(error: Exception) -> PolicyRefused:
    return PolicyRefused(
        f"no process for the rules came up ({type(error).__name__})",
        file=FILE,
        fix="see whether processes and memory are limited where the gateway runs",
    )
