"""Which row of a result the request means, by more than a value that names it. Pure.

It was looked for in quotes, and is called so; it is called by any word of the request, and nobody
but the user can have called it so; or the request means the first of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from safeconduct.core.labels import Integrity
from safeconduct.core.manifest import FieldLabel
from safeconduct.core.model import Call, ToolFacts
from safeconduct.core.paths import select
from safeconduct.core.provenance import Reading


class Field(NamedTuple):
    """A trusted field: its row's path, and its own within the row."""

    row: str
    below: str
    path: str
    said: FieldLabel


class Meant(NamedTuple):
    """The rows, by number, that the request means by what they are called, and as the first."""

    named: frozenset[int]
    first: frozenset[int]


def meant(
    call: Call,
    tool: ToolFacts,
    rows: Sequence[object],
    fields: Sequence[Field],
    naming: Sequence[Field],
    reading: Reading,
) -> Meant:
    """Which of the rows the request means, and no other. `naming` are those of their fields by
    which users call them, whoever wrote there. Raises TooManyValues.
    """
    named: list[int] = []
    if reading.chosen == "named-object" and len(rows) == 1:
        named = [0]
    if reading.chosen == "named-query":
        named = _sought(rows, naming, reading)
    if not named and _only_the_users(tool, fields):
        named = _mentioned(rows, fields, naming, reading)
    # Of what an argument left out nobody can tell whether it came first.
    whole = reading.chosen is not None and not call.arguments
    first = _firsts(rows, fields, reading) if whole else ()
    return Meant(frozenset(named), frozenset(first))


def _only_the_users(tool: ToolFacts, fields: Sequence[Field]) -> bool:
    """Whether nobody else can have written anything in these rows."""
    rows = {field.row for field in fields}
    return tool.source.integrity is Integrity.trusted and all(
        label.integrity is Integrity.trusted
        for path, label in tool.fields.items()
        if any(path.startswith(row.removesuffix("$")) for row in rows)
    )


def _sought(rows: Sequence[object], naming: Sequence[Field], reading: Reading) -> list[int]:
    found = [
        at for at, row in enumerate(rows) if not reading.sought.isdisjoint(_names(row, naming))
    ]
    return found if len(found) == 1 else []


def _mentioned(
    rows: Sequence[object], fields: Sequence[Field], naming: Sequence[Field], reading: Reading
) -> list[int]:
    found = [
        at
        for at, row in enumerate(rows)
        if any(reading.mentions(name) and not reading.written(name) for name in _names(row, naming))
    ]
    # What an agent wrote to may be called what it was called by an agent.
    alone = len(found) == 1 and not any(
        reading.touched(field.said.type, str(value))
        for field in fields
        if field.said.type is not None
        for value in select(rows[found[0]], field.below)
    )
    return found if alone else []


def _names(row: object, naming: Sequence[Field]) -> list[str]:
    return [
        value for field in naming for value in select(row, field.below) if isinstance(value, str)
    ]


def _firsts(rows: Sequence[object], fields: Sequence[Field], reading: Reading) -> Iterator[int]:
    """The row that alone has the highest or the lowest value of a field, where the request means
    the first of a kind of which these rows are.
    """
    kinds = {field.said.type for field in fields if field.said.type is not None}
    for field in fields:
        for words, best in ((field.said.most, max), (field.said.least, min)):
            if not any(reading.ranks(word, kind) for word in words for kind in kinds):
                continue
            values: list[list[Any]] = [select(row, field.below) for row in rows]
            if all(map(_measures, values)) and len({type(one[0]).__name__ for one in values}) == 1:
                top = best(values)
                if values.count(top) == 1:
                    yield values.index(top)


def _measures(value: list[Any]) -> bool:
    """Whether this is one value of those that have an order: whole numbers, times (RFC 3339)."""
    if len(value) != 1:
        return False
    return type(value[0]) is int or (isinstance(value[0], str) and bool(_TIME.match(value[0])))


_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d|$)")
