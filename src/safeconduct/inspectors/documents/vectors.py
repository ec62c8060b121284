"""SVG: its presentation attributes are properties, and letters have a fill (SVG 2, 6 and 13)."""

from __future__ import annotations

import re
from typing import Final

from safeconduct.inspectors.documents.cascade import Style

VECTOR: Final = "svg"
NOT_DRAWN: Final = "defs"
SAID: Final = frozenset({"desc", "metadata"})
"""What is said of a picture, and seen on asking."""

_PROPERTIES: Final = (
    *("opacity", "fill", "fill-opacity", "stroke", "display", "visibility", "font-size"),
    *("transform", "clip-path", "filter"),
)
_SHAPES: Final = frozenset(
    {"rect", "circle", "ellipse", "path", "polygon", "polyline", "image", "use", "line"}
)
_PLACED: Final = frozenset({"text", "tspan", VECTOR, "use", "foreignobject"})
_NUMBER: Final = re.compile(r"\s*(-?\d+(?:\.\d+)?)")
_NO_PAINT: Final = frozenset({"", "none", "transparent"})


def presented(tag: str, attributes: dict[str, str]) -> Style:
    """What the attributes of an element say, as a style would."""
    style: Style = {
        name: attributes[name].strip().lower() for name in _PROPERTIES if name in attributes
    }
    if tag in _PLACED:
        for name, edge in (
            ("x", "left"),
            ("y", "top"),
            ("dx", "margin-left"),
            ("dy", "margin-top"),
        ):
            if (found := _NUMBER.match(attributes.get(name, ""))) is not None:
                style[edge] = found[1]
                style["position"] = "absolute"
    return style


def lettered(style: Style) -> Style:
    """The same as it is of letters elsewhere: a fill is their colour, unless they have a line."""
    style = dict(style)
    fill, line = style.pop("fill", None), style.pop("stroke", "none")
    if fill is not None:
        style["color"] = "transparent" if fill == "none" else fill
    else:
        style.pop("color", None)
    if line not in _NO_PAINT:
        style["color"] = "unknown"
    if "fill-opacity" in style and line in _NO_PAINT:
        style.setdefault("opacity", style["fill-opacity"])
    return style


def paints(tag: str, style: Style) -> bool:
    """Whether an element makes a ground that nobody here knows."""
    return tag in _SHAPES and style.get("fill") not in _NO_PAINT
