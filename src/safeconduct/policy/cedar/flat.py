"""The context of a request in one level, as the engine reads records in records slowly.

`context.labels.integrity` becomes `context["labels.integrity"]`, in the rules, in their schema and
in the request. The names are unambiguous: only members of required records are lifted, and in the
contract those have no dots in their names, but for the innermost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import TypeVar, cast

from cedarpy import pst

from safeconduct.policy.cedar.schema import Field, Path, Record

Node = TypeVar("Node")


def opened(context: Record, reads: Collection[Path]) -> frozenset[Path]:
    """The records whose members are lifted: those that are always there, and that no rule reads as
    a whole.
    """
    return frozenset() if () in reads else frozenset(_opened(context, (), reads))


def _opened(record: Record, above: Path, reads: Collection[Path]) -> Iterator[Path]:
    for name, field in record.fields.items():
        path = (*above, name)
        if isinstance(field.type, Record) and field.required and path not in reads:
            yield path
            yield from _opened(field.type, path, reads)


def lifted(context: Record, open_: Collection[Path]) -> dict[Path, Field]:
    """The members of a context in one level, by their path."""
    return dict(_lifted(context, (), open_))


def _lifted(record: Record, above: Path, open_: Collection[Path]) -> Iterator[tuple[Path, Field]]:
    for name, field in record.fields.items():
        path = (*above, name)
        if path in open_ and isinstance(field.type, Record):
            yield from _lifted(field.type, path, open_)
        else:
            yield path, field


def name_of(path: Path) -> str:
    """What a member is called in one level."""
    return ".".join(path)


def rewritten(node: Node, open_: Collection[Path]) -> Node:
    """A part of a policy that takes its members from the one level."""
    return cast("Node", _rewritten(node, open_))


def _rewritten(node: object, open_: Collection[Path]) -> object:
    if isinstance(node, pst.GetAttr | pst.HasAttr):
        path, root = _chain(node)
        if isinstance(root, pst.Var) and root.name == "context":
            return _short(node, path, root, open_)
    if isinstance(node, tuple):
        return tuple([_rewritten(part, open_) for part in cast("tuple[object, ...]", node)])
    if isinstance(node, pst.Record):
        return pst.Record({name: _rewritten(one, open_) for name, one in node.fields.items()})
    if dataclasses.is_dataclass(node) and not isinstance(node, type | pst.Var | pst.EntityLit):
        parts = {one.name: getattr(node, one.name) for one in dataclasses.fields(node)}
        return dataclasses.replace(
            node, **{name: _rewritten(one, open_) for name, one in parts.items()}
        )
    return node


def _chain(node: object) -> tuple[Path, object]:
    path: Path = ()
    while isinstance(node, pst.GetAttr | pst.HasAttr):
        path = ((node.attr,) if isinstance(node, pst.GetAttr) else node.attrs) + path
        node = node.base
    return path, node


def _short(
    node: pst.GetAttr | pst.HasAttr, path: Path, root: pst.Var, open_: Collection[Path]
) -> object:
    if isinstance(node, pst.HasAttr) and len(node.attrs) != 1:
        raise ValueError("a `has` of several names, which the parser takes apart")
    length = 1
    while path[:length] in open_:
        length += 1
    *before, last = (name_of(path[:length]), *path[length:])
    inner: object = root
    for name in before:
        inner = pst.GetAttr(inner, name)
    return (
        pst.GetAttr(inner, last) if isinstance(node, pst.GetAttr) else pst.HasAttr(inner, (last,))
    )
