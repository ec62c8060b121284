"""What no rule gets to where a call was not approved, as the digest of the call and the time.

Rules compare these two with an approval, which few inputs have. A body that needs the approval does
not hold without one, whatever else stands in it; so what it looks at besides does not count then,
unless looking could be an error. It cannot where a value of a known type is compared or asked for
its type, or has part of the approval taken from it, which is undefined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, cast

from safeconduct.policy.rego.syntax import Node, Path, nodes, reference, references

APPROVAL: Final = "approval"

TIMED: Final[dict[tuple[str, ...], type]] = {("call", "digest"): str, ("now_ms",): int}
"""What is compared with an approval: the paths into the input, and the type of each."""

_APPROVAL: Final = ("input", APPROVAL)
_ASKING: Final = frozenset({("is_string",), ("is_number",)})


def unlooked(modules: list[Node]) -> frozenset[tuple[str, ...]]:
    """Those of `TIMED` that no rule gets to where the input has no approval.

    Rules that look at what is around one of them look at it too: that is for the caller to know.
    """
    looked: Counter[tuple[str, ...]] = Counter()
    for module in modules:
        looked.update(_timed(references(module["ast"])))
        looked.subtract(_timed(_idle(module["ast"])))
    return frozenset(path for path in TIMED if looked[path] == 0)


def _timed(paths: Iterable[Path]) -> Iterator[tuple[str, ...]]:
    for path in paths:
        yield from (one for one in TIMED if path[: 1 + len(one)] == ("input", *one))


def _idle(tree: object) -> Iterator[Path]:
    """The references that do not count, in bodies that do not hold without an approval."""
    for _, node in nodes(tree):
        statements: list[Node] = node.get("stmts") or []
        literals = [one["literal"].get("Expr") for one in statements if not one.get("with_mods")]
        expressions = [one["expr"] for one in literals if one is not None]
        if any(map(_needs, expressions)):
            for one in expressions:
                yield from _harmless(one)


def _needs(expression: Node) -> bool:
    """Whether a statement does not hold without an approval: it compares a part of it."""
    compared = expression.get("BoolExpr")
    return compared is not None and any(map(_approval, _sides(compared)))


def _harmless(expression: Node) -> Iterator[Path]:
    """What a statement looks at without any way to fail, or to tell others what it saw."""
    call: Node = expression.get("Call") or {}
    if call and reference(call["fcn"]) in _ASKING:
        yield from map(reference, cast("list[Node]", call["params"]))
    if "BoolExpr" in expression:
        yield from map(reference, _sides(expression["BoolExpr"]))
    assigned: Node = expression.get("AssignExpr") or {}
    value: Node = assigned.get("rhs") or {}
    taken: Node | None = value.get("ArithExpr")
    if taken is not None and any(map(_approval, _sides(taken))):
        yield from map(reference, _sides(taken))


def _sides(node: Node) -> tuple[Node, Node]:
    return node["lhs"], node["rhs"]


def _approval(expression: Node) -> bool:
    return reference(expression)[:2] == _APPROVAL
