"""A case is a value with something in it, or with nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import msgspec

from safeconduct.core.model import KEY, Finding

WHOLE: Final = 0.8
"""How much of a value has to be covered, so that cutting it out leaves nothing worth having."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON value. `planted` is what is to be found in a string of it, as one of `kinds`, each a
    kind or a family; where nothing is planted, whatever is found of `kinds` is wrong. `cover` is
    the share of it that a finding must lie on; 0 is satisfied by any finding in the value.
    """

    category: str
    value: Any
    kinds: tuple[str, ...]
    planted: str = ""
    cover: float = WHOLE


class Set(msgspec.Struct, frozen=True, kw_only=True):
    """What an inspector is measured on: cases to find, and values in which nothing is. Categories
    that are `apart` are told, and do not count in the figures of the whole.
    """

    name: str
    wanted: Sequence[Case]
    clean: Sequence[Case]
    apart: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.wanted) + len(self.clean)


def hit(case: Case, findings: Sequence[Finding]) -> bool:
    """Whether what was found is what is planted; of a clean case, whether anything was."""
    right = [one for one in findings if of(one.kind, case.kinds)]
    if not case.planted or not case.cover:
        return bool(right)
    for one in right:
        text = at(case.value, one.where)
        start = text.find(case.planted)
        while start >= 0:
            end = start + len(case.planted)
            if min(one.end, end) - max(one.start, start) >= case.cover * len(case.planted):
                return True
            start = text.find(case.planted, start + 1)
    return False


def of(kind: str, kinds: Sequence[str]) -> bool:
    """Whether a kind is one of these, or of one of these families."""
    return any(kind == one or kind.startswith(f"{one}.") for one in kinds)


def at(value: object, where: Sequence[str | int]) -> str:
    """The string at a path; "" where there is none."""
    for number, step in enumerate(where):
        if step == KEY:
            return str(where[number - 1])
        try:
            value = cast("Any", value)[step]
        except (IndexError, KeyError, TypeError):
            return ""
    return value if isinstance(value, str) else ""


def strings(value: object) -> Iterator[str]:
    """Every string of a JSON value but the keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from strings(item)
