"""What is not kept of the policy input, of arguments and of results. Pure.

Who called what for whom stays. Of the input a value is left out, or replaced by a keyed hash, so
that replays see which are equal; of arguments and results a salted commitment is left.
"""

from __future__ import annotations

import hmac
from typing import Any, Final, Literal

import msgspec
import orjson

JSON = dict[str, Any]
How = Literal["erase", "hash"]

MASKABLE: Final[dict[str, frozenset[str] | None]] = {
    "arguments": None,
    "facts": None,
    "result": None,
    "user": frozenset({"kind", "groups", "acr", "amr", "auth_time", "device"}),
}
"""Of what parts can be masked, and which; None for any."""

_PREFIX: Final = "hmac-sha256:"
_DIGITS: Final = 32


class Mask(msgspec.Struct, frozen=True):
    """A part, by the JSON Pointer (RFC 6901) `path`: one fact or trait of the user in the input, an
    argument, or a member of a structured result.

    Equal values have equal hashes, wherever they stand, under one gateway's key.
    """

    member: str
    name: str
    how: How

    @property
    def path(self) -> str:
        """The JSON Pointer."""
        name = self.name.replace("~", "~0").replace("/", "~1")
        return f"/{self.member}/{name}"


def mask(masks: tuple[Mask, ...], key: bytes, kept: JSON, integers: JSON) -> list[str]:
    """Mask, in place, what a record would keep of the input, and its integer facts.

    Returns the paths of what was there. Without a key a value to be hashed is left out.
    """
    found: list[str] = []
    for one in masks:
        if one.member in ("arguments", "result"):
            continue
        for part in (integers, kept.get("facts", {})) if one.member == "facts" else (kept["user"],):
            if one.name not in part:
                continue
            value = part.pop(one.name)
            found.append(one.path)
            if one.how == "hash" and key:
                kept.setdefault(one.member, {})[one.name] = hashed(value, key)
            break
    return found


def unkept(masks: tuple[Mask, ...] | None, member: str) -> tuple[tuple[str, ...], ...]:
    """Where in a payload lies what is not kept of its `arguments`, or its `result`: all of that
    where the masks are not known.

    The texts of a result may say what its structure says: where a part of it is masked, they are.
    """
    if masks is None:
        return ((member,),)
    names = [one.name for one in masks if one.member == member]
    if member != "result":
        return tuple((member, name) for name in names)
    found = [(member, "structuredContent", name) for name in names]
    return (*found, *((member, name) for name in TEXTS)) if found else ()


TEXTS: Final = ("content", "contents", "messages", "completion")
"""The members of a result that hold texts."""


def hashed(value: object, key: bytes) -> str:
    """What stands for a value. Raises orjson.JSONEncodeError."""
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return _PREFIX + hmac.digest(key, data, "sha256").hex()[:_DIGITS]
