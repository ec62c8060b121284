"""Tests in Rego, and which lines of Rego rules are reached: by the engine that gateways use.

Runs in a process of its own only, so an engine that panics ends nothing else.
"""

from __future__ import annotations

import contextlib
from typing import Final

import msgspec
import regorus

from safeconduct.policy.bundles.reading import Bundle, RuleFile
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.builtins import FORBIDDEN
from safeconduct.policy.rego.elements import SETS
from safeconduct.policy.rego.evaluator import message, place
from safeconduct.policy.rego.syntax import Rule, decode, rules
from safeconduct.policy.trial.base import NOW_MS
from safeconduct.policy.trial.outcome import Failed, Lines

_TEST: Final = "test_"
_LATER: Final = "todo_test_"
_UNDEFINED: Final = "<undefined>"


class _File(msgspec.Struct, frozen=True):
    path: str
    covered: tuple[int, ...]
    not_covered: tuple[int, ...]


class _Coverage(msgspec.Struct, frozen=True):
    files: tuple[_File, ...]


class RegoTests:
    """The rules of a bundle together with its tests. `sets` are those that the rules add to.

    Raises:
        PolicyRefused: one of them does not parse.
    """

    def __init__(self, bundle: Bundle, tests: tuple[RuleFile, ...]) -> None:
        self._now_ms = NOW_MS
        self._engine = regorus.Engine()
        for name, arguments in FORBIDDEN.items():
            self._engine.add_extension(name, arguments, _forbid)
        self._engine.add_extension("time.now_ns", 0, lambda: self._now_ms * 1_000_000)
        self._engine.set_enable_coverage(True)
        for file in (*bundle.rules, *tests):
            try:
                self._engine.add_policy(file.path, file.text)
            except RuntimeError as error:
                _, line = place(error) or ("", 1)
                raise PolicyRefused(
                    f"not Rego: {message(error)}",
                    file=file.path,
                    line=line,
                    fix="see the language reference of Open Policy Agent",
                ) from None
        self._engine.add_data_json(bundle.data)
        self._files = {file.path for file in bundle.rules}
        self._entrypoint = bundle.header.entrypoint
        self._rules = rules(decode(self._engine.get_ast_as_json()))
        package = tuple(self._entrypoint.split("."))
        added = {rule.path for rule in self._rules if rule.file in self._files}
        self.sets = tuple(name for name in SETS if (*package, name) in added)

    def found(self) -> list[Rule]:
        """Every test once, in the order of the text."""
        named: dict[str, Rule] = {}
        for rule in self._rules:
            name = rule.path[-1] or ""
            is_test = rule.file not in self._files and name.startswith((_TEST, _LATER))
            if is_test and rule.kind in {"set", "value"}:
                named.setdefault(address(rule), rule)
        return list(named.values())

    def holds(self, test: Rule) -> bool:
        """Whether a test is true, or a collection that is not empty.

        Raises:
            Failed: it could not be evaluated.
        """
        self._now_ms = NOW_MS
        try:
            return holding(msgspec.json.decode(self._engine.eval_rule_as_json(address(test))))
        except RuntimeError as error:
            where = place(error)
            at = "" if where is None else f" at {where[0]}:{where[1]}"
            raise Failed(f"{message(error)}{at}") from None

    def look(self, input_json: bytes, now_ms: int) -> None:
        """Let the rules answer, for the lines that it takes."""
        self._now_ms = now_ms
        self._engine.set_input_json(input_json.decode())
        for name in self.sets:
            # What fails is what the answer of the case says.
            with contextlib.suppress(RuntimeError):
                self._engine.eval_rule_as_json(f"data.{self._entrypoint}.{name}")

    def lines(self) -> tuple[Lines, ...]:
        """What was reached until now, of the files that decide."""
        report = msgspec.json.decode(self._engine.get_coverage_report_as_json(), type=_Coverage)
        return tuple(
            Lines(file=file.path, covered=file.covered, missed=file.not_covered)
            for file in report.files
            if file.path in self._files
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


def _forbid(*_: object) -> None:
    raise RuntimeError("no rule may call this")
