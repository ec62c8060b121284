"""Looks at a bundle in a process of its own before the gateway runs it.

A parser or a rule can end the process it runs in, or never come back. Here it ends a child, and the
bundle is refused. What passes was parsed, read by `lint`, evaluated with inputs that no call has,
and each of its rules was run once, in bounded time and memory.

Not covered: a rule that takes for ever only with some inputs. `rego.process` ends that one later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from safeconduct.policy import confined
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.refusal import PolicyRefused

CPU_S: Final = 5

FIX: Final = "simplify the rules that were added last; look for nesting and large iterations"


class _Finding(msgspec.Struct, frozen=True):
    sentence: str
    file: str
    line: int
    fix: str


def _finding(refused: PolicyRefused) -> _Finding:
    return _Finding(refused.sentence, refused.file, refused.line, refused.fix)


class _Verdict(msgspec.Struct, frozen=True):
    refused: _Finding | None


def run(bundle: Bundle, *, cpu_s: int = CPU_S) -> None:
    """Judge the bundle in a child process; `cpu_s` is the processor time that it gets.

    Raises:
        PolicyRefused: the child found something, crashed, or took too long.
    """
    try:
        verdict = confined.ask(__name__, bundle, _Verdict, cpu_s=cpu_s)
    except confined.NoAnswer as error:
        raise PolicyRefused(str(error), file=FILE, fix=FIX) from None
    if verdict.refused is not None:
        found = verdict.refused
        raise PolicyRefused(found.sentence, file=found.file, line=found.line, fix=found.fix)


def findings(bundle: Bundle) -> Iterator[PolicyRefused]:
    """All that is wrong with the rules, in this process.

    Raises:
        PolicyRefused: they cannot be read.
    """
    # The native code of one engine is all that the child loads.
    if bundle.header.engine == "rego":
        from safeconduct.policy.rego.judging import findings  # noqa: PLC0415 loaded where it is needed
    else:
        from safeconduct.policy.cedar.judging import findings  # noqa: PLC0415 loaded where it is needed
    return findings(bundle)


def _main() -> None:
    try:
        first = next(findings(confined.question(Bundle)), None)
    except PolicyRefused as error:
        first = error
    confined.answer(_Verdict(None if first is None else _finding(first)))


if __name__ == "__main__":
    _main()
