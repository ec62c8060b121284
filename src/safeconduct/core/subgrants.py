"""Sub-grants: the user has the task do what a page says, with these tools, so often, so long. Pure.

What stands in a page is anybody's word. A sub-grant makes the values of one source as good as if
the user had named them, for the tools that it names and for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from safeconduct.core.manifest import Effect, Manifest, ToolManifest
from safeconduct.core.provenance import GRANTED, NAMED, Origin, normalise

MAX_SUBGRANTS: Final = 8
"""How many one task may be given in all."""

ToolId = Annotated[str, Meta(min_length=3, max_length=200)]


class SubGrant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user gave: values that `source` returns for `object`, the exact value of one of its
    arguments, steer `count` calls of these `tools`, until so many `minutes` have passed.
    """

    source: ToolId
    object: Annotated[str, Meta(min_length=1, max_length=256)]
    tools: Annotated[tuple[ToolId, ...], Meta(min_length=1, max_length=16)]
    count: Annotated[int, Meta(ge=1, le=20)]
    minutes: Annotated[int, Meta(ge=1, le=60)]

    def reads(self, target: str, arguments: Mapping[str, Any], tool: ToolManifest) -> bool:
        """Whether a call reads exactly this source."""
        return target == self.source and any(
            normalise(arguments[name], argument.role) == normalise(self.object, argument.role)
            for name, argument in tool.arguments.items()
            if name in arguments
        )


class Given(msgspec.Struct, frozen=True):
    """A sub-grant of a task: which it is, how many calls are left, and until when."""

    number: int
    grant: SubGrant
    left: int
    until_ms: int

    def lets(self, target: str, effect: Effect, now_ms: int) -> bool:
        """Whether it holds for a call of this tool now. It never does for what runs code."""
        return (
            self.left > 0
            and now_ms < self.until_ms
            and effect is not Effect.execute
            and target in self.grant.tools
        )


def origin(number: int) -> Origin:
    """The origin of a value that a sub-grant lets steer."""
    return Origin("sub-granted", f"{_NAME}{number}")


def used(provenance: Mapping[str, tuple[Origin, ...]]) -> tuple[int, ...]:
    """The sub-grants that a call rests on: those of values that the user did not name anyway."""
    found: set[int] = set()
    for origins in provenance.values():
        places = {one.place for one in origins}
        if "sub-granted" in places and places.isdisjoint(NAMED - GRANTED):
            found.update(
                int(one.where.removeprefix(_NAME)) for one in origins if one.place == "sub-granted"
            )
    return tuple(sorted(found))


def mistake(
    given: Sequence[SubGrant], manifests: Iterable[Manifest], scopes: frozenset[str]
) -> str | None:
    """Why a task with these scopes cannot have these sub-grants, as a sentence; None if it can."""
    tools = {
        f"{one.upstream}.{name}": tool for one in manifests for name, tool in one.tools.items()
    }
    for one in given:
        source = tools.get(one.source)
        if source is None or source.effect is not Effect.read:
            return f"{one.source} is no tool that reads."
        for name in one.tools:
            tool = tools.get(name)
            if tool is None or tool.effect is Effect.execute:
                return f"{name} is no tool that can be led by what was read."
            if not scopes.issuperset(tool.scopes):
                return f"{name} needs a scope that the task does not have."
    return None


_NAME: Final = "sub-grant "
