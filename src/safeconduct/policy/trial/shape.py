"""What the policy input has at a path, and of which type, read off its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import inspect

from safeconduct.core.policy_shape import PolicyInputShape

Tree = dict[str, Any]


@cache
def _root() -> inspect.Type:
    return inspect.type_info(PolicyInputShape)


def type_at(path: Sequence[str | None]) -> inspect.Type | None:
    """The type at a path; None where the input has nothing.

    In the path None stands for whichever item of a list, or member of an object.
    """
    found: inspect.Type | None = _root()
    for key in path:
        found = None if found is None else _below(found, key)
    return found


def _below(kind: inspect.Type, key: str | None) -> inspect.Type | None:
    if isinstance(kind, inspect.VarTupleType):
        return kind.item_type if key is None else None
    if isinstance(kind, inspect.StructType):
        if key is None:
            return inspect.AnyType()
        return next((field.type for field in kind.fields if field.encode_name == key), None)
    if isinstance(kind, inspect.DictType):
        return kind.value_type
    return kind if isinstance(kind, inspect.AnyType) else None


class Misshapen(Exception):
    """A value does not have the input's shape; `path` leads to where, as far as it is known."""

    def __init__(self, sentence: str, path: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.path = path


def check_shape(value: Tree) -> None:
    """Refuse what no policy input could be.

    Raises:
        Misshapen: a member is unknown, missing, of the wrong type, or a number with a fraction.
    """
    for path in _fractions(value, ()):
        raise Misshapen("a number with a fraction, which the input does not have", path)
    try:
        msgspec.convert(value, PolicyInputShape)
    except msgspec.ValidationError as error:
        sentence, _, place = str(error).partition(" - at `$")
        names = place.rstrip("`").split("[")[0].split(".")[1:]
        raise Misshapen(sentence.replace("`", ""), tuple(names)) from None


def _fractions(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, float):
        yield path
    elif isinstance(value, dict):
        for key, item in cast("Tree", value).items():
            yield from _fractions(item, (*path, key))
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _fractions(item, path)
