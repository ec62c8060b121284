"""Colours, as CSS writes them (CSS Color 4, sections 4 to 7)."""

from __future__ import annotations

import colorsys
import re
from typing import Final

Colour = tuple[int, int, int] | None
"""Red, green, blue; None where nobody knows."""

WHITE: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)
_NAMED: Final[dict[str, tuple[int, int, int]]] = {
    "white": WHITE,
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255),
    "floralwhite": (255, 250, 240),
    "whitesmoke": (245, 245, 245),
    "black": BLACK,
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "navy": (0, 0, 128),
}
_HEX: Final = re.compile(r"#([0-9a-f]{3,8})\Z")
_FUNCTION: Final = re.compile(r"(rgb|hsl)a?\(([^()]*)\)")
_NUMBER: Final = re.compile(r"(-?\d*\.?\d+)(%|deg|turn|)\Z")
_ALIKE: Final = 32
"""How far two colours are apart at most, in each part, that no one tells apart."""
_CLEAR: Final = 0.1


def alike(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Whether nobody tells two colours apart."""
    return all(abs(a - b) <= _ALIKE for a, b in zip(one, other, strict=True))


def shows_through(text: str) -> bool:
    """Whether a colour is hardly any."""
    if text == "transparent":
        return True
    if (found := _HEX.match(text)) is not None:
        digits = found[1]
        alpha = {4: digits[3:] * 2, 8: digits[6:]}.get(len(digits), "ff")
        return int(alpha, 16) < 256 * _CLEAR
    found = _FUNCTION.match(text)
    parts = [] if found is None else _parts(found[2])
    return len(parts) == 4 and parts[3] is not None and parts[3] < _CLEAR


def colour(text: str, outer: Colour) -> Colour:
    """A colour; that of what is around it where it says so."""
    if text in {"inherit", "currentcolor"}:
        return outer
    if text in _NAMED:
        return _NAMED[text]
    if found := _HEX.match(text):
        digits = found[1]
        digits = "".join(2 * one for one in digits[:3]) if len(digits) < 6 else digits[:6]
        red, green, blue = bytes.fromhex(digits)
        return red, green, blue
    if found := _FUNCTION.match(text):
        parts = _parts(found[2])[:3]
        if len(parts) == 3 and None not in parts:
            return _mixed(found[1], found[2], [one for one in parts if one is not None])
    return None


def ground(text: str, outer: Colour) -> Colour:
    """The colour of a ground: what is around it where it shows through; None below a picture."""
    if text in {"", "none", "inherit", "initial", "unset"} or shows_through(text):
        return outer
    if "url(" in text or "gradient" in text:
        return None
    first = re.match(r"[^\s(]+(?:\([^()]*\))?", text)
    return outer if first is None else colour(first[0], outer)


def _parts(text: str) -> list[float | None]:
    """The numbers in a function; parts of a whole, but those of red, green and blue."""
    return [_part(one) for one in re.split(r"[,\s/]+", text.strip())]


def _part(text: str) -> float | None:
    if text == "none":
        return 0.0
    found = _NUMBER.match(text)
    if found is None:
        return None
    return float(found[1]) / {"%": 100, "deg": 360, "turn": 1}.get(found[2], 1)


def _mixed(function: str, text: str, parts: list[float]) -> tuple[int, int, int]:
    first, second, third = parts
    if function == "rgb":
        whole = 255 if "%" in text.split("/", maxsplit=1)[0] else 1
        return int(first * whole), int(second * whole), int(third * whole)
    turn = first if "deg" in text or "turn" in text else first / 360
    red, green, blue = colorsys.hls_to_rgb(turn % 1.0, min(third, 1.0), min(second, 1.0))
    return round(255 * red), round(255 * green), round(255 * blue)
