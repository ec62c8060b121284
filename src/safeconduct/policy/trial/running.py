"""Runs the tests of a bundle in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy import confined, preflight
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle, RuleFile, read
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.loading import engine, judge
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.judging import LIMIT_S, too_slow
from safeconduct.policy.rego.syntax import Rule
from safeconduct.policy.rego.text import check_text
from safeconduct.policy.trial.expectation import said
from safeconduct.policy.trial.matrix import Case, read_matrix
from safeconduct.policy.trial.outcome import Failed, Finding, Lines, Outcome, finding

CPU_S: Final = 60
WALL_S: Final = 600

MAX_FILE_BYTES: Final = 1024 * 1024

Judge = Literal["own", "opa"]
"""Who answers: the engine that gateways use, or Open Policy Agent itself."""

_TESTS: Final = "tests"
_REGO: Final = "_test.rego"


class Tests(msgspec.Struct, frozen=True):
    """The tests of a bundle: cases, each with its file, and files of tests in Rego."""

    cases: list[tuple[str, Case]]
    rego: tuple[RuleFile, ...]


class _Trial(msgspec.Struct, frozen=True):
    bundle: Bundle
    tests: Tests
    judge: Judge

    @property
    def engine(self) -> str:
        """What people call it."""
        return "opa" if self.judge == "opa" else self.bundle.header.engine


class _Answers(Protocol):
    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer: ...


class _Holds(Protocol):
    def holds(self, test: Rule) -> bool: ...


def run(
    directory: Path,
    judges: Sequence[Judge] = ("own",),
    *,
    cpu_s: int = CPU_S,
    wall_s: int = WALL_S,
) -> list[Outcome]:
    """Check the bundle in a directory and run its tests, in Rego once for each judge.

    Whatever is wrong is an outcome.
    """
    try:
        bundle = read(directory)
        judge(bundle)
        tests = read_tests(directory, bundle)
    except PolicyRefused as refused:
        return [Outcome(engine="not tested", failed=(finding(refused),))]
    if bundle.header.engine != "rego":
        judges = ("own",)
    return [_asked(_Trial(bundle, tests, by), cpu_s, wall_s) for by in judges]


def _asked(trial: _Trial, cpu_s: int, wall_s: int) -> Outcome:
    try:
        return confined.ask(__name__, trial, Outcome, cpu_s=cpu_s, wall_s=wall_s)
    except confined.NoAnswer as error:
        silence = Finding(file=FILE, line=1, sentence=str(error), fix=preflight.FIX)
        return Outcome(engine=trial.engine, failed=(silence,))


def has_tests(directory: Path) -> bool:
    """Whether anything stands in `tests/` of a bundle."""
    folder = directory / _TESTS
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def read_tests(directory: Path, bundle: Bundle) -> Tests:
    """Read `tests/` of a bundle.

    Raises:
        PolicyRefused: there is none, or something else stands there than tests.
    """
    cases: list[tuple[str, Case]] = []
    rego: list[RuleFile] = []
    folder = directory / _TESTS
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = f"{_TESTS}/{path.name}"
        if path.name.startswith("."):
            continue
        if path.suffix in {".yaml", ".yml"}:
            cases += ((name, case) for case in read_matrix(_text(path, name), name))
        elif path.name.endswith(_REGO) and bundle.header.engine == "rego":
            text = _text(path, name)
            check_text(text, name)
            rego.append(RuleFile(name, text))
        else:
            raise PolicyRefused(
                "not a test, so it would count for nothing",
                file=name,
                fix=f"keep matrices (.yaml) and, for Rego, files ending in {_REGO} in tests/",
            )
    if not cases and not rego:
        raise PolicyRefused(
            "there are no tests", file=_TESTS, fix="write one: docs/guides/test-policy.md"
        )
    return Tests(cases, tuple(rego))


def _text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise PolicyRefused(
                f"the file is larger than {MAX_FILE_BYTES} bytes", file=name, fix="split it"
            )
        return content.decode()
    except OSError as error:
        sentence, fix = f"the file cannot be read: {error.strerror}", "check its permissions"
    except UnicodeDecodeError:
        sentence, fix = "not UTF-8", "save it as UTF-8"
    raise PolicyRefused(sentence, file=name, fix=fix)


def _try(trial: _Trial) -> Outcome:
    """Run everything, in this process. Raises PolicyRefused."""
    bundle, tests = trial.bundle, trial.tests
    own = engine(bundle)
    if bundle.header.engine != "rego":
        return _cases(own, own.rules, trial)

    from safeconduct.policy.trial.rego import RegoTests, later  # noqa: PLC0415 native code

    rego = RegoTests(bundle, tests.rego)
    opa = None
    if trial.judge == "opa":
        from safeconduct.policy.trial.opa import Opa  # noqa: PLC0415 another native engine

        opa = Opa(bundle, tests.rego, rego.sets)
    found = rego.found()
    # Before any case, as tests are asked without an input.
    results = [_checked(opa or rego, test) for test in found if not later(test)]
    outcome = _cases(opa or own, own.rules, trial)
    for _, case in tests.cases:
        rego.look(case.input, case.now_ms)
    failed = [result for result in results if result is not None]
    return msgspec.structs.replace(
        outcome,
        passed=outcome.passed + len(results) - len(failed),
        skipped=len(found) - len(results),
        failed=(*failed, *outcome.failed),
        lines=rego.lines(),
    )


def _checked(by: _Holds, test: Rule) -> Finding | None:
    """What is wrong with a test in Rego."""
    try:
        sentence = None if by.holds(test) else "does not hold"
    except Failed as error:
        sentence = str(error)
    if sentence is None:
        return None
    return Finding(file=test.file, line=test.line, sentence=sentence, test=test.path[-1])


def _cases(by: _Answers, rules: tuple[RuleAt, ...], trial: _Trial) -> Outcome:
    """What the cases found, and which rules they made speak."""
    failed: list[Finding] = []
    spoke: set[str] = set()
    for file, case in trial.tests.cases:
        began_s = time.process_time()
        answer = by.evaluate(case.input, case.now_ms)
        took_s = time.process_time() - began_s
        spoke |= {*answer.permit, *answer.deny, *answer.log_only}
        spoke |= {rule.id for rule in answer.elevate}
        if not case.expected.met_by(answer):
            because = f" ({answer.error})" if answer.error else ""
            sentence = f"expected `{case.expected}`, the policy says `{said(answer)}`{because}"
            failed.append(Finding(file=file, line=case.line, sentence=sentence, test=case.name))
        elif trial.engine == "rego" and took_s > LIMIT_S:
            slow = too_slow(took_s)
            failed.append(Finding(file=file, line=case.line, sentence=slow, test=case.name))
    return Outcome(
        engine=trial.engine,
        passed=len(trial.tests.cases) - len(failed),
        failed=tuple(failed),
        lines=_lines(rules, spoke),
        silent=tuple(rule for rule in rules if rule.id not in spoke),
    )


def _lines(rules: tuple[RuleAt, ...], spoke: set[str]) -> tuple[Lines, ...]:
    """The lines where rules begin, as the ones that could count."""
    return tuple(
        Lines(
            file=file,
            covered=tuple(rule.line for rule in rules if rule.file == file and rule.id in spoke),
            missed=tuple(rule.line for rule in rules if rule.file == file and rule.id not in spoke),
        )
        for file in sorted({rule.file for rule in rules})
    )


def _main() -> None:
    trial = confined.question(_Trial, memory_bytes=None)
    if trial.judge != "opa":  # Go reserves far more address space than it uses
        confined.bound(confined.MEMORY_BYTES)
    try:
        outcome = _try(trial)
    except PolicyRefused as refused:
        outcome = Outcome(engine=trial.engine, failed=(finding(refused),))
    confined.answer(outcome)


if __name__ == "__main__":
    _main()
