"""What rules may demand of a call that they permit: a closed set, and what it does to arguments.

A demand only narrows. An argument that it constrains has the demanded value or the call is refused;
one that is absent is set, and the call is judged once more as it is then. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, cast

import msgspec

JSON = dict[str, Any]
Path = tuple[str, ...]
Scalar = str | int | bool

Source = Literal["task.tenant", "user.id", "agent.id"]
"""What an argument may have to be: something that the gateway knows, never something claimed."""


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that the operator wrote."""

    const: Scalar


class Constrain(msgspec.Struct, frozen=True):
    """The value at a path into the arguments, and what it has to be."""

    path: Path
    value: Source | Constant


class Demands(msgspec.Struct, frozen=True, kw_only=True):
    """What obligations come to. `redact` are categories of fields and kinds of findings."""

    constrain: tuple[Constrain, ...] = ()
    redact: tuple[str, ...] = ()
    spotlight: bool = False


NO_DEMANDS: Final = Demands()


def together(demands: Iterable[Demands]) -> Demands:
    """All of them at once."""
    several = tuple(demands)
    return Demands(
        constrain=tuple(dict.fromkeys(item for one in several for item in one.constrain)),
        redact=tuple(sorted({item for one in several for item in one.redact})),
        spotlight=any(one.spotlight for one in several),
    )


class Setting(msgspec.Struct, frozen=True):
    """A value that the policy puts into the arguments."""

    path: Path
    value: Scalar


def missing(arguments: JSON, wanted: Iterable[Setting]) -> tuple[Setting, ...] | None:
    """The settings that the arguments lack; None where they, or two settings, contradict one."""
    lacking: list[Setting] = []
    for setting in wanted:
        absent, value = _at(arguments, setting.path)
        if absent:
            lacking.append(setting)
            arguments = _with(arguments, setting.path, setting.value)
        elif type(value) is not type(setting.value) or value != setting.value:
            return None
    return tuple(lacking)


def completed(arguments: JSON, settings: Iterable[Setting]) -> JSON:
    """The arguments with these settings, which `missing` found lacking in them."""
    for setting in settings:
        arguments = _with(arguments, setting.path, setting.value)
    return arguments


def _at(value: object, path: Path) -> tuple[bool, object]:
    """Whether nothing is at a path yet, and what is; None where nothing can be.

    Beside a name that differs from it in case alone nothing can: Go's `encoding/json`, as others,
    takes either for the other, and whichever comes last.
    """
    for name in path:
        if not isinstance(value, dict):
            return False, None
        members = cast("JSON", value)
        if any(key != name and key.casefold() == name.casefold() for key in members):
            return False, None
        if name not in members:
            return True, None
        value = members[name]
    return False, value


def _with(arguments: Mapping[str, Any], path: Path, value: Scalar) -> JSON:
    name, *rest = path
    below = _with(arguments.get(name, {}), tuple(rest), value) if rest else value
    return {**arguments, name: below}
