"""Everything that stood in a result: as whole values, and as the words of its texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

from safeconduct.core.labels import Integrity
from safeconduct.core.manifest import Role
from safeconduct.core.model import ToolFacts
from safeconduct.core.provenance import normalise
from safeconduct.core.vouching import structured

MAX_SIGHTINGS: Final = 10_000
"""How many values of one result are kept; what stands behind them counts as never seen."""

MAX_VALUE: Final = 256
"""How long a value may be, in characters: no id and no address is longer."""

_WORD: Final = re.compile(r"[^\s,;<>()\[\]{}\"'`|“”‘’]{2,256}")  # noqa: RUF001 letters that look alike are meant
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")
MAX_PATH: Final = 60
"""How long a path is at most, in characters."""

_GROUPED: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?\b")
"""An account number as it is printed (ISO 13616)."""

_MARKS: Final = ".,:;!?"
_SIGNS: Final = "$€£"

SHAPES: Final[dict[Role, re.Pattern[str]]] = {
    "recipient": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+"),
    "destination": re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|www\.)\S+"),
    "account": re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}|\d{8,34}"),
}
"""What addresses and accounts look like, by the role that they can have."""


class Sightings(NamedTuple):
    """The values of a result, each with the path of the field where it first stood, and whether
    these are all: of what was cut short nobody can tell what stood alone.
    """

    values: dict[str, str]
    whole: bool


class Doubtful(NamedTuple):
    """Values of one shape that stood where anybody may have written: `beside` fields of the source
    that hold such values, or `several`, of which nobody can tell which one was meant.
    """

    beside: frozenset[str]
    several: frozenset[str]


def own_fields(tool: ToolFacts) -> dict[str, tuple[Role, ...]]:
    """The paths of the fields that the system itself fills in, and what each vouches for."""
    said = {} if tool.manifest is None else tool.manifest.returns.fields
    return {
        path.removeprefix("$."): said[path].vouches_for
        for path, label in tool.fields.items()
        if label.integrity is Integrity.trusted
    }


def doubtful(tool: ToolFacts, seen: Mapping[str, str]) -> Doubtful:
    """What the request does not point to, although it stood in a source that it names."""
    trusted = own_fields(tool)
    beside: set[str] = set()
    several: set[str] = set()
    for role, shape in SHAPES.items():
        alike = [value for value in seen if shape.fullmatch(value)]
        free = [value for value in alike if seen[value] not in trusted]
        if any(role in trusted.get(seen[value], ()) for value in alike):
            beside.update(free)
        elif len({value.casefold() for value in free}) > 1:
            several.update(free)
    return Doubtful(frozenset(beside), frozenset(several))


def sightings(result: Mapping[str, Any]) -> Sightings:
    """The values of a result, the first `MAX_SIGHTINGS`."""
    content = structured(result)
    found: dict[str, str] = {}
    for path, value in _leaves(result if content is None else content, ""):
        for text in _texts(value):
            found.setdefault(text, path)
            if len(found) >= MAX_SIGHTINGS:
                return Sightings(found, whole=False)
    return Sightings(found, whole=True)


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            yield f"{path}.~" if path else "~", name
            # Keys may be anybody's words, and a path is shown and kept.
            step = name if _KEY.fullmatch(name) else "*"
            yield from _leaves(item, f"{path}.{step}"[:MAX_PATH] if path else step)
    elif isinstance(value, list):
        step = f"{path}.*"[:MAX_PATH] if path else "*"
        for item in cast("list[object]", value):
            yield from _leaves(item, step)
    else:
        yield path, value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, bool) or (text := normalise(value)) is None:
        return
    if len(text) <= MAX_VALUE:
        yield text
    for account in _GROUPED.findall(text):
        yield "".join(account.split())
    if " " in text or "\n" in text or len(text) > MAX_VALUE:
        for word in _WORD.findall(text):
            yield word
            inner = word.rstrip(_MARKS).lstrip(_SIGNS)
            if inner != word:
                yield inner
