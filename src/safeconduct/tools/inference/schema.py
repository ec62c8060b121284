"""JSON schemas as far as a reviewer reads them: names, types, formats, choices, what is inside.

Somebody else wrote the schema. What cannot be followed is empty, so that nobody guesses from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

MAX_DEPTH: Final = 6
MAX_PARTS: Final = 1_000
"""How many parts of a schema are read; one that holds itself has more of them than can be."""

_MAX_REFERENCES: Final = 16


class Shape(msgspec.Struct, frozen=True):
    """What a schema says of a value: `types` of JSON (none: it does not say), `choices` its enum,
    `inner` its properties, `item` what a list holds.
    """

    types: frozenset[str] = frozenset()
    format: str = ""
    title: str = ""
    description: str = ""
    choices: tuple[str, ...] = ()
    inner: Mapping[str, Shape] = {}
    item: Shape | None = None

    def only(self, *types: str) -> bool:
        """Whether its values are of these types alone."""
        return bool(self.types) and self.types <= frozenset(types)


def shape(schema: object) -> Shape:
    """What a schema says; references to its own definitions are followed."""
    return _Reader(schema).shape(schema, 0)


def leaves(value: Shape, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """Every scalar inside, by path; `*` is every element of a list."""
    if value.inner:
        for name, inner in value.inner.items():
            yield from leaves(inner, (*path, name))
    elif value.item is not None:
        yield from leaves(value.item, (*path, "*"))
    elif not value.types & {"object", "array"}:
        yield path, value


class _Reader:
    def __init__(self, root: object) -> None:
        self._root = root
        self._parts = 0

    def shape(self, schema: object, depth: int) -> Shape:
        self._parts += 1
        if depth > MAX_DEPTH or self._parts > MAX_PARTS:
            return Shape()
        found = self._resolved(schema)
        parts = [found]
        for key in ("anyOf", "oneOf", "allOf"):
            parts += [self._resolved(one) for one in _list(found.get(key))]
        parts = [part for part in parts if part.get("type") != "null"]
        inner: dict[str, Shape] = {}
        items: list[object] = []
        for part in parts:
            for name, one in _object(part.get("properties")).items():
                inner.setdefault(name, self.shape(one, depth + 1))
            items += [part["items"]] if isinstance(part.get("items"), dict) else []
        return Shape(
            types=frozenset(kind for part in parts for kind in _types(part)),
            format=next((one for part in parts if (one := _text(part.get("format")))), ""),
            title=_text(found.get("title")),
            description=next(
                (one for part in parts if (one := _text(part.get("description")))), ""
            ),
            choices=tuple(
                str(one)
                for part in parts
                for one in [*_list(part.get("enum")), *([part["const"]] if "const" in part else [])]
                if isinstance(one, str | int)
            ),
            inner=inner,
            item=self.shape(items[0], depth + 1) if items else None,
        )

    def _resolved(self, schema: object) -> Mapping[str, Any]:
        found = _object(schema)
        for _ in range(_MAX_REFERENCES):
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            target: object = self._root if reference.startswith("#") else None
            for step in reference.removeprefix("#").strip("/").split("/"):
                if step:
                    target = _object(target).get(step.replace("~1", "/").replace("~0", "~"))
            found = {**_object(target), **{k: v for k, v in found.items() if k != "$ref"}}
        return {}


def _types(schema: Mapping[str, Any]) -> Iterator[str]:
    said = schema.get("type")
    for kind in [said, *_list(said)]:
        if isinstance(kind, str) and kind != "null":
            yield kind


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
