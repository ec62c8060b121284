"""A tool's definition as inference reads it, and lists of them as servers give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from safeconduct.ports import JSON
from safeconduct.tools.inference.schema import Shape, shape
from safeconduct.tools.inference.words import split

MAX_NAME: Final = 512

CONFIRMED: Final = ("isConfirmationRequired", "x-openai-isConsequential")
"""How others say that a person has to confirm each use of a tool: Salesforce of an agent action
(Metadata API, GenAiFunction), Microsoft 365 Copilot of an operation of an API plugin.
"""


class NotAListing(ValueError):
    """What should be the result of `tools/list` is something else; the sentence says what."""


class Definition(msgspec.Struct, frozen=True):
    """One tool, as its upstream describes it. `returns` is None where it does not say; `confirmed`:
    it says that a person has to confirm each call.
    """

    name: str
    description: str
    arguments: Mapping[str, Shape]
    returns: Shape | None
    hints: Mapping[str, bool]
    confirmed: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the name."""
        return split(self.name)


def definition(said: JSON) -> Definition:
    """Reads one definition; what is not of the form that the protocol gives it says nothing."""
    title, text = said.get("title"), said.get("description")
    annotations = said.get("annotations")
    hints = cast("JSON", annotations) if isinstance(annotations, dict) else {}
    returned = said.get("outputSchema")
    return Definition(
        name=str(said["name"]),
        description=text if isinstance(text, str) else title if isinstance(title, str) else "",
        arguments=shape(said.get("inputSchema")).inner,
        returns=shape(cast("JSON", returned)) if isinstance(returned, dict) else None,
        hints={name: value for name, value in hints.items() if isinstance(value, bool)},
        confirmed=any(where.get(name) is True for where in (said, hints) for name in CONFIRMED),
    )


def listed(value: object) -> list[JSON]:
    """The definitions in the result of `tools/list`, the whole response, or a bare list.

    Members that upstreams add for themselves (`_meta`) are no part of a definition.

    Raises:
        NotAListing: it is none of these.
    """
    inner: Any = value
    for key in ("result", "tools"):
        if isinstance(inner, dict) and key in inner:
            inner = cast("JSON", inner)[key]
    if not isinstance(inner, list):
        raise NotAListing('there is no list of tools: expected {"tools": [...]}')
    found: dict[str, JSON] = {}
    for number, item in enumerate(cast("list[object]", inner)):
        one = cast("JSON", item) if isinstance(item, dict) else {}
        name = one.get("name")
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
            raise NotAListing(f"tool {number} of the list has no name")
        if name in found:
            raise NotAListing(f"tool {number} of the list has the name of another")
        found[name] = {key: said for key, said in one.items() if key != "_meta"}
    return list(found.values())
