"""One Rego engine with one bundle, for the thread that made it.

The engine (regorus) is native code. It is not to be used, nor let go of, in another thread; its
calls that take Python objects can end the process, so values cross as JSON text only; it holds the
interpreter's lock while it evaluates.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final

import msgspec

from safeconduct.policy.bundles.header import FILE, RESERVED
from safeconduct.policy.bundles.reading import Bundle, RuleFile
from safeconduct.policy.contract import Sets
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.builtins import FORBIDDEN
from safeconduct.policy.rego.syntax import Node, decode, rules

_ANSWER: Final = "answer"
_RULE: Final = f"data.{RESERVED}.answer"
_PLACE: Final = re.compile(r"--> (?P<file>.+):(?P<line>\d+):\d+$", re.MULTILINE)
_MESSAGE: Final = re.compile(r"^error: (.*)", re.MULTILINE)

_DECODER: Final = msgspec.json.Decoder(Sets)


class Forbidden(Exception):
    """A rule called a builtin that no rule may call."""


class _Clock:
    """What rules take for the time: the decision's, so that a replay sees the same."""

    __slots__ = ("now_ns",)

    def __init__(self) -> None:
        self.now_ns = 0

    def read(self) -> int:
        return self.now_ns


class Evaluator:
    """Evaluates the sets of a bundle's entrypoint. `sets` are those that any rule adds to, where
    that is known already.

    Raises:
        PolicyRefused: the rules do not parse, or the engine is not installed.
    """

    def __init__(self, bundle: Bundle, sets: Iterable[str] | None = None) -> None:
        # With a stack trace in each of its errors the engine is slower than with rules.
        os.environ["RUST_LIB_BACKTRACE"] = "0"
        try:
            import regorus  # noqa: PLC0415 native code, loaded with the first Rego bundle
        except ImportError as error:
            raise PolicyRefused(
                f"the Rego engine cannot be loaded: {error}",
                file=FILE,
                fix="install the package gordon-to-regorus",
            ) from None
        # INVARIANT: no cycle of references leads through the engine. The collector would let go of
        # it in whatever thread it happens to run.
        self._clock = _Clock()
        self._engine = regorus.Engine()
        for name, arguments in FORBIDDEN.items():
            self._engine.add_extension(name, arguments, _forbid)
        self._engine.add_extension("time.now_ns", 0, self._clock.read)
        try:
            for rule in bundle.rules:
                self._parse(rule.path, rule.text)
            if sets is None:
                sets = defined(bundle.header.entrypoint, self.modules)
            self._parse(_ANSWER, _answer(bundle.header.entrypoint, sets))
            self._engine.add_data_json(bundle.data)
        except BaseException:
            self.close()
            raise

    @cached_property
    def modules(self) -> list[Node]:
        """The syntax tree of the rules. Raises RecursionError for one that is nested too deep."""
        found = decode(self._engine.get_ast_as_json())
        return [module for module in found if module["source"]["file"] != _ANSWER]

    def close(self) -> None:
        """Let go of the engine here and now, whoever still holds a traceback that leads to it."""
        del self._engine

    def also(self, files: Iterable[RuleFile]) -> Evaluator:
        """An evaluator with more rules, and the same data. Raises PolicyRefused."""
        other = copy.copy(self)
        other._engine = self._engine.clone()  # noqa: SLF001 it is one of these
        for file in files:
            other._parse(file.path, file.text)  # noqa: SLF001 another of this class
        return other

    def ask(self, input_json: bytes, now_ms: int) -> Sets:
        """The sets for one input. May raise anything, a BaseException when the engine panics."""
        self._clock.now_ns = now_ms * 1_000_000
        self._engine.set_input_json(input_json.decode())
        # One rule that names the three sets shares what they have in common; asking for one set
        # after the other evaluates it anew.
        return _DECODER.decode(self._engine.eval_rule_as_json(_RULE))

    def value(self, path: str) -> str:
        """What one rule says to the last input, as JSON text. May raise anything, too."""
        return self._engine.eval_rule_as_json(path)

    def _parse(self, path: str, text: str) -> None:
        try:
            self._engine.add_policy(path, text)
        except RuntimeError as error:
            found = place(error)
            raise PolicyRefused(
                f"not Rego: {message(error)}",
                file=path,
                line=found[1] if found else 1,
                fix="see the language reference of Open Policy Agent",
            ) from None


def place(error: BaseException) -> tuple[str, int] | None:
    """File and line that an error of the engine names, and nothing of its text.

    That text quotes the values it is about, which are the caller's.
    """
    found = _PLACE.search(str(error))
    return None if found is None else (found["file"], int(found["line"]))


def message(error: BaseException) -> str:
    """What an error of the engine complains about, which may quote values of the input."""
    text = str(error).strip()
    found = _MESSAGE.search(text)
    return found[1] if found else text.partition("\n")[0]


def defined(entrypoint: str, modules: list[Node]) -> tuple[str, ...]:
    """The sets that rules add to. Naming another one would make the whole answer undefined."""
    package = tuple(entrypoint.split("."))
    paths = {rule.path for rule in rules(modules)}
    return tuple(name for name in Sets.__struct_fields__ if (*package, name) in paths)


def _answer(entrypoint: str, sets: Iterable[str]) -> str:
    """The rule that gathers the sets."""
    fields = ", ".join(f'"{name}": data.{entrypoint}.{name}' for name in sets)
    return f"package {RESERVED}\n\nimport rego.v1\n\nanswer := {{{fields}}}\n"


def _forbid(*_arguments: Any) -> None:  # noqa: ANN401 whatever a rule passed
    raise Forbidden("no rule may call this")
