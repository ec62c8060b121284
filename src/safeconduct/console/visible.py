"""Text of others so that a person sees what is there: nothing hides, nothing turns around.

Jinja escapes what is markup. Beyond that, characters that steer, reorder, or take no room are
written as their code points, and letters that are not ASCII are marked where looks can deceive.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

_BLANK: Final = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks that show nothing (DerivedCoreProperties: Default_Ignorable_Code_Point)."""

_VARIANTS: Final = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0000, 0xE0FFF))


def written(text: str) -> str:
    """The text on one line with such characters as escapes, without any markup."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(letter) if _odd(letter) else letter for letter in text)


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
    for kind, letters in groupby(text, key=partial(_kind, foreign=foreign)):
        run = "".join(letters)
        match kind:
            case "odd":
                parts.append(Markup("<b class=odd>{}</b>").format("".join(map(_escape, run))))
            case "foreign":
                parts.append(Markup("<u>{}</u>").format(run))
            case _:
                parts.append(escape(run))
    return Markup("").join(parts)


def _kind(letter: str, *, foreign: bool) -> str:
    if _odd(letter):
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
