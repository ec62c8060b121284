"""How long rules may search in what a call brings.

Cedar has no loops, yet `like` tries its pattern at each character of a text, and sets are compared
item by item. Such a step costs what a rule searches for times what it searches in. Both are limited
here, so that a caller who chooses the text cannot hold up the gateway.
"""

from __future__ import annotations

from typing import Final

from cedarpy import pst

from safeconduct.policy.cedar.looks import nodes

MAX_SEEN_BYTES: Final = 16 * 1024
"""What the rules for one action may see of a request, as JSON."""

MAX_SEARCHED: Final = 1024
"""The sum of `searched` of the rules for one action: 15 to 25 ms with all that they may see."""

MAX_RULES: Final = 128 * 1024
"""Characters of the rules for one action, sets that they compare with included."""

_COMPARED: Final = 2
_COMPARING: Final = frozenset({"eq", "not_eq", "contains", "contains_all", "contains_any"})
_VALUES: Final = (pst.BoolLit, pst.LongLit, pst.StringLit, pst.EntityLit)


def searched(conditions: object) -> int:
    """How much conditions search for: 1 for each character of a pattern, 2 for each comparison of
    values that the call brings, and 2 for each such value in a set or record that a rule makes.
    """
    return sum(map(_searched, nodes(conditions)))


def _searched(node: object) -> int:
    match node:
        case pst.Like(_, pattern):
            return len(pattern)
        case pst.BinaryOp(op, left, right) if op in _COMPARING:
            return 0 if _written(left) or _written(right) else _COMPARED
        case pst.Set(elements):
            return _COMPARED * sum(not _written(one) for one in elements)
        case pst.Record(fields):
            return _COMPARED * sum(not _written(one) for one in fields.values())
        case _:
            return 0


def _written(node: object) -> bool:
    """Whether a value stands in the rule, whose length limits what a comparison costs."""
    match node:
        case pst.Set(elements):
            return all(map(_written, elements))
        case pst.UnaryOp(_, arg):
            return _written(arg)
        case _:
            return isinstance(node, _VALUES)
