"""Which calls a rule can be about, read off the syntax tree.

A rule that has `input.call.tool == "crm.get_case"` among its conditions says nothing to a call of
another tool, whatever else stands in it. So it need not be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final

from safeconduct.policy.rego.syntax import Node, Path, Rule, nodes, reference, resolve, string

FACTS: Final = ("tool", "upstream", "effect")
"""The members of `input.call` that are looked at: what a call is of, and nothing that it brings."""

Guard = Mapping[str, frozenset[str]]
"""By fact the values with which a rule can speak; a fact that is missing may have any. A fact that
is no string is none of them, as it equals none.
"""

_ANY: Final[Guard] = {}
_PLACES: Final[dict[Path, str]] = {("input", "call", fact): fact for fact in FACTS}
_EQUAL: Final = {("BoolExpr", "Eq"), ("AssignExpr", "Eq")}


class Guards:
    """What guards the rules of one bundle."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._known: dict[Path, Guard] = {}

    def of(self, rule: Rule) -> Guard:
        """The guard of one rule: what at least one of its bodies lets pass."""
        return _either([self._body(body["query"]["stmts"], rule) for body in rule.bodies])

    def _body(self, statements: list[Node], rule: Rule) -> Guard:
        local = _declared(statements)
        if local is None or "input" in {*local, *rule.imports}:
            return _ANY
        expressions = [
            statement["literal"]["Expr"]["expr"]
            for statement in statements
            if "Expr" in statement["literal"]
        ]
        return reduce(_both, (self._condition(one, rule, local) for one in expressions), _ANY)

    def _condition(self, expression: Node, rule: Rule, local: frozenset[str]) -> Guard:
        kind, node = next(iter(expression.items()))
        if kind == "Membership":
            return _among(node, self._constant(node["collection"], rule, local))
        if (kind, node.get("op")) in _EQUAL:
            return _equal(node["lhs"], node["rhs"]) or _equal(node["rhs"], node["lhs"])
        path = reference(expression)
        target = None if path[0] in local else resolve(path, rule)
        return _ANY if target is None else self._named(target)

    def _constant(self, collection: Node, rule: Rule, local: frozenset[str]) -> Node:
        """What a name stands for that one rule gives a value without conditions, or the name."""
        path = reference(collection)
        target = None if path[0] in local else resolve(path, rule)
        meant = [one for one in self._rules if target and overlap(one.path, target)]
        if len(meant) != 1 or meant[0].path != target or meant[0].bodies:
            return collection
        assigned: Node | None = meant[0].head.get("assign")
        return collection if assigned is None else assigned["value"]

    def _named(self, path: Path) -> Guard:
        """The guard of what a name stands for, which holds only where one of its rules does."""
        if path not in self._known:
            # INVARIANT: whoever comes here again while this is worked out goes in a circle, and
            # learns nothing.
            self._known[path] = _ANY
            meant = [rule for rule in self._rules if overlap(rule.path, path) and not _false(rule)]
            if all(rule.path == path and rule.kind == "value" for rule in meant):
                self._known[path] = _either([self.of(rule) for rule in meant])
        return self._known[path]


def excludes(guard: Guard, facts: Mapping[str, str | None]) -> bool:
    """Whether a rule with this guard says nothing to a call with these facts."""
    return any(facts[fact] not in values for fact, values in guard.items())


def _either(guards: list[Guard]) -> Guard:
    if not guards:
        return _ANY
    common = set(guards[0]).intersection(*guards)
    return {fact: frozenset[str]().union(*(guard[fact] for guard in guards)) for fact in common}


def _both(one: Guard, other: Guard) -> Guard:
    both = {fact: one[fact] & other[fact] for fact in one.keys() & other.keys()}
    return {**one, **other, **both}


def _equal(place: Node, value: Node) -> Guard:
    fact, literal = _PLACES.get(reference(place)), string(value)
    return _ANY if fact is None or literal is None else {fact: frozenset((literal,))}


def _among(membership: Node, among: Node) -> Guard:
    fact = _PLACES.get(reference(membership["value"]))
    kind, collection = next(iter(among.items()))
    if fact is None or kind not in {"Set", "Array"} or membership["key"] is not None:
        return _ANY
    literals = [string(item) for item in collection["items"]]
    known = frozenset(literal for literal in literals if literal is not None)
    return {fact: known} if len(known) == len(literals) else _ANY


def _declared(statements: list[Node]) -> frozenset[str] | None:
    """The names that conditions beside these could mean something else by; None if unknown."""
    found: set[str] = set()
    for statement in statements:
        kind, node = next(iter(statement["literal"].items()))
        if kind == "SomeVars" or statement.get("with_mods"):
            return None
        declaring: list[object] = [node["key"], node["value"]] if kind == "SomeIn" else []
        if kind == "Expr" and node["expr"].get("AssignExpr", {}).get("op") == "ColEq":
            declaring = [node["expr"]["AssignExpr"]["lhs"]]
        found |= {inner["value"] for name, inner in nodes(declaring) if name == "Var"}
    return frozenset(found)


def overlap(one: Path, other: Path) -> bool:
    """Whether one reference can lead to, into, or around another."""
    return all(a == b or None in {a, b} for a, b in zip(one, other, strict=False))


def _false(rule: Rule) -> bool:
    """Whether a rule only says that a name is false where no other rule gives it a value."""
    return rule.kind == "default" and rule.head["value"].get("Bool", {}).get("value") is False
