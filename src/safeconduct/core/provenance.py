"""Provenance: where a value was seen, and whether that place may vouch for it.

No fact comes from the one it is about: an argument never vouches for itself, and a purpose that the
agent states is a claim of the agent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

import msgspec

from safeconduct.core.manifest import Role

PurposeSource = Literal["user", "app", "agent"]
"""Who speaks for the user: the user's device, a registered front end, or the agent itself."""

Place = Literal["user-request", "app-request", "agent-request", "trusted-field", "policy-constant"]

VOUCHING: Final[frozenset[Place]] = frozenset(
    {"user-request", "app-request", "trusted-field", "policy-constant"}
)
"""Places whose values may be used as control arguments."""

REQUESTS: Final[dict[PurposeSource, Place]] = {
    "user": "user-request",
    "app": "app-request",
    "agent": "agent-request",
}


class Origin(msgspec.Struct, frozen=True):
    """One place where a value was seen in this task; `where` is a tool and field path, if any."""

    place: Place
    where: str = ""


def vouched_for(origins: Iterable[Origin]) -> bool:
    """Whether one of these places may vouch for a control argument."""
    for origin in origins:  # noqa: SIM110  a generator costs several times as much
        if origin.place in VOUCHING:
            return True
    return False


class Vouched(msgspec.Struct, frozen=True):
    """A value that a trusted field of a result vouches for, as it is remembered in the task."""

    role: Role
    value: str
    where: str


_GAP: Final = re.compile(r"\s+|(?<!\d)[,;]|[,;](?!\d)")
"""What stands between two words: white space, commas and semicolons, except inside a number."""

_OPENING: Final = "<([{\"'“‘«„"  # noqa: RUF001  the quotes that people type
_CLOSING: Final = tuple(">)]}\"'”’»“.,;:!?")  # noqa: RUF001
_MARKS: Final = 4
"""Marks around a word, and how many of them are taken off its end, one by one. Inside a word they
are part of it: `o'brien@example.com` names nobody called `brien`."""


def normalise(value: object) -> str | None:
    """The form in which values are compared: exact text, decimal integers; None if not a scalar.

    Case and inner spaces are kept: a look-alike is another value.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return None


@lru_cache(maxsize=1024)
def words(purpose: str) -> frozenset[str]:
    """The words of a request that may vouch for a value, with and without the marks around them."""
    found: set[str] = set()
    for word in _GAP.split(purpose):
        bare = word.lstrip(_OPENING)
        found |= {word, bare}
        for _ in range(_MARKS):
            if bare.endswith(_CLOSING):
                bare = bare[:-1]
                found.add(bare)
    return frozenset(found - {""})


def request_origin(purpose: str, source: PurposeSource, value: str) -> Origin | None:
    """The origin that the task's request gives to a value, or None if it does not name it."""
    if value not in words(purpose):
        return None
    return Origin(REQUESTS[source])
