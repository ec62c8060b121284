"""Asks only the rules that can answer a call: those for its tool, and those for every tool.

The engine tries all rules of a set, one after the other. Here rules with a guard lie apart, and are
added to the others for the calls that they are for. As in Open Policy Agent, which looks rules up
in an index, a rule for another tool cannot make a call fail either.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Any, Final

import msgspec

from safeconduct.core.policy import Said
from safeconduct.policy.bundles.reading import Bundle, RuleFile
from safeconduct.policy.contract import Sets
from safeconduct.policy.rego.elements import targets
from safeconduct.policy.rego.evaluator import Evaluator, defined
from safeconduct.policy.rego.guards import FACTS, Guard, Guards, excludes
from safeconduct.policy.rego.syntax import Node, Rule, nodes, rules

MAX_SLICES: Final = 256
"""In one thread; each takes about 80 KB."""

_NOTHING: Final[frozenset[str]] = frozenset()


class _Call(msgspec.Struct, frozen=True):
    tool: Any = None
    upstream: Any = None
    effect: Any = None


class _Input(msgspec.Struct, frozen=True):
    call: _Call = _Call()


_DECODER: Final = msgspec.json.Decoder(_Input)


class Guarded(msgspec.Struct, frozen=True):
    """A rule with a guard, and the lines of its file that it has for itself."""

    guard: Guard
    file: str
    lines: range


class Plan(msgspec.Struct, frozen=True):
    """How a bundle comes apart. `common` is without the rules that are `guarded`.

    `texts` are the lines of the files that hold such rules, and `heads` how many of them come
    before any rule. `values` are those that guards name, by fact; `sets` those that rules add to.
    """

    common: Bundle
    guarded: tuple[Guarded, ...]
    texts: dict[str, list[str]]
    heads: dict[str, range]
    values: dict[str, frozenset[str]]
    sets: tuple[str, ...]

    def added(self, facts: dict[str, str | None]) -> list[RuleFile]:
        """The rules to be added to the common ones for calls with these facts."""
        kept: dict[str, set[int]] = {}
        for rule in self.guarded:
            if not excludes(rule.guard, facts):
                kept.setdefault(rule.file, set(self.heads[rule.file])).update(rule.lines)
        return [_file(name, self.texts[name], lines) for name, lines in kept.items()]


class Slices:
    """The evaluators of one bundle, for the thread that made them: `made` are those so far, by what
    they are for. Raises as they do.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._common = Evaluator(plan.common, plan.sets)
        self.made: dict[tuple[str | None, ...], Evaluator] = {}

    def ask(self, input_json: bytes, now_ms: int) -> Sets:
        """The sets for one input. May raise anything, a BaseException when the engine panics."""
        call, values = _DECODER.decode(input_json).call, self._plan.values
        # What no guard names is all the same here, so whoever makes up names makes no slices.
        key = tuple(
            [
                value if isinstance(value, str) and value in values.get(fact, _NOTHING) else None
                for fact, value in zip(FACTS, (call.tool, call.upstream, call.effect), strict=True)
            ]
        )
        return (self.made.get(key) or self._slice(key)).ask(input_json, now_ms)

    def close(self) -> None:
        """Let go of the engines here and now."""
        for evaluator in (*self.made.values(), self._common):
            evaluator.close()

    def _slice(self, key: tuple[str | None, ...]) -> Evaluator:
        while len(self.made) >= MAX_SLICES:
            self.made.pop(next(iter(self.made))).close()
        added = self._plan.added(dict(zip(FACTS, key, strict=True)))
        self.made[key] = made = self._common.also(added)
        return made


def plan(bundle: Bundle, modules: list[Node]) -> Plan:
    """Take a bundle apart. `modules` is its syntax tree."""
    # INVARIANT: a rule that reads a set under other facts has to find all of it; `apart` sees to it
    # that none reads one under the same, and that no data stands in for a rule with a guard.
    found = [] if any("with_mods" in node for _, node in nodes(modules)) else rules(modules)
    guards = Guards(found)
    sets = targets(bundle.header.entrypoint)
    guarded: list[Guarded] = []
    texts = {file.path: file.text.split("\n") for file in bundle.rules}
    heads: dict[str, range] = {}
    emptied = sets.keys() & {rule.path for rule in found}
    for name, text in texts.items():
        here = [rule for rule in found if rule.file == name]
        heads[name] = range(1, here[0].line if here else 1)
        for rule, lines in zip(here, _lines(here, text), strict=True):
            answers = rule.path in sets and rule.kind == "set"
            if answers and lines and (guard := guards.of(rule)):
                guarded.append(Guarded(guard, name, lines))
            else:
                emptied.discard(rule.path)
    return Plan(
        common=_common(bundle, guarded, texts, sorted(sets[path] for path in emptied)),
        guarded=tuple(guarded),
        texts=texts,
        heads=heads,
        values={
            fact: frozenset().union(*(rule.guard.get(fact, ()) for rule in guarded))
            for fact in FACTS
        },
        sets=defined(bundle.header.entrypoint, modules),
    )


def _lines(here: list[Rule], text: list[str]) -> Iterator[range]:
    """The lines of each rule of a file; none where it shares one with the next or the last."""
    starts = [(rule.line, not text[rule.line - 1][: rule.column - 1].strip()) for rule in here]
    for (line, first), (end, clear) in pairwise([*starts, (len(text) + 1, True)]):
        yield range(line, end if first and clear else line)


def _common(
    bundle: Bundle, guarded: list[Guarded], texts: dict[str, list[str]], emptied: list[Said]
) -> Bundle:
    away = {(rule.file, line) for rule in guarded for line in rule.lines}
    files = [
        _file(name, text, {line for line in range(1, len(text) + 1) if (name, line) not in away})
        for name, text in texts.items()
    ]
    # A set whose rules are all away is empty without them, and not undefined.
    sets = "".join(f"{said} contains 0 if false\n" for said in emptied)
    stub = f"package {bundle.header.entrypoint}\n\nimport rego.v1\n\n{sets}"
    return msgspec.structs.replace(bundle, rules=(*files, RuleFile("sets", stub)))


def _file(name: str, text: list[str], kept: AbstractSet[int]) -> RuleFile:
    """A file of which only some lines are there, where they were: errors name them."""
    lines = [line if number in kept else "" for number, line in enumerate(text, 1)]
    return RuleFile(name, "\n".join(lines))
