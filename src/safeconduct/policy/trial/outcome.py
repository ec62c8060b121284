"""What came of a trial."""

from __future__ import annotations

from pathlib import Path

import msgspec

from safeconduct.policy.contract import RuleAt
from safeconduct.policy.refusal import PolicyRefused


class Failed(Exception):
    """A test could not be evaluated; the text says why."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should look at; `file` is relative to the bundle, `line` from 1.

    `test` names the case or the test that failed, if it was one.
    """

    file: str
    line: int
    sentence: str
    fix: str = ""
    test: str | None = None

    def __str__(self) -> str:
        """As compilers write it."""
        test = f"{self.test}: " if self.test else ""
        fix = f" (fix: {self.fix})" if self.fix else ""
        return f"{self.file}:{self.line}: {test}{self.sentence}{fix}"

    def under(self, directory: Path) -> Finding:
        """The same with the path of the file that a person can open."""
        return msgspec.structs.replace(self, file=str(directory / self.file))


def finding(refused: PolicyRefused) -> Finding:
    """A refusal as something to look at."""
    return Finding(file=refused.file, line=refused.line, sentence=refused.sentence, fix=refused.fix)


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a file the tests made count, of those that could."""

    file: str
    covered: tuple[int, ...]
    missed: tuple[int, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The tests of one bundle. `silent` are rules that no case made speak."""

    engine: str
    passed: int = 0
    skipped: int = 0
    failed: tuple[Finding, ...] = ()
    lines: tuple[Lines, ...] = ()
    silent: tuple[RuleAt, ...] = ()

    @property
    def percent(self) -> int:
        """How many of the lines that could count did, in whole percent, rounded down."""
        covered = sum(len(file.covered) for file in self.lines)
        missed = sum(len(file.missed) for file in self.lines)
        return 100 * covered // (covered + missed) if covered else 0
