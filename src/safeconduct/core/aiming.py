"""What a call aims at: its addresses, and the other values that steer it, one by one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

from safeconduct.core.manifest import ADDRESS_ROLES, CONTROL_ROLES, LISTS, Argument, Needs
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import Origin, normalise, offered, single, vouched_for
from safeconduct.core.sightings import SHAPES


class Address(NamedTuple):
    """An argument that says where data goes: one address, or several."""

    name: str
    argument: Argument
    texts: tuple[str, ...]
    whole: bool

    def known(self, facts: Facts, enough: Callable[[tuple[Origin, ...]], bool]) -> bool:
        """Whether each is on file or comes from where it has to; nobody, and what is no address,
        does not.
        """
        on_file = facts.allowed.get(LISTS[self.argument.role], frozenset())
        return self.whole and all(
            text in on_file or enough(facts.provenance.get(f"{self.name}={text}", ()))
            for text in self.texts
        )

    def leads(self, facts: Facts) -> bool:
        """Whether each looks like what it is and stood alone where the request points."""
        shape = SHAPES[self.argument.role]
        return all(map(shape.fullmatch, self.texts)) and self.known(facts, single)

    def acceptable(self, facts: Facts) -> bool:
        """Whether data may go there at all."""
        if self.argument.needs == "any":
            return True
        return self.known(facts, offered if self.argument.needs == "seen" else vouched_for)


def addresses(call: Call, facts: Facts) -> list[Address]:
    """The addresses of a call; `null` leaves one out."""
    manifest = facts.gathered.tool.manifest
    declared = {} if manifest is None else manifest.arguments
    found: list[Address] = []
    for name, value in call.arguments.items():
        if value is not None and name in declared and declared[name].role in ADDRESS_ROLES:
            values = cast("list[object]", value) if isinstance(value, list) else [value]
            texts = [normalise(item, declared[name].role) for item in values]
            given = tuple(text for text in texts if text is not None)
            found.append(
                Address(name, declared[name], given, bool(given) and len(given) == len(texts))
            )
    return found


def chooses_nothing(value: object) -> bool:
    """Whether a value chooses nothing: a switch, or an argument that is left out."""
    return value is None or type(value) is bool


def needed(argument: Argument, *, steers: bool) -> Needs:
    """What is demanded of where this argument's value comes from."""
    if argument.needs is not None:
        return argument.needs
    return "vouched" if steers and argument.role in CONTROL_ROLES else "any"


def pointed(argument: Argument) -> bool:
    """Whether the value must come from where the request points; an amount can be worked out."""
    if argument.needs is not None:
        return argument.needs == "vouched"
    return argument.role in CONTROL_ROLES and argument.role != "amount"


def steering_values(call: Call, facts: Facts) -> Iterator[tuple[str, tuple[Origin, ...]]]:
    """The values that must come from where the request points, each with its origins."""
    manifest = facts.gathered.tool.manifest
    declared = {} if manifest is None else manifest.arguments
    for name, value in call.arguments.items():
        if value is not None and name in declared and pointed(declared[name]):
            yield from each_value(name, value, declared[name], facts)


def each_value(
    name: str, value: object, argument: Argument, facts: Facts
) -> Iterator[tuple[str, tuple[Origin, ...]]]:
    """The values of an argument, each with its origins: of a list one by one. What is no value, and
    an empty list, has none.
    """
    if not isinstance(value, list):
        yield normalise(value, argument.role) or "", facts.provenance.get(name, ())
        return
    for item in cast("list[object]", value) or [None]:
        text = normalise(item, argument.role) or ""
        yield text, facts.provenance.get(f"{name}={text}", ())
