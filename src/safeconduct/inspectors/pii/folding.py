"""Texts as a reader sees them: one way of writing digits, spaces and dashes, nothing unseen, and,
where asked, no markup. What is found there is placed in the text as it was.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from html import unescape
from itertools import accumulate, chain
from typing import Final

from safeconduct.inspectors.patterns import any_of

ASSIGNED: Final = (range(128, 0x20000), range(0xE0000, 0xE1000))
"""Where Unicode has digits, spaces, dashes and what is not seen. The other planes have ideographs,
or nothing; to look at each of their million characters would take longest of all that starts here.
"""


def _told_apart() -> tuple[dict[str, str], list[str]]:
    """What is written otherwise in ASCII, and what is not seen."""
    found: dict[str, str] = {}
    unseen: list[str] = []
    for char in map(chr, chain(*ASSIGNED)):
        match unicodedata.category(char):
            case "Nd":
                found[char] = str(unicodedata.decimal(char))
            case "Zs":
                found[char] = " "
            case "Pd":
                found[char] = "-"
            case "Cf":
                unseen.append(char)
            case _ if "\uff01" <= char <= "\uff5e":
                found[char] = chr(ord(char) - 0xFEE0)
            case _:
                pass
    return {**found, "\u2212": "-", "\u2043": "-", "\u00b7": "."}, unseen


_WRITTEN, _UNSEEN = _told_apart()


def octets(pattern: str) -> str:
    """A pattern over UTF-8, all of it in ASCII."""
    return "".join(
        char if char.isascii() else "".join(f"\\x{octet:02x}" for octet in char.encode())
        for char in pattern
    )


FOREIGN: Final = octets("|".join(_WRITTEN))
"""What is written otherwise, as a pattern over UTF-8."""
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]+")
_TABLE: Final = str.maketrans(_WRITTEN)

_INLINE: Final = (
    "a|abbr|b|bdi|bdo|big|code|data|em|font|i|ins|kbd|mark|nobr|s|samp|small|span|strong|sub|sup|"
    "tt|u|var|wbr"
)
_MARKUP: Final = re.compile(
    rf"<!--[^<>\x00]*>|</?(?P<inline>{_INLINE})(?:[\s/][^<>\x00]*)?>|</?[a-z][^<>\x00]*>"
    r"|(?P<character>&(?:#[0-9]{1,6}|#x[0-9a-f]{1,5}|[a-z]{2,12});)|(?P<stars>\*+)"
    rf"|(?P<unseen>[{''.join(_UNSEEN)}]+)",
    re.IGNORECASE,
)

SPLIT: Final = "|".join(
    [r"[0-9](?:<|&[#A-Za-z]|\*)|[>;*][0-9]"] + [octets(char) for char in _UNSEEN]
)
"""What tells that markup, or what is not seen, may split a number; a pattern over UTF-8."""


_SPLITS: Final = any_of([SPLIT])
_MARKS: Final = (b"<", b">", b"&", b";", b"*")


def may_split(data: bytes) -> bool:
    """Whether markup, or what is not seen, may split a number in a text in UTF-8."""
    if data.isascii() and not any(one in data for one in _MARKS):
        return False
    return bool(_SPLITS(data))


_NOTHING: Final = dict.fromkeys(map(ord, _UNSEEN), "")


class Folded:
    """A text after some replacements, and where its characters were before."""

    __slots__ = ("_ends", "_shifts", "text")

    def __init__(self, text: str, ends: list[int], shifts: list[int]) -> None:
        self.text = text
        self._ends = ends
        self._shifts = shifts

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where it was before, from a character to the one after the last."""
        return self._before(start), self._before(end - 1) + 1

    def _before(self, at: int) -> int:
        after = bisect_right(self._ends, at)
        return at + (self._shifts[after - 1] if after else 0)


def folded(text: str) -> str:
    """Digits, spaces and dashes of all scripts as ASCII has them, each in its place."""
    if text.isascii():
        return text
    return _FOREIGN.sub(lambda found: found[0].translate(_TABLE), text)


def unmarked(text: str) -> Folded:
    """Without tags, character references, stars and unseen characters that may split a number."""
    return _replaced(text, _MARKUP, _unmarked)


def _unmarked(found: re.Match[str]) -> str:
    if found["character"]:
        return folded(unescape(found[0]))[:1].translate(_NOTHING)
    return (
        ""
        if found["inline"] or found["stars"] or found["unseen"] or found[0].startswith("<!")
        else "\n"
    )


def _replaced(
    text: str, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> Folded:
    parts: list[str] = []
    ends: list[int] = []
    lost: list[int] = []
    done = length = 0
    for found in pattern.finditer(text):
        new = replacement(found)
        length += found.start() - done + len(new)
        parts += [text[done : found.start()], new]
        done = found.end()
        if len(new) != done - found.start():
            ends.append(length)
            lost.append(done - found.start() - len(new))
    parts.append(text[done:])
    return Folded("".join(parts), ends, list(accumulate(lost)))
