"""What a decision record does not show of the policy input: left out, or replaced by a keyed hash.

Who called what for whom stays: only what the record keeps for replays can be masked. Pure.
"""

from __future__ import annotations

import hmac
from typing import Any, Final, Literal

import msgspec
import orjson

JSON = dict[str, Any]
How = Literal["erase", "hash"]

MASKABLE: Final[dict[str, frozenset[str] | None]] = {
    "facts": None,
    "user": frozenset({"kind", "groups", "acr", "amr", "auth_time", "device"}),
}
"""The members of the input of which parts can be masked, and which; None for any."""

_PREFIX: Final = "hmac-sha256:"
_DIGITS: Final = 32


class Mask(msgspec.Struct, frozen=True):
    """A part of the input, by the JSON Pointer (RFC 6901) `path`: one fact, or a trait of the user.

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
        for part in (integers, kept.get("facts", {})) if one.member == "facts" else (kept["user"],):
            if one.name not in part:
                continue
            value = part.pop(one.name)
            found.append(one.path)
            if one.how == "hash" and key:
                kept.setdefault(one.member, {})[one.name] = hashed(value, key)
            break
    return found


def hashed(value: object, key: bytes) -> str:
    """What stands for a value. Raises orjson.JSONEncodeError."""
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return _PREFIX + hmac.digest(key, data, "sha256").hex()[:_DIGITS]
