"""Whether arguments ask for less than others, and for nothing else. Pure.

Who approves may answer "so much and no more": the agent then sends the smaller arguments. Only
what is less for certain counts: a smaller amount, or fewer of those whom a list names. A filter
left out, a limit lowered or a text cut short may well do more.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from safeconduct.core.manifest import CONTROL_ROLES, ToolManifest
from safeconduct.core.provenance import normalise


def narrower(
    asked: Mapping[str, object], proposed: Mapping[str, object], manifest: ToolManifest
) -> bool:
    """Whether `proposed` is `asked` with less in it: amounts nearer to zero, and fewer items, but
    not none, of lists that say whom or what it is done to.
    """
    if asked == proposed or asked.keys() != proposed.keys():
        return False
    for name, value in asked.items():
        given = proposed[name]
        if type(value) is type(given) and value == given:
            continue
        argument = manifest.arguments.get(name)
        if argument is None or argument.role not in CONTROL_ROLES:
            return False
        if not (_nearer(value, given) if argument.role == "amount" else _fewer(value, given)):
            return False
    return True


def _nearer(asked: object, proposed: object) -> bool:
    most, left = (normalise(one, "amount") for one in (asked, proposed))
    if most is None or left is None or isinstance(asked, str) is not isinstance(proposed, str):
        return False
    try:
        bound, amount = Decimal(most), Decimal(left)
    except ArithmeticError:
        return False
    return 0 <= amount < bound or bound < amount <= 0


def _fewer(asked: object, proposed: object) -> bool:
    """Whether these are some of those, in their order."""
    if not isinstance(asked, list) or not isinstance(proposed, list) or not proposed:
        return False
    left = iter(cast("list[object]", asked))
    return all(any(_same(item, other) for other in left) for item in cast("list[object]", proposed))


def _same(one: object, other: object) -> bool:
    # True == 1 and 1 == 1.0 for Python; neither is the same JSON.
    return type(one) is type(other) and one == other
