"""Looks at a bundle in a process of its own before the gateway runs it.

A parser or a rule can end the process it runs in, or never come back. Here it ends a child, and the
bundle is refused. What passes was parsed, read by `lint`, evaluated with inputs that no call has,
and each of its rules was run once, in bounded time and memory.

Not covered: a rule that takes for ever only with some inputs. `rego.MAX_INPUT_BYTES` bounds what a
caller can add to them. Nothing in the process can interrupt the engine, as it holds the
interpreter's lock; whoever owns the process can have it end a process that stands still, with
`faulthandler.dump_traceback_later(seconds, exit=True)` armed anew by its loop.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from typing import Final

import msgspec

from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.refusal import PolicyRefused

CPU_S: Final = 5
WALL_S: Final = 60
"""Only for a child that waits for something; a slow machine must not refuse a sound bundle."""

_MEMORY_BYTES: Final = 512 * 1024 * 1024
FIX: Final = "simplify the rules that were added last; look for nesting and large iterations"


class _Finding(msgspec.Struct, frozen=True):
    sentence: str
    file: str
    line: int
    fix: str


class _Verdict(msgspec.Struct, frozen=True):
    refused: _Finding | None


def run(bundle: Bundle, *, cpu_s: int = CPU_S) -> None:
    """Judge the bundle in a child process; `cpu_s` is the processor time that it gets.

    Raises:
        PolicyRefused: the child found something, crashed, or took too long.
    """
    command = [sys.executable, "-P", "-m", "safeconduct.policy.preflight", str(cpu_s)]
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RUST_BACKTRACE": "0"}
    try:
        child = subprocess.run(  # noqa: S603 our own module, and no text of the bundle
            command,
            input=msgspec.json.encode(bundle),
            capture_output=True,
            env=environment,
            timeout=WALL_S,
            check=True,
        )
        verdict = msgspec.json.decode(child.stdout, type=_Verdict)
    except (subprocess.SubprocessError, OSError, msgspec.DecodeError) as error:
        raise PolicyRefused(_failure(error, cpu_s), file=FILE, fix=FIX) from None
    if verdict.refused is not None:
        found = verdict.refused
        raise PolicyRefused(found.sentence, file=found.file, line=found.line, fix=found.fix)


def _failure(error: Exception, cpu_s: int) -> str:
    match error:
        case subprocess.CalledProcessError(returncode=code) if code < 0:
            if -code == signal.SIGXCPU:
                return f"the rules did not come back within {cpu_s} s"
            return f"the engine crashed on the rules (signal {-code})"
        case subprocess.TimeoutExpired():
            return f"the rules did not come back within {WALL_S} s"
        case subprocess.CalledProcessError(stderr=bytes(complaint)):
            last = complaint.decode(errors="replace").strip().splitlines()[-1:]
            return f"the rules could not be judged: {''.join(last)[:200]}"
        case _:
            return f"the rules could not be judged: {error}"


def _judge(bundle: Bundle) -> None:
    """Judge the bundle in this process. Raises PolicyRefused at the first finding."""
    from safeconduct.policy.rego.judging import judge  # noqa: PLC0415 the native code of one engine

    judge(bundle)


def _main() -> None:
    cpu_s = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS does not bound address space
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    refused = None
    try:
        _judge(msgspec.json.decode(sys.stdin.buffer.read(), type=Bundle))
    except PolicyRefused as error:
        refused = _Finding(error.sentence, error.file, error.line, error.fix)
    sys.stdout.buffer.write(msgspec.json.encode(_Verdict(refused)))


if __name__ == "__main__":
    _main()
