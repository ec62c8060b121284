"""What a policy looks at, read off its syntax tree."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import cast

from cedarpy import pst

from safeconduct.policy.cedar.schema import Path


def reads(node: object) -> Iterator[tuple[str, Path]]:
    """The variables below a node, and the path into each; an empty one where all of it counts."""
    for root, path in chains(node):
        if isinstance(root, pst.Var) and root.name != "action":
            yield root.name, path


def reads_without(node: object, member: str) -> Iterator[tuple[str, Path]]:
    """As `reads`, of a context without that member: what is never evaluated then is not looked at.

    `a && b` evaluates `b` where `a` is true, and `if a then b else c` too; `context has member` is
    not, nor what is joined to it by `&&`.
    """
    return reads(_without(node, member))


def _without(node: object, member: str) -> object:
    match node:
        case pst.BinaryOp("and", left, right):
            first = _without(left, member)
            return first if _never(left, member) else (first, _without(right, member))
        case pst.IfThenElse(cond, then, other):
            ways = (other,) if _never(cond, member) else (then, other)
            return tuple([_without(part, member) for part in (cond, *ways)])
        case pst.GetAttr() | pst.HasAttr():
            return node
        case _:
            parts = list(_parts(node))
            return tuple([_without(part, member) for part in parts]) if parts else node


def _never(node: object, member: str) -> bool:
    """Whether a condition is never true of a context without that member."""
    match node:
        case pst.HasAttr(pst.Var("context"), attrs):
            return attrs[0] == member
        case pst.BinaryOp("and", left, right):
            return _never(left, member) or _never(right, member)
        case pst.BinaryOp("or", left, right):
            return _never(left, member) and _never(right, member)
        case _:
            return False


def chains(node: object) -> Iterator[tuple[object, Path]]:
    """What attributes are taken of below a node, with their names, and all that has no parts."""
    waiting = [node]
    while waiting:
        root = waiting.pop()
        path: Path = ()
        while isinstance(root, pst.GetAttr | pst.HasAttr):
            path = ((root.attr,) if isinstance(root, pst.GetAttr) else root.attrs) + path
            root = root.base
        parts = list(_parts(root))
        if path or not parts:
            yield root, path
        waiting.extend(parts)


def nodes(node: object) -> Iterator[object]:
    """A node and all below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(_parts(found))


def literals(node: object) -> Iterator[pst.EntityUid]:
    """The entities that are named below a node."""
    for root, _ in chains(node):
        if isinstance(root, pst.EntityLit):
            yield root.value


def unconditional(policy: pst.Template) -> bool:
    """Whether a policy is satisfied whatever is asked."""
    heads = (policy.principal, policy.action, policy.resource)
    return all(isinstance(head, pst.ScopeAny) for head in heads) and all(
        constant(clause.expr) is (not isinstance(clause, pst.Unless)) for clause in policy.clauses
    )


def constant(node: object) -> bool | None:
    """The value of a condition that is the same whatever is asked; None for any other."""
    match node:
        case pst.BoolLit(value):
            return value
        case pst.UnaryOp("not", arg):
            inner = constant(arg)
            return None if inner is None else not inner
        case pst.BinaryOp("and" | "or" as op, left, right):
            decided = op == "or"
            sides = constant(left), constant(right)
            if decided in sides:
                return decided
            return None if None in sides else not decided
        case pst.BinaryOp("eq" | "not_eq" as op, left, right):
            same = _same(left, right)
            return None if same is None else same == (op == "eq")
        case _:
            return None


def _same(left: object, right: object) -> bool | None:
    if left == right:
        return True
    literal = (pst.BoolLit, pst.LongLit, pst.StringLit)
    return False if isinstance(left, literal) and isinstance(right, literal) else None


def _parts(node: object) -> Iterable[object]:
    if isinstance(node, tuple):
        return cast("tuple[object, ...]", node)
    if isinstance(node, pst.Record):
        return node.fields.values()
    if dataclasses.is_dataclass(node) and not isinstance(node, pst.Var | pst.EntityLit):
        return [getattr(node, field.name) for field in dataclasses.fields(node)]
    return ()
