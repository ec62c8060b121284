"""Presentations (PresentationML, ECMA-376 part 1, section 19)."""

from __future__ import annotations

import re
from typing import Final

from safeconduct.inspectors.documents.archives import Members
from safeconduct.inspectors.documents.elements import Elements, on, walk
from safeconduct.inspectors.documents.sheets import Drawn
from safeconduct.inspectors.documents.unpacking import Unpacked
from safeconduct.inspectors.documents.word import is_light

_SHOW: Final = "ppt/presentation.xml"
_SLIDE: Final = re.compile(r"ppt/slides/[^/]*\.xml")
_DRAWN: Final = re.compile(r"ppt/(?:charts|diagrams)/[^/]*\.xml")
_TINY: Final = 200
"""Hundredths of a point."""
_SIZE: Final = (12_192_000, 6_858_000)
_SHAPES: Final = frozenset({"sp", "graphicFrame", "pic", "cxnSp"})


class _Show(Elements):
    size = _SIZE

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sldSz":
            self.size = (_whole(attributes.get("cx")), _whole(attributes.get("cy")))

    def text(self, text: str) -> None:
        pass


class _Slide(Elements):
    def __init__(self, unpacked: Unpacked, size: tuple[int, int]) -> None:
        super().__init__(unpacked)
        self._size = size
        self._hidden_slide = False
        self._shape = ""
        self._at = (0, 0)
        self._run = ""
        self._white = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        inside = self.inside
        if name == "sld":
            self._hidden_slide = not on(attributes.get("show"))
        elif name in _SHAPES:
            self._shape = ""
        elif name == "cNvPr" and on(attributes.get("hidden", "0")):
            self._shape = "hidden shape"
        elif name == "off" and "xfrm" in inside and "grpSpPr" not in inside:
            self._at = (_whole(attributes.get("x")), _whole(attributes.get("y")))
        elif name == "ext" and inside[-2:-1] == ["xfrm"] and "grpSp" not in inside:
            self._placed(_whole(attributes.get("cx")), _whole(attributes.get("cy")))
        elif name == "r":
            self._run, self._white = "", False
        elif name == "rPr" and 0 < _whole(attributes.get("sz", "1800")) <= _TINY:
            self._run = "tiny letters"
        elif name == "srgbClr" and "rPr" in inside:
            self._white = is_light(attributes.get("val", ""))
        elif name == "alpha" and "rPr" in inside and attributes.get("val") in {"0", "0%"}:
            self._run = "letters that show through"

    def end(self, name: str) -> None:
        if name in {"p", "br"}:
            self.flow.line()

    def text(self, text: str) -> None:
        if self.inside[-1] != "t":
            self.flow.metadata(text, "part")
        elif self._shape or self._run:
            self.flow.hidden(text, self._shape or self._run)
        elif self._hidden_slide:
            self.flow.hidden(text, "hidden slide", plain=True)
        elif self._white:
            # What is behind it is a matter of themes and layouts, which nobody here paints.
            self.flow.metadata(text, "white letters")
        else:
            self.flow.visible(text)

    def _placed(self, width: int, height: int) -> None:
        (x, y), (right, bottom) = self._at, self._size
        if x >= right or y >= bottom or x + width <= 0 or y + height <= 0:
            self._shape = self._shape or "beside the slide"


def read(unpacked: Unpacked, members: Members) -> set[str]:
    """The slides; which parts were read. Notes and comments are metadata."""
    show = _Show(unpacked)
    done = set[str]()
    if _SHOW in members.names:
        walk(members.bytes_of(_SHOW), show)
        done.add(_SHOW)
    for name in members.names:
        if _SLIDE.fullmatch(name):
            slide = _Slide(unpacked, show.size)
            walk(members.bytes_of(name), slide, name)
            done.add(name)
        elif _DRAWN.fullmatch(name):
            walk(members.bytes_of(name), Drawn(unpacked))
            done.add(name)
    return done


def _whole(text: str | None) -> int:
    try:
        return int(text or "0")
    except ValueError:
        return 0
