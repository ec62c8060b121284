"""Changes to inputs: of bytes, and of whole values in a JSON document."""

from __future__ import annotations

import json
from random import Random
from typing import Any

MAX_BYTES = 1024
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53, 10**400, 1e308, "", "\x00", "\ud800", "_meta", [], {}),
    *([[]], {"": {}}, "2.0", "file://", "https://pay.example/", "__proto__"),
)


def edited(data: bytes, other: bytes, seed: int) -> bytes:
    """The bytes with one place taken out, said twice, or taken from another input."""
    chance = Random(seed)
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((0, 1, 1, 2, 4, 16)))
    at = chance.randrange(len(other) + 1)
    new = chance.choice(
        (
            b"",
            data[start:end] * 2,
            bytes([chance.randrange(256)]),
            other[at : at + chance.choice((1, 2, 8, 32))],
        )
    )
    return (data[:start] + new + data[end:])[:MAX_BYTES]


def revalued(data: bytes, other: bytes, seed: int) -> bytes:
    """A JSON document with one value or name in it changed, or edited where it is no JSON."""
    chance = Random(seed)
    try:
        value, donor = json.loads(data), json.loads(other)
        places = list(_places(value))
        if not places:
            return edited(data, other, seed)
        holder, key = chance.choice(places)
        match chance.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                name = chance.choice([*_texts(donor), "_meta", "extra"])
                holder[name] = holder.pop(key)
            case 2:
                holder[key] = chance.choice(_ODD)
            case 3 if isinstance(holder, list):
                holder.insert(key, holder[key])
            case 4 if isinstance(holder, dict):
                holder[chance.choice([*_texts(donor), "_meta"])] = chance.choice(_ODD)
            case _:
                there, place = chance.choice(list(_places(donor)) or places)
                holder[key] = there[place]
        spaces = chance.choice(((",", ":"), (", ", ": ")))
        text = json.dumps(value, ensure_ascii=chance.random() < 0.5, separators=spaces)
        return text.encode()[:MAX_BYTES]
    except (ValueError, RecursionError):
        return edited(data, other, seed)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every object or list within, with each of its keys."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


def _texts(value: Any) -> list[str]:
    """All strings within, the names of members too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in _texts(item))]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []
