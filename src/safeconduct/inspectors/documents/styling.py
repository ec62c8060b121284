"""As much of CSS as it takes to tell whether somebody sees a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from safeconduct.inspectors.documents.cascade import Style
from safeconduct.inspectors.documents.colours import (
    BLACK,
    WHITE,
    Colour,
    alike,
    colour,
    ground,
    shows_through,
)

ALIKE: Final = "letters in the colour of the ground"
THROUGH: Final = "letters that show through"
_FAR: Final = 500
"""Pixels: what is moved so far to the left or up is not on a screen."""

_NUMBER: Final = re.compile(r"-?\d*\.?\d+")
_LENGTH: Final = re.compile(r"(-?\d*\.?\d+)(px|pt|em|rem|%|vw|vh|)\Z")
_MOVED: Final = re.compile(r"translate[xy3d]*\(\s*(-?\d+)(px|%|vw|vh|em|rem|)")
_CLIPPED: Final = re.compile(
    r"inset\(\s*(?:50|[6-9]\d|100)%|circle\(\s*0|rect\(\s*[01](?:px)?[,\s]+[01](?:px)?[,\s]"
)
_VARIABLE: Final = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*))?\)")
_SUM: Final = re.compile(
    r"calc\(\s*(-?\d*\.?\d+)([a-z%]*)\s*([-+*/])\s*(-?\d*\.?\d+)([a-z%]*)\s*\)"
)
_ROUNDS: Final = 4
_MAX_VALUE: Final = 4096
_MAX_MEANT: Final = 256
_PIXELS: Final = {"px": 1.0, "": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "vw": 12.0, "vh": 8.0}


class Styled(NamedTuple):
    """How the text of an element looks: what it inherits, and in which way it is hidden. `clear`:
    its letters have hardly a colour. `vector`: it is drawn in SVG.
    """

    way: str = ""
    plain: bool = False
    colour: Colour = BLACK
    ground: Colour = WHITE
    size: float = 16.0
    clear: bool = False
    vector: bool = False

    @property
    def hidden(self) -> tuple[str, bool]:
        """The way in which text is hidden here, and whether honest pages do so, too."""
        if self.way:
            return self.way, self.plain
        if self.size < 2.0:
            return "tiny letters", False
        if self.clear:
            return THROUGH, False
        if self.colour and self.ground and alike(self.colour, self.ground):
            # A picture is drawn for grounds that are elsewhere.
            return ALIKE, self.vector
        return "", False


def computed(style: Style, custom: Mapping[str, str]) -> Style:
    """A style with what its variables stand for, and simple sums done."""
    if not any("(" in value for value in style.values()):
        return style
    own = {**custom, **style}
    return {name: _computed(value, own) for name, value in style.items()}


def _computed(value: str, custom: Mapping[str, str]) -> str:
    for _ in range(_ROUNDS):
        if ("var(" not in value and "calc(" not in value) or len(value) > _MAX_VALUE:
            break
        value = _VARIABLE.sub(lambda found: _meant(found, custom), value)
        value = _SUM.sub(_summed, value)
    return value.strip()


def _meant(found: re.Match[str], custom: Mapping[str, str]) -> str:
    return custom.get(found[1], found[2] or "")[:_MAX_MEANT]


def _summed(found: re.Match[str]) -> str:
    one, other, sign = float(found[1]), float(found[4]), found[3]
    if sign in "+-" and found[2] == found[5]:
        return f"{one + other if sign == '+' else one - other:.4f}{found[2]}"
    if sign == "*":
        return f"{one * other:.4f}{found[2] or found[5]}"
    if sign == "/" and other:
        return f"{one / other:.4f}{found[2]}"
    return found[0]


def styled(outer: Styled, style: Style) -> Styled:
    """How an element looks inside of another."""
    way, plain = _way(style)
    under = outer.ground
    for name in ("background", "background-color"):
        if name in style:
            under = ground(style[name], outer.ground)
    if "background-image" in style and style["background-image"] != "none":
        under = None
    letters, clear = outer.colour, outer.clear
    if (said := style.get("color", "inherit")) != "inherit":
        letters, clear = colour(said, outer.colour), shows_through(said)
    if outer.way:
        way, plain = outer.way, outer.plain
    size = _size(style.get("font-size", ""), outer.size)
    return Styled(way, plain, letters, under, size, clear, outer.vector)


def _way(style: Style) -> tuple[str, bool]:
    if style.get("display") == "none":
        return "display: none", True
    if style.get("visibility") in {"hidden", "collapse"}:
        return "visibility: hidden", True
    if style.get("mso-hide") == "all":
        return "mso-hide", True
    if _number(style.get("opacity", "1"), 1.0) < 0.1 or "opacity(0" in style.get("filter", ""):
        return THROUGH, False
    if _CLIPPED.search(style.get("clip-path", "")) or _CLIPPED.search(style.get("clip", "")):
        return "cut off", True
    if _is_away(style):
        return "beside the page", True
    if "scale(0" in style.get("transform", "") and "scale(0." not in style["transform"]:
        return "without a size", False
    sizes = [style.get(one, "auto") for one in ("height", "width", "max-height", "max-width")]
    if any(_length(one, 99.0) <= 1.0 for one in sizes) and "hidden" in style.get("overflow", ""):
        return "without a size", True
    return "", False


def _is_away(style: Style) -> bool:
    edges = ["text-indent", "margin-left", "margin-top"]
    if style.get("position") in {"absolute", "fixed", "relative"}:
        edges += ["left", "top", "right", "bottom"]
    if any(_length(style.get(edge, "auto"), 0.0) <= -_FAR for edge in edges):
        return True
    moved = _MOVED.search(style.get("transform", ""))
    return moved is not None and int(moved[1]) <= (-_FAR if moved[2] in {"px", ""} else -90)


def _size(text: str, outer: float) -> float:
    found = _LENGTH.match(text)
    if found is None:
        return outer
    number = float(found[1])
    match found[2]:
        case "%":
            return outer * number / 100
        case "em":
            return outer * number
        case unit:
            return number * _PIXELS[unit]


def _length(text: str, default: float) -> float:
    found = _LENGTH.match(text)
    return default if found is None else float(found[1]) * _PIXELS.get(found[2], 12.0)


def _number(text: str, default: float) -> float:
    found = _NUMBER.match(text)
    return default if found is None else float(found[0])
