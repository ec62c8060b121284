"""As much of CSS as it takes to tell whether somebody sees a text."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

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
ALIKE: Final = "letters in the colour of the ground"
_ALIKE: Final = 32
"""How far two colours are apart at most, in each part, that no one tells apart."""
_FAR: Final = 500
"""Pixels: what is moved so far to the left or up is not on a screen."""

_DECLARATION: Final = re.compile(r"([a-z-]+)\s*:\s*([^;]*)")
_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_PAPER: Final = re.compile(
    r"@media\s+(?:only\s+)?print\b[^{},]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", re.IGNORECASE
)
_RULE: Final = re.compile(r"([^{}]*)\{([^{}]*)\}")
_LAST: Final = re.compile(r"([a-z0-9-]*)((?:[.#][\w-]+)*)(\[[^\]]*\])?\Z")
_NUMBER: Final = re.compile(r"-?\d*\.?\d+")
_LENGTH: Final = re.compile(r"(-?\d*\.?\d+)(px|pt|em|rem|%|vw|vh|)\Z")
_HEX: Final = re.compile(r"#([0-9a-f]{3,8})\Z")
_FUNCTION: Final = re.compile(r"rgba?\(([^)]*)\)")
_MOVED: Final = re.compile(r"translate[xy3d]*\(\s*(-?\d+)(px|%|vw|vh|em|rem)")
_CLIPPED: Final = re.compile(
    r"inset\(\s*(?:50|[6-9]\d|100)%|circle\(\s*0|rect\(\s*[01](?:px)?[,\s]+[01](?:px)?[,\s]"
)
_PIXELS: Final = {"px": 1.0, "": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "vw": 12.0, "vh": 8.0}


class Styled(NamedTuple):
    """How the text of an element looks: what it inherits, and in which way it is hidden."""

    way: str = ""
    plain: bool = False
    colour: Colour = BLACK
    ground: Colour = WHITE
    size: float = 16.0

    @property
    def hidden(self) -> tuple[str, bool]:
        """The way in which text is hidden here, and whether honest pages do so, too."""
        if self.way:
            return self.way, self.plain
        if self.size < 2.0:
            return "tiny letters", False
        if self.colour and self.ground and _alike(self.colour, self.ground):
            return ALIKE, False
        return "", False


def declarations(text: str) -> dict[str, str]:
    """The properties of a style, the last of each."""
    plain = _COMMENT.sub("", text).lower()
    return {
        found[1]: found[2].replace("!important", "").strip()
        for found in _DECLARATION.finditer(plain)
    }


class Sheet:
    """Rules, each known by the last part of its selector alone: a selector is taken for wider
    than it is. What is for paper only does not count.
    """

    def __init__(self) -> None:
        self._rules: dict[str, list[tuple[frozenset[str], dict[str, str]]]] = {}

    def add(self, text: str) -> None:
        """The rules of a style sheet."""
        for found in _RULE.finditer(_PAPER.sub("", _COMMENT.sub("", text))):
            selectors, body = found[1].rpartition(";")[2], declarations(found[2])
            if body:
                for selector in selectors.split(","):
                    self._put(selector.strip(), body)

    def of(self, name: str, attributes: dict[str, str]) -> dict[str, str]:
        """What the rules say of an element."""
        own = {f".{one}" for one in attributes.get("class", "").split()}
        own.add(f"#{attributes.get('id', '')}")
        found: dict[str, str] = {}
        for key in (name, *sorted(own)):
            for demanded, body in self._rules.get(key, ()):
                if demanded <= own | {name}:
                    found.update(body)
        return found

    def _put(self, selector: str, body: dict[str, str]) -> None:
        last = _LAST.search(re.split(r"[\s>+~]+", selector)[-1])
        if last is None or ":" in selector:
            return
        parts: list[str] = re.findall(r"[.#][\w-]+", last[2])
        demanded: frozenset[str] = frozenset(parts) | {one.lower() for one in (last[1],) if one}
        if demanded:
            key = parts[0] if parts else last[1].lower()
            self._rules.setdefault(key, []).append((demanded, body))


def styled(outer: Styled, style: dict[str, str]) -> Styled:
    """How an element looks inside of another."""
    way, plain = _way(style)
    ground = outer.ground
    for name in ("background", "background-color"):
        if name in style:
            ground = _ground(style[name], outer.ground)
    if "background-image" in style and style["background-image"] != "none":
        ground = None
    colour = _colour(style["color"], outer.colour) if "color" in style else outer.colour
    if not way and style.get("color", "") == "transparent":
        way = "letters that show through"
    if outer.way:
        way, plain = outer.way, outer.plain
    return Styled(way, plain, colour, ground, _size(style.get("font-size", ""), outer.size))


def _way(style: dict[str, str]) -> tuple[str, bool]:
    if style.get("display") == "none":
        return "display: none", True
    if style.get("visibility") in {"hidden", "collapse"}:
        return "visibility: hidden", True
    if style.get("mso-hide") == "all":
        return "mso-hide", True
    if _number(style.get("opacity", "1"), 1.0) < 0.1 or "opacity(0" in style.get("filter", ""):
        return "letters that show through", False
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


def _is_away(style: dict[str, str]) -> bool:
    edges = ["text-indent", "margin-left", "margin-top"]
    if style.get("position") in {"absolute", "fixed", "relative"}:
        edges += ["left", "top", "right", "bottom"]
    if any(_length(style.get(edge, "auto"), 0.0) <= -_FAR for edge in edges):
        return True
    moved = _MOVED.search(style.get("transform", ""))
    return moved is not None and int(moved[1]) <= (-_FAR if moved[2] == "px" else -90)


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


def _colour(text: str, outer: Colour) -> Colour:
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
        parts = [_number(one.strip(), 0.0) for one in re.split(r"[,\s/]+", found[1].strip())]
        if len(parts) >= 3:
            return int(parts[0]), int(parts[1]), int(parts[2])
    return None


def _ground(text: str, outer: Colour) -> Colour:
    if text in {"", "none", "transparent", "inherit", "initial", "unset"}:
        return outer
    found = _FUNCTION.match(text)
    if found and text.startswith("rgba") and re.search(r",\s*0(?:\.0*)?\s*\)", text):
        return outer
    return (
        None if "url(" in text or "gradient" in text else _colour(text.split(maxsplit=1)[0], outer)
    )


def _alike(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return all(abs(a - b) <= _ALIKE for a, b in zip(one, other, strict=True))
