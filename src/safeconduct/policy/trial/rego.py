"""Tests in Rego, and which lines of Rego rules are reached: by the engine that gateways use.

Runs in a process of its own only, so an engine that panics ends nothing else.
"""

from __future__ import annotations

import contextlib
from typing import Final

import msgspec

from safeconduct.policy.bundles.reading import Bundle, RuleFile
from safeconduct.policy.rego.evaluator import Evaluator, defined, message, place
from safeconduct.policy.rego.syntax import Rule, rules
from safeconduct.policy.trial.base import NOW_MS
from safeconduct.policy.trial.outcome import Failed, Lines

_TEST: Final = "test_"
_LATER: Final = "todo_test_"


class _File(msgspec.Struct, frozen=True):
    path: str
    covered: tuple[int, ...]
    not_covered: tuple[int, ...]


class _Coverage(msgspec.Struct, frozen=True):
    files: tuple[_File, ...]


class RegoTests(Evaluator):
    """The rules of a bundle together with its tests. `sets` are those that the rules add to.

    Raises:
        PolicyRefused: one of them does not parse.
    """

    def __init__(self, bundle: Bundle, tests: tuple[RuleFile, ...]) -> None:
        super().__init__(msgspec.structs.replace(bundle, rules=(*bundle.rules, *tests)))
        self._engine.set_enable_coverage(True)
        self._deciding = {file.path for file in bundle.rules}
        deciding = [one for one in self.modules if one["source"]["file"] in self._deciding]
        self.sets = defined(bundle.header.entrypoint, deciding)

    def found(self) -> list[Rule]:
        """Every test once, in the order of the text."""
        named: dict[str, Rule] = {}
        for rule in rules(self.modules):
            name = rule.path[-1] or ""
            is_test = rule.file not in self._deciding and name.startswith((_TEST, _LATER))
            if is_test and rule.kind in {"set", "value"}:
                named.setdefault(address(rule), rule)
        return list(named.values())

    def holds(self, test: Rule) -> bool:
        """Whether a test is true, or a collection that is not empty.

        Raises:
            Failed: it could not be evaluated.
        """
        self._clock.now_ns = NOW_MS * 1_000_000
        try:
            return holding(msgspec.json.decode(self._engine.eval_rule_as_json(address(test))))
        except RuntimeError as error:
            where = place(error)
            at = "" if where is None else f" at {where[0]}:{where[1]}"
            raise Failed(f"{message(error)}{at}") from None

    def look(self, input_json: bytes, now_ms: int) -> None:
        """Let the rules answer, for the lines that it takes."""
        # What fails is what the answer of the case says.
        with contextlib.suppress(RuntimeError, msgspec.ValidationError):
            self.ask(input_json, now_ms)

    def lines(self) -> tuple[Lines, ...]:
        """What was reached until now, of the files that decide."""
        report = msgspec.json.decode(self._engine.get_coverage_report_as_json(), type=_Coverage)
        return tuple(
            Lines(file=file.path, covered=file.covered, missed=file.not_covered)
            for file in report.files
            if file.path in self._deciding
        )


def holding(value: object) -> bool:
    """Whether what a test says means that it holds."""
    return value is True or (isinstance(value, list | dict) and value not in ([], {}))


def later(test: Rule) -> bool:
    """Whether the test is only planned."""
    return (test.path[-1] or "").startswith(_LATER)


def address(rule: Rule) -> str:
    """The whole name of a rule."""
    return ".".join(("data", *(name or "" for name in rule.path)))
