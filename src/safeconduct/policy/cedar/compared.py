"""The numbers of the context that rules do nothing with but compare them with constants."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from cedarpy import pst

from safeconduct.policy.cedar.looks import chains, nodes, reads
from safeconduct.policy.cedar.schema import Path

_COMPARISONS: Final = frozenset({"less", "less_eq", "greater", "greater_eq", "eq", "not_eq"})


def compared(trees: Iterable[object]) -> dict[Path, tuple[int, ...]]:
    """The paths into the context to such numbers, and the constants, in order.

    A rule that asks with `has` whether one is there is told nothing of it.
    """
    looked: Counter[Path] = Counter()
    constants: defaultdict[Path, set[int]] = defaultdict(set)
    for tree in trees:
        looked.update(_context(tree))
        for node in nodes(tree):
            if isinstance(node, pst.HasAttr):
                looked.subtract(_straight(node))
            for operand, constant in _comparisons(node):
                for path in _straight(operand):
                    constants[path].add(constant)
                    looked[path] -= 1
    rest = [path for path, times in looked.items() if times]
    return {
        path: tuple(sorted(found))
        for path, found in constants.items()
        if not any(path[: len(one)] == one or one[: len(path)] == path for one in rest)
    }


def _context(node: object) -> Iterator[Path]:
    return (path for variable, path in reads(node) if variable == "context")


def _straight(node: pst.GetAttr | pst.HasAttr) -> list[Path]:
    """The path into the context, where all of the node is one."""
    root, path = next(iter(chains(node)))
    return [path] if isinstance(root, pst.Var) and root.name == "context" else []


def _comparisons(node: object) -> Iterator[tuple[pst.GetAttr, int]]:
    match node:
        case pst.BinaryOp(op, pst.GetAttr() as one, pst.LongLit(constant)) if op in _COMPARISONS:
            yield one, constant
        case pst.BinaryOp(op, pst.LongLit(constant), pst.GetAttr() as one) if op in _COMPARISONS:
            yield one, constant
        case _:
            return
