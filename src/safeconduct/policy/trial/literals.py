"""Whether Rego rules look at what the policy input has, and compare it with what it could be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.elements import fields
from safeconduct.policy.rego.syntax import Node, Path, Rule, dotted, nodes, reference, string
from safeconduct.policy.trial.shape import type_at

_SHOWS: Final = "`safeconduct schema policy-input` shows what it has"
_COMPARING: Final = frozenset({"BoolExpr", "AssignExpr"})
_LITERALS: Final = frozenset({"String", "RawString", "Number", "Bool", "Null"})


class Comparison(msgspec.Struct, frozen=True):
    """A reference and the literals that it is compared with: `op` is the engine's word, or In."""

    path: Path
    op: str
    literals: tuple[Node, ...]
    line: int


def misread(rule: Rule) -> Iterator[PolicyRefused]:
    """What the rule asks of the input that the input could never tell."""
    for kind, node in nodes(rule.parts):
        if kind in {"RefDot", "RefBrack"}:
            path = reference({kind: node})
            if path[0] == "input" and type_at(path[1:-1]) and not type_at(path[1:]):
                sentence = f"the policy input has no `{dotted(path[1:])}`"
                yield rule.refused(sentence, _SHOWS, line=node["span"]["line"])
        found = comparison({kind: node}) if node else None
        if found is not None and found.path[0] == "input":
            yield from _mistyped(rule, found)


def comparison(expression: Node) -> Comparison | None:
    """What an expression compares with literals, if it does."""
    kind, node = next(iter(expression.items()))
    if kind == "Membership" and node["key"] is None:
        literal, collection = _one(node["value"]), node["collection"]
        if literal is not None:
            return _compared((*reference(collection), None), "In", (literal,), node)
        inner: Node = collection.get("Set") or collection.get("Array") or {}
        members: list[Node] = inner.get("items", [])
        items = [_one(item) for item in members]
        known = tuple(item for item in items if item is not None)
        if known and len(known) == len(items):
            return _compared(reference(node["value"]), "In", known, node)
    elif kind in _COMPARING and node.get("op") != "ColEq":
        for one, other in ((node["lhs"], node["rhs"]), (node["rhs"], node["lhs"])):
            literal = _one(other)
            if literal is not None:
                return _compared(reference(one), node["op"], (literal,), node)
    return None


def demanded(rule: Rule) -> list[str]:
    """The obligations that the rule names."""
    values = [value for key, value in fields(rule) if key == "obligations"]
    return [name for _, node in nodes(values) if (name := string(node)) is not None]


def value(literal: Node) -> tuple[str, Any]:
    """A literal as something that equals another one exactly if Rego says so."""
    kind, node = next(iter(literal.items()))
    return ("String" if kind == "RawString" else kind, node["value"])


def _one(expression: Node) -> Node | None:
    return None if _LITERALS.isdisjoint(expression) else expression


def _compared(path: Path, op: str, literals: tuple[Node, ...], node: Node) -> Comparison | None:
    return None if path[0] is None else Comparison(path, op, literals, node["span"]["line"])


def _mistyped(rule: Rule, found: Comparison) -> Iterator[PolicyRefused]:
    kind = type_at(found.path[1:])
    for literal in found.literals:
        if kind is not None and not _fits(kind, literal):
            shown = msgspec.json.encode(value(literal)[1]).decode()
            yield rule.refused(
                f"`{dotted(found.path)}` is compared with {shown}, which it never is",
                f"it is {_name(kind)}",
                line=found.line,
            )


def _fits(kind: inspect.Type, literal: Node) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(_fits(one, literal) for one in kind.types)
    if isinstance(kind, inspect.LiteralType):
        return string(literal) in kind.values
    literal_kind, literal_value = value(literal)
    if isinstance(literal_value, float) and not literal_value.is_integer():
        return False
    if isinstance(kind, inspect.AnyType):
        return True
    return literal_kind == _KINDS.get(type(kind))


_KINDS: Final[dict[type[inspect.Type], str]] = {
    inspect.StrType: "String",
    inspect.IntType: "Number",
    inspect.BoolType: "Bool",
    inspect.NoneType: "Null",
}


def _name(kind: inspect.Type) -> str:
    names: dict[type[inspect.Type], Callable[[Any], str]] = {
        inspect.UnionType: lambda one: " or ".join(map(_name, one.types)),
        inspect.LiteralType: lambda one: " or ".join(f'"{value}"' for value in one.values),
        inspect.StrType: lambda _: "a string",
        inspect.IntType: lambda _: "an integer",
        inspect.BoolType: lambda _: "true or false",
        inspect.NoneType: lambda _: "null",
        inspect.VarTupleType: lambda _: "a list",
        inspect.AnyType: lambda _: "never a fraction: use basis points or minor units",
    }
    return names.get(type(kind), lambda _: "an object")(kind)
