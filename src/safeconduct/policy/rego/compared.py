"""The numbers of the input that rules do nothing with but compare them with constants.

A comparison is a truth, and so is what `is_number` says, so no rule can tell two such numbers apart
that compare alike. `abs` may stand around one: it compares as the number with a constant and its
negative.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from safeconduct.policy.rego.syntax import Node, Path, imports, nodes, reference, references, rules

EXACT: Final = 2**53
"""Below it, and above its negative, each reader takes a number for what it is."""

_ABS: Final = ("abs",)
_ASKING: Final = frozenset({("is_string",), ("is_number",)})
_CALLED: Final = frozenset({"abs", "is_string", "is_number"})


def compared(modules: list[Node]) -> dict[tuple[str, ...], tuple[int, ...]]:
    """The paths into the input to such numbers, and the constants, in order.

    Rules that look at what is around one of them look at it too: that is for the caller to know.
    """
    if not _CALLED.isdisjoint(_named(modules)):
        return {}
    looked: Counter[Path] = Counter()
    constants: defaultdict[Path, set[int]] = defaultdict(set)
    for module in modules:
        looked.update(path for path in references(module["ast"]) if path[0] == "input")
        for _, node in nodes(module["ast"]):
            for path, number in _compared(node):
                constants[path] |= {number, -number}
                looked[path] -= 1
            looked.subtract(_asked(node))
    rest = [path for path, times in looked.items() if times]
    return {
        tuple(name for name in path[1:] if name is not None): tuple(sorted(found))
        for path, found in constants.items()
        if path[0] == "input" and None not in path
        if not any(one[: len(path)] == path for one in rest)
    }


def _named(modules: list[Node]) -> Iterator[str | None]:
    """What the bundle gives a name that a call could mean."""
    yield from (rule.path[-1] for rule in rules(modules))
    yield from (name for module in modules for name, _, _ in imports(module))


def _compared(node: Node) -> Iterator[tuple[Path, int]]:
    comparison: Node | None = node.get("BoolExpr")
    if comparison is not None:
        sides = comparison["lhs"], comparison["rhs"]
        for one, other in (sides, sides[::-1]):
            number = other.get("Number", {}).get("value")
            if type(number) is int and number < EXACT:
                yield reference(_bare(one)), number


def _bare(expression: Node) -> Node:
    """What a number is, without the `abs` around it."""
    call: Node = expression.get("Call") or {}
    if call and reference(call["fcn"]) == _ABS and len(call["params"]) == 1:
        inner: Node = call["params"][0]
        return inner
    return expression


def _asked(node: Node) -> Iterator[Path]:
    call: Node = node.get("Call") or {}
    if call and reference(call["fcn"]) in _ASKING:
        yield from map(reference, call["params"])
