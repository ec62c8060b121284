"""Texts written from templates: attacks on agents, and ordinary texts that are hard to tell from
them. A template has slots, and each seventh of a family is kept for measuring.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from typing import Self

HELD = 7
"""Each one of so many templates is for measuring alone."""

_THINGS = (
    *("mail", "url", "account", "money", "file", "word", "place", "tool", "arg", "secret"),
    *("objects", "name", "thing", "date", "city", "number", "food", "field", "screen", "value"),
)
"""Slots of things and names."""

_DEPTH = 60
"""How many slots are filled in one text at most; a slot may stand in what fills another."""


class Templates:
    """The templates of a file, by family."""

    def __init__(self, slots: dict[str, list[str]], families: dict[str, list[str]]) -> None:
        self._slots = slots
        self._slot = re.compile(rf"\{{({'|'.join(slots)})\}}", re.IGNORECASE)
        self.families = families

    @classmethod
    def of(cls, name: str) -> Self:
        """Those of `attacks` or of `ordinary`."""
        said = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
        return cls(said["slots"], said["templates"])

    def values(self) -> list[str]:
        """What the slots of things and names hold, which is ordinary by itself."""
        return [one for slot in _THINGS for one in self._slots.get(slot, ())]

    def texts(
        self, random: Random, count: int, *, held: bool, only: str | None = None
    ) -> list[str]:
        """So many texts of each family, with repetitions."""
        found: list[str] = []
        for family, templates in self.families.items():
            if only in (None, family):
                usable = [
                    one for at, one in enumerate(templates) if (at % HELD == HELD - 1) == held
                ]
                found += [self._filled(random, usable[at % len(usable)]) for at in range(count)]
        return found

    def _filled(self, random: Random, text: str) -> str:
        """A template with something in each slot; a slot in capitals begins a sentence."""
        for _ in range(_DEPTH):
            slot = self._slot.search(text)
            if slot is None:
                break
            name = slot[1]
            said = random.choice(self._slots[name.lower()])
            if name[:1].isupper():
                said = said[:1].upper() + said[1:]
            text = text[: slot.start()] + said + text[slot.end() :]
        return text


def disguised(random: Random, text: str) -> str:
    """A text as somebody writes it who hides it, or is careless; most of them as they are."""
    ways = [_same, str.upper, str.lower, str.swapcase, _leet, _mistyped, _spelt, _pieces, _marked]
    way = random.choices(ways, [68, 4, 4, 1, 6, 9, 3, 3, 3])[0]
    return way(text) if way in (str.upper, str.lower, str.swapcase) else way(text, random)


def _same(text: str, _random: Random) -> str:
    return text


def _leet(text: str, random: Random) -> str:
    digits = str.maketrans("aeiost", "431057")
    return "".join(one.translate(digits) if random.random() < 0.5 else one for one in text)


def _mistyped(text: str, random: Random) -> str:
    letters = list(text)
    for _ in range(max(1, len(letters) // 25)):
        at = random.randrange(len(letters) - 1)
        if random.random() < 0.5:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        else:
            letters[at] = random.choice(["", letters[at] * 2])
    return "".join(letters)


def _spelt(text: str, _random: Random) -> str:
    first, _, rest = text.partition(" ")
    return f"{' '.join(first)}  {rest}" if len(first) > 4 else text


def _pieces(text: str, random: Random) -> str:
    mark = random.choice("-.*_")
    words = text.split(" ")
    return " ".join(
        mark.join(one[at : at + 2] for at in range(0, len(one), 2))
        if one.isalpha() and len(one) > 5
        else one
        for one in words
    )


def _marked(text: str, random: Random) -> str:
    return random.choice(["- ", "> ", "1. ", "* ", "// ", "# ", "    ", '"']) + text
