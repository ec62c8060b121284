"""The form by which a person agrees to less: which fields it has, and what they come to.

Whether what comes out is less is judged at the desk (`safeconduct.core.narrowing`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Final, cast

import msgspec

from safeconduct.approvals.questions import Question
from safeconduct.console.wrong import Wrong
from safeconduct.core.canonical import canonical
from safeconduct.core.manifest import CONTROL_ROLES
from safeconduct.ports import JSON

LESS: Final = "less."
"""How the name of a field begins that holds a smaller amount; the argument follows."""

KEEP: Final = "keep."
"""How the name of a box begins that keeps an item of a list; argument and position follow."""


_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?")


class Amount(msgspec.Struct, frozen=True):
    """An amount that may be smaller; `now` is what somebody has agreed to already."""

    field: str
    name: str
    value: str
    now: str


class Box(msgspec.Struct, frozen=True):
    """An item of a list that may be left out, or was by who has agreed already."""

    field: str
    text: str
    kept: bool


class Items(msgspec.Struct, frozen=True):
    """A list of which items may be left out."""

    name: str
    boxes: tuple[Box, ...]


class Fields(msgspec.Struct, frozen=True):
    """Everything of a call that may be less."""

    amounts: tuple[Amount, ...] = ()
    lists: tuple[Items, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.amounts or self.lists)


def fields(question: Question) -> Fields:
    """What of this question may be less, as far as it is agreed to."""
    less: JSON = question.less or question.call.arguments
    amounts: list[Amount] = []
    lists: list[Items] = []
    for name, value, role in _steering(question):
        if role == "amount" and _number(value):
            amounts.append(Amount(LESS + name, name, str(value), str(less[name])))
        elif role != "amount" and isinstance(value, list) and len(cast("list[object]", value)) > 1:
            left = [canonical(item) for item in less[name]]
            boxes: list[Box] = []
            for at, item in enumerate(map(canonical, cast("list[object]", value))):
                kept = bool(left) and left[0] == item
                left = left[1:] if kept else left
                boxes.append(Box(f"{KEEP}{name}.{at}", item.decode(), kept))
            lists.append(Items(name, tuple(boxes)))
    return Fields(tuple(amounts), tuple(lists))


def smaller(question: Question, form: Mapping[str, str]) -> JSON:
    """The arguments as the form has them. Raises Wrong: an amount is no number."""
    arguments: JSON = copy.deepcopy(question.call.arguments)
    known = fields(question)
    for amount in known.amounts:
        given = form.get(amount.field, amount.value).strip()
        arguments[amount.name] = _like(arguments[amount.name], given)
    for one in known.lists:
        items: list[object] = arguments[one.name]
        arguments[one.name] = [
            item for item, box in zip(items, one.boxes, strict=True) if box.field in form
        ]
    return arguments


def _steering(question: Question) -> list[tuple[str, object, str]]:
    manifest = question.manifest
    if manifest is None:
        return []
    return [
        (name, value, manifest.arguments[name].role)
        for name, value in question.call.arguments.items()
        if name in manifest.arguments and manifest.arguments[name].role in CONTROL_ROLES
    ]


def _number(value: object) -> bool:
    if isinstance(value, str):
        return _DECIMAL.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _like(asked: object, given: str) -> object:
    """What somebody wrote, of the type that was asked for."""
    if given == str(asked):
        return asked
    if _DECIMAL.fullmatch(given) is not None:
        if isinstance(asked, str):
            return given
        if isinstance(asked, float):
            return float(given)
        if "." not in given:
            return int(given)
    raise Wrong(400, "A smaller amount has to be a number.")
