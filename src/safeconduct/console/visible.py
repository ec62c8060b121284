"""Text of others so that a person sees what is there: nothing hides, nothing turns around.

Jinja escapes what is markup. Beyond that, characters that steer, reorder, or take no room are
written as their code points, so are marks that pile up over a letter and would cover what stands
around it, and letters that are not ASCII are marked where looks can deceive.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Final

from markupsafe import Markup, escape

_BLANK: Final = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks that show nothing (DerivedCoreProperties: Default_Ignorable_Code_Point)."""

_VARIANTS: Final = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0000, 0xE0FFF))

_OTHER: Final = re.compile(r"[^ -~]+")

_KNOWN: Final = 1 << 14
"""Of how many letters is remembered what they are."""

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
    # What others send may be long, and made so that it costs: only what is not plain is looked at
    # letter by letter, and nothing of that can be markup.
    return Markup(_OTHER.sub(_foreign if foreign else _seen, escape(text)))  # noqa: S704 - escaped


def _seen(run: re.Match[str]) -> str:
    return _told(run[0], "", "")


def _foreign(run: re.Match[str]) -> str:
    return _told(run[0], "<u>", "</u>")


def _told(run: str, begin: str, end: str) -> str:
    """Letters that are not printable ASCII: those that would not be seen as escapes, the others
    between two marks.
    """
    if len(run) == 1:
        return f"<b class=odd>{_escape(run)}</b>" if _odd(run) else f"{begin}{run}{end}"
    parts: list[str] = []
    for odd, letters in groupby(_letters(run), key=itemgetter(1)):
        if odd:
            parts.append(f"<b class=odd>{''.join(_escape(one) for one, _ in letters)}</b>")
        else:
            parts.append(f"{begin}{''.join(one for one, _ in letters)}{end}")
    return "".join(parts)


def _letters(text: str) -> Iterator[tuple[str, bool]]:
    """Each letter, and whether it is not shown as it is."""
    marks = 0
    for letter in text:
        marks = marks + 1 if _mark(letter) else 0
        yield letter, marks > MAX_MARKS or _odd(letter)


@lru_cache(_KNOWN)
def _mark(letter: str) -> bool:
    return unicodedata.category(letter) in {"Mn", "Me"}


@lru_cache(_KNOWN)
def _odd(letter: str) -> bool:
    code = ord(letter)
    return (
        not letter.isprintable()
        or letter in _BLANK
        or any(first <= code <= last for first, last in _VARIANTS)
    )


@lru_cache(_KNOWN)
def _escape(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
