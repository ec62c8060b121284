"""What the trusted fields of a result vouch for. Pure.

Values count one by one and exactly, in the field that the manifest names. A field vouches with its
row: the ids of the rows that the user owns, and more strongly those of a row that the request
names by another trusted value of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple, cast

import orjson

from safeconduct.core.labels import Integrity
from safeconduct.core.manifest import FieldLabel, Owned
from safeconduct.core.meant import Field, meant
from safeconduct.core.model import Call, ToolFacts
from safeconduct.core.paths import select
from safeconduct.core.provenance import Reading, Vouch, Vouched, decimal, normalise, vouching_key

MAX_VOUCHED: Final = 1024
"""How many values one result may vouch for; further ones are not remembered, so they are refused
as control arguments later."""

MAX_TEXT: Final = 1 << 20
"""How long a text may be that is read as JSON, in characters."""


def structured(result: Mapping[str, Any]) -> object:
    """The structured content of a result, or its one text: as JSON where it is an object or a list,
    else under `result`, as servers wrap what is no object.
    """
    if (content := result.get("structuredContent")) is not None:
        return content
    match result.get("content"):
        case [{"type": "text", "text": str(text)}]:
            if text[:1] in ("{", "[") and len(text) <= MAX_TEXT:
                with suppress(orjson.JSONDecodeError):
                    value: object = orjson.loads(text)
                    return value if text[0] == "{" else {"result": value}
            return {"result": text}
        case _:
            return None


def vouched(
    call: Call, tool: ToolFacts, result: Mapping[str, Any], reading: Reading
) -> tuple[Vouched, ...]:
    """Exact values of the trusted fields that may vouch. Raises TooManyValues."""
    manifest = tool.manifest
    if manifest is None or reading.chosen is None or result.get("isError") is True:
        return ()
    trusted = [
        _field(path, manifest.returns.fields[path])
        for path, label in tool.fields.items()
        if label.integrity is Integrity.trusted
    ]
    if not any(field.said.vouches_for for field in trusted):
        return ()
    content = structured(result)
    found: dict[Vouched, None] = {}
    naming = [_field(path, said) for path, said in manifest.returns.fields.items() if said.names]
    for row_path in dict.fromkeys(field.row for field in trusted):
        fields = [field for field in trusted if field.row == row_path]
        every = select(content, row_path)
        whose: list[Owner] = [_owned(tool, row_path, row, reading.user) for row in every]
        own = [row for row, owned in zip(every, whose, strict=True) if owned == "own"]
        named = _naming(own, fields, reading)
        means = meant(
            call, tool, every, fields, [one for one in naming if one.row == row_path], reading
        )
        for at, row in enumerate(every):
            if whose[at] != "nothing":
                said = _Row(whose[at], at in means.named, at in means.first)
                found.update(dict.fromkeys(_of_row(call, row, fields, reading, named, said)))
            if len(found) >= MAX_VOUCHED:
                return tuple(found)[:MAX_VOUCHED]
    return tuple(found)


def readers(result: Mapping[str, Any], path: str, user: str) -> frozenset[str]:
    """Those who may read all of a result, as the system of record says; where it says nothing, the
    user alone. Raises TooManyValues.
    """
    parts = path.removeprefix("$").removeprefix(".").split(".")
    at = parts.index("*") + 1 if "*" in parts else 0
    own = frozenset({user, user.removeprefix("user:")})
    rows = select(structured(result), ".".join(parts[:at]) or "$")
    found: frozenset[str] | None = None
    for row in rows:
        named = frozenset(_names_of(select(row, ".".join(parts[at:]) or "$")))
        found = named if found is None else found & named
    return own | (found or frozenset())


def _names_of(values: list[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            yield from (str(name) for name in cast("Iterable[object]", value))


class _Row(NamedTuple):
    """Whose a row is, and whether the request means it: by what it is called, or as the first."""

    owned: Owner
    named: bool
    first: bool


def _of_row(
    call: Call,
    row: object,
    fields: list[Field],
    reading: Reading,
    names: set[str],
    means: _Row,
) -> Iterator[Vouched]:
    values = [(field, value) for field in fields for value in select(row, field.below)]
    naming = [field for field, value in values if _name(reading, field, value) in names]
    for field, value in values:
        # A name names its row, and what else stands in it; it stands for itself as any word does.
        named = means.named or any(one is not field for one in naming)
        if field.said.when == "named" and not named:
            continue
        for role in field.said.vouches_for:
            text = normalise(value, role)
            if text and not reading.written(text) and (means.owned == "own" or role == "object-id"):
                key = vouching_key(role, field.said.type)
                place: Vouch = "named-field" if named else "trusted-field"
                if not named and role == "object-id" and (field.said.makes or means.first):
                    place = "picked"
                yield Vouched(key, text, f"{call.target}:{field.path}", place)


def _naming(rows: list[object], fields: list[Field], reading: Reading) -> set[str]:
    """The values by which the request names a row: those that one row alone has."""
    counts: Counter[str] = Counter()
    for row in rows:
        found = {
            _name(reading, field, value) for field in fields for value in select(row, field.below)
        }
        counts.update(found - {""})
    return {name for name, count in counts.items() if count == 1}


def _name(reading: Reading, field: Field, value: object) -> str:
    """The value, if the request names a row by it. A number names none by its id."""
    text = None if isinstance(value, bool) else normalise(value)
    if not text or (decimal(text) is not None and "amount" not in field.said.vouches_for):
        return ""
    return text if reading.names(text) and not reading.written(text) else ""


Owner = Literal["own", "nothing", "ids"]


def _owned(tool: ToolFacts, row_path: str, row: object, user: str) -> Owner:
    """What of this row may vouch: where rows have owners, all of those of the user."""
    owned = None if tool.manifest is None else tool.manifest.returns.owned
    if owned is None or owned.at != row_path or owns(owned, row, user):
        return "own"
    return owned.others


def owns(owned: Owned, row: object, user: str) -> bool:
    """Whether a row is the user's."""
    return bool({user, user.removeprefix("user:")}.intersection(select(row, owned.owner)))


def _field(path: str, said: FieldLabel) -> Field:
    """The row of a field is the innermost element that holds it as a member."""
    parts = path.removeprefix("$").removeprefix(".").split(".")
    stars = [index for index, part in enumerate(parts) if part == "*"]
    if len(stars) > 1 and parts[-1] == "*":
        stars.pop()  # a list of values is a member of its row
    if not stars:
        return Field("$", path, path, said)
    last = stars[-1]
    inner = ".".join(parts[last + 1 :]) or "$"
    return Field(".".join(parts[: last + 1]), inner, path, said)
