"""Text of others so that a person sees what is there: nothing hides, nothing turns around.

Jinja escapes what is markup. Beyond that, characters that steer, reorder, or take no room are
written as their code points, so are marks that pile up over a letter and would cover what stands
around it, and letters that are not ASCII are marked where looks can deceive.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

_BLANK: Final = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks that show nothing (DerivedCoreProperties: Default_Ignorable_Code_Point)."""

_VARIANTS: Final = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0000, 0xE0FFF))

MAX_MARKS: Final = 4
"""How many marks a letter may have: as many as any language writes over or under one."""


def written(text: str) -> str:
    """The text on one line with such characters as escapes, without any markup."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(letter) if odd else letter for letter, odd in _letters(text))


def visible(text: object) -> Markup:
    """The text as HTML, with such characters standing out."""
    return _marked(str(text), foreign=False)


def exact(text: object) -> Markup:
    """As `visible`, with a mark under all that is not ASCII: it may look like what it is not."""
    return _marked(str(text), foreign=True)


def whole(text: object) -> Markup:
    """As `exact`, of a text with lines of its own."""
    return Markup("\n").join(map(exact, str(text).split("\n")))


def _marked(text: str, *, foreign: bool) -> Markup:
    if text.isascii() and text.isprintable():
        return escape(text)
    parts: list[Markup] = []
    kinds = [(letter, _kind(letter, odd=odd, foreign=foreign)) for letter, odd in _letters(text)]
    for kind, letters in groupby(kinds, key=lambda one: one[1]):
        run = "".join(letter for letter, _ in letters)
        match kind:
            case "odd":
                parts.append(Markup("<b class=odd>{}</b>").format("".join(map(_escape, run))))
            case "foreign":
                parts.append(Markup("<u>{}</u>").format(run))
            case _:
                parts.append(escape(run))
    return Markup("").join(parts)


def _letters(text: str) -> Iterator[tuple[str, bool]]:
    """Each letter, and whether it is not shown as it is."""
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.category(letter) in {"Mn", "Me"} else 0
        yield letter, marks > MAX_MARKS or _odd(letter)


def _kind(letter: str, *, odd: bool, foreign: bool) -> str:
    if odd:
        return "odd"
    return "foreign" if foreign and not letter.isascii() else "plain"


def _odd(letter: str) -> bool:
    code = ord(letter)
    return (
        not letter.isprintable()
        or letter in _BLANK
        or any(first <= code <= last for first, last in _VARIANTS)
    )


def _escape(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
