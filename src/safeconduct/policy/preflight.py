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

from safeconduct.policy import lint, probes
from safeconduct.policy.bundle import Bundle
from safeconduct.policy.engine import Evaluator, message, place
from safeconduct.policy.header import FILE
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.syntax import rules

CPU_S: Final = 5
WALL_S: Final = 60
"""Only for a child that waits for something; a slow machine must not refuse a sound bundle."""

_MEMORY_BYTES: Final = 512 * 1024 * 1024
_FIX: Final = "simplify the rules that were added last; look for nesting and large iterations"


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
        raise PolicyRefused(_failure(error, cpu_s), file=FILE, fix=_FIX) from None
    if verdict.refused is not None:
        found = verdict.refused
        raise PolicyRefused(found.sentence, file=found.file, line=found.line, fix=found.fix)


def judge(bundle: Bundle) -> None:
    """Judge the bundle in this process.

    Raises:
        PolicyRefused: at the first finding.
    """
    try:
        evaluator = Evaluator(bundle)
    except RecursionError:
        raise PolicyRefused("the rules are nested too deep", file=FILE, fix=_FIX) from None
    lint.check(evaluator.modules, bundle.entrypoint)
    for when, given in probes.typed():
        try:
            permitted = evaluator.ask(given, 0).permit
        except (RuntimeError, msgspec.ValidationError) as error:
            raise _failed(error, when) from None
        if permitted:
            _refuse_vacuous(bundle, evaluator, permitted[0].id, when)
    for rule in rules(evaluator.modules):
        if rule.kind in {"set", "value"} and None not in rule.path:
            # An error here can be a guard that stands in the caller; only coming back counts.
            with contextlib.suppress(RuntimeError):
                evaluator.run(".".join(("data", *filter(None, rule.path))))
    for when, given in probes.mistyped(evaluator.modules):
        # An error refuses the call, which is what a mistyped fact must do.
        with contextlib.suppress(RuntimeError, msgspec.ValidationError):
            permitted = evaluator.ask(given, 0).permit
            if permitted:
                _refuse_vacuous(bundle, evaluator, permitted[0].id, when)


def _refuse_vacuous(bundle: Bundle, evaluator: Evaluator, identity: str, when: str) -> None:
    if bundle.unsafe_permit_all:
        return
    rule = lint.find(evaluator.modules, bundle.entrypoint, identity)
    raise PolicyRefused(
        f"the rule `{identity}` permits {when}",
        file=rule.file,
        line=rule.line,
        fix="name the tools that it is for, and compare facts with literals",
    )


def _failed(error: Exception, when: str) -> PolicyRefused:
    file, line = place(error) or (FILE, 1)
    return PolicyRefused(
        f"the rules fail {when}: {message(error)}",
        file=file,
        line=line,
        fix="check that a fact is there, and its type, before using it",
    )


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


def _main() -> None:
    cpu_s = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS does not bound address space
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    refused = None
    try:
        judge(msgspec.json.decode(sys.stdin.buffer.read(), type=Bundle))
    except PolicyRefused as error:
        refused = _Finding(error.sentence, error.file, error.line, error.fix)
    sys.stdout.buffer.write(msgspec.json.encode(_Verdict(refused)))


if __name__ == "__main__":
    _main()
