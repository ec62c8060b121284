"""Modules of ours that run rules in a process of their own, in bounded time and memory.

A parser or a rule can end the process it runs in, or never come back. Here it ends a child.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import subprocess
import sys
from typing import Final, TypeVar

import msgspec

from safeconduct.kit.programs import program

WALL_S: Final = 60
"""Only for a child that waits for something; a slow machine must not refuse a sound bundle."""

MEMORY_BYTES: Final = 512 * 1024 * 1024

T = TypeVar("T")


class NoAnswer(Exception):
    """The child crashed, took too long, or said nothing that makes sense; the text says which."""


def ask(module: str, question: object, answer: type[T], *, cpu_s: int, wall_s: int = WALL_S) -> T:
    """Run a module that reads a question from standard input and writes an answer, both as JSON.

    `cpu_s` is the processor time that the child gets. Nothing of the environment reaches it.

    Raises:
        NoAnswer: there is none.
    """
    command, environment = program(module, str(cpu_s))
    try:
        child = subprocess.run(  # noqa: S603 our own module, and no text of the bundle
            command,
            input=msgspec.json.encode(question),
            capture_output=True,
            env=environment,
            timeout=wall_s,
            check=True,
        )
        return msgspec.json.decode(child.stdout, type=answer)
    except (subprocess.SubprocessError, OSError, msgspec.DecodeError) as error:
        raise NoAnswer(_failure(error, cpu_s, wall_s)) from None


def bound(memory_bytes: int | None) -> None:
    """In the child: no more than so many bytes of address space, and no dump of what is there."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes is not None:
        with contextlib.suppress(ValueError, OSError):  # macOS does not bound address space
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def question(kind: type[T], *, memory_bytes: int | None = MEMORY_BYTES) -> T:
    """In the child: take on the limits, then read what is asked. `memory_bytes` of address space,
    or None where an engine reserves more than it uses.
    """
    cpu_s = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    bound(memory_bytes)
    return msgspec.json.decode(sys.stdin.buffer.read(), type=kind)


def answer(value: object) -> None:
    """In the child: the answer."""
    sys.stdout.buffer.write(msgspec.json.encode(value))


def _failure(error: Exception, cpu_s: int, wall_s: int) -> str:
    match error:
        case subprocess.CalledProcessError(returncode=code) if code < 0:
            if -code == signal.SIGXCPU:
                return f"the rules did not come back within {cpu_s} s"
            return f"the engine crashed on the rules (signal {-code})"
        case subprocess.TimeoutExpired():
            return f"the rules did not come back within {wall_s} s"
        case subprocess.CalledProcessError(stderr=bytes(complaint)):
            last = complaint.decode(errors="replace").strip().splitlines()[-1:]
            return f"the rules could not be judged: {''.join(last)[:200]}"
        case _:
            return f"the rules could not be judged: {error}"
