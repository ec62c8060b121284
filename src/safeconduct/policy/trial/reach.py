"""Rego rules that never have an effect: nothing needs them, or nothing could make them hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from safeconduct.config.shape import did_you_mean
from safeconduct.core.policy import Said
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.elements import targets
from safeconduct.policy.rego.guards import Guards
from safeconduct.policy.rego.syntax import Node, Path, Rule, dotted, references, resolve, static
from safeconduct.policy.trial.literals import comparison, value

SHARED: Final = "lib/"
"""What several bundles share need not be used by each."""

_Name = tuple[str, ...]


def unneeded(rules: list[Rule], entrypoint: str) -> Iterator[PolicyRefused]:
    """The rules that the answer does not depend on."""
    sets = {static(path) for path in targets(entrypoint)}
    needed = {*sets}
    waiting = list(needed)
    uses = {rule.path: set[_Name]() for rule in rules}
    for rule in rules:
        uses[rule.path] |= set(_named(rule))
    while waiting:
        name = waiting.pop()
        for path, names in uses.items():
            if _overlap(static(path), name):
                waiting += names - needed
                needed |= names
    for rule in rules:
        path = static(rule.path)
        if not rule.file.startswith(SHARED) and not any(_overlap(path, name) for name in needed):
            beside = sorted(name[-1] for name in sets if name[:-1] == path[:-1])
            fix = did_you_mean(path[-1], beside, "remove it")
            yield rule.refused(f"nothing that answers needs `{dotted(rule.path)}`", fix)


def missing(rule: Rule, rules: list[Rule], data: dict[str, Any]) -> Iterator[PolicyRefused]:
    """The data that the rule asks for and that is not there."""
    for path in references(rule.parts):
        named = path[0] == "data" or path[0] in rule.imports
        name = static(resolve(path, rule) or ()) if named else ()
        if any(_overlap(static(other.path), name) for other in rules):
            continue
        absent = _absent(name, data)
        if absent:
            sentence = f"there is no `{dotted(('data', *absent))}`"
            yield rule.refused(sentence, "correct it, or add it to data/")


def impossible(rules: list[Rule]) -> Iterator[PolicyRefused]:
    """The rules with conditions that cannot hold together."""
    guards = Guards(rules)
    for rule in rules:
        bodies = [body["query"]["stmts"] for body in rule.bodies]
        never = next(filter(None, map(_contradiction, bodies)), None)
        if never is None and not all(guards.of(rule).values()):
            never = "its conditions name no tool, upstream or effect that fits all of them"
        if never is not None:
            yield rule.refused(f"this never holds: {never}", "correct the conditions, or remove it")


def certain(rules: list[Rule], entrypoint: str) -> Iterator[tuple[Said, Rule]]:
    """The rules that answer and speak to every call, and what they say."""
    for rule in rules:
        said = targets(entrypoint).get(rule.path)
        if said is not None and all(_true(body["query"]["stmts"]) for body in rule.bodies):
            yield said, rule


def _true(statements: list[Node]) -> bool:
    expressions = [statement["literal"].get("Expr", {}).get("expr", {}) for statement in statements]
    return all(one.get("Bool", {}).get("value") is True for one in expressions)


def _absent(name: _Name, data: object) -> _Name:
    """The first part of a name that leads to nothing; empty where all of it could lead on."""
    for length, key in enumerate(name, 1):
        if not isinstance(data, dict):
            break
        if key not in data:
            return name[:length]
        data = cast("dict[str, object]", data)[key]
    return ()


def _contradiction(statements: list[Node]) -> str | None:
    """What cannot hold in a body."""
    allowed: dict[Path, set[Any]] = {}
    for statement in statements:
        expression: Node = statement["literal"].get("Expr", {}).get("expr") or {"": {}}
        if expression.get("Bool", {}).get("value") is False:
            return "`false` is one of its conditions"
        found = comparison(expression)
        if found is None or found.op not in {"Eq", "In"} or None in found.path:
            continue
        values = {value(literal) for literal in found.literals}
        allowed[found.path] = allowed.get(found.path, values) & values
        if not allowed[found.path]:
            return f"`{dotted(found.path)}` would have to be several things at once"
    return None


def _named(rule: Rule) -> Iterable[_Name]:
    for path in references(rule.parts):
        target = resolve(path, rule)
        if target is not None:
            yield static(target)


def _overlap(one: _Name, other: _Name) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))
