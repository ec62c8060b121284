"""Texts (WordprocessingML, ECMA-376 part 1, section 17)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from safeconduct.inspectors.documents.archives import Members
from safeconduct.inspectors.documents.elements import Elements, on, walk
from safeconduct.inspectors.documents.unpacking import Unpacked

_SHOWN: Final = re.compile(r"word/(?:document|header|footer|footnotes|endnotes)\w*\.xml")
_ASKED_FOR: Final = re.compile(r"word/(?:comments|glossary/document|people)\w*\.xml")
_STYLES: Final = "word/styles.xml"
_BREAKS: Final = frozenset({"p", "br", "cr", "tr"})
_TINY: Final = 4
"""Half points."""
_LIGHT: Final = 0xF0


class Look(NamedTuple):
    """How letters look, as far as it is said."""

    vanish: bool = False
    light: bool = False
    ground: bool = False
    """Something other than white paper is behind them."""
    size: int = 24

    @property
    def way(self) -> str:
        """In which way they are hidden, if they are."""
        if self.vanish:
            return "hidden text"
        if self.size <= _TINY:
            return "tiny letters"
        return "white letters" if self.light and not self.ground else ""


def is_light(colour: str) -> bool:
    """Whether a colour in hexadecimal is white, or nearly."""
    try:
        return len(colour) >= 6 and min(bytes.fromhex(colour[-6:])) >= _LIGHT
    except ValueError:
        return False


def _changed(look: Look, name: str, attributes: dict[str, str]) -> Look:
    value = attributes.get("val")
    match name:
        case "vanish" | "specVanish" | "webHidden":
            return look._replace(vanish=on(value))
        case "color":
            return look._replace(light=is_light(value or ""))
        case "sz" if value and value.isdecimal():
            return look._replace(size=int(value))
        case "highlight":
            return look._replace(ground=on(value) and value != "white")
        case "shd":
            fill = attributes.get("fill", "auto")
            return look._replace(ground=fill != "auto" and not is_light(fill))
        case _:
            return look


class _Styles(Elements):
    """How styles look, by id, each after the one that it is based on."""

    def __init__(self, unpacked: Unpacked) -> None:
        super().__init__(unpacked)
        self.looks: dict[str, Look] = {}
        self._id = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "style":
            self._id = attributes.get("styleId", "")
            self.looks[self._id] = Look()
        elif name == "basedOn":
            self.looks[self._id] = self.looks.get(attributes.get("val", ""), Look())
        elif self._id and "rPr" in self.inside:
            self.looks[self._id] = _changed(self.looks[self._id], name, attributes)

    def text(self, text: str) -> None:
        pass


class _Text(Elements):
    def __init__(self, unpacked: Unpacked, styles: dict[str, Look], way: str) -> None:
        super().__init__(unpacked)
        self._styles = styles
        self._metadata = way
        self._paragraph = Look()
        self._run = Look()
        self._cells: list[bool] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        inside = self.inside
        if name == "tc":
            self._cells.append(False)
        elif name == "p":
            self._paragraph = Look(ground=any(self._cells))
        elif name == "r":
            self._run = self._paragraph
        elif name == "background" and not is_light(attributes.get("color", "FFFFFF")):
            self._cells.append(True)
        elif name in {"pStyle", "rStyle"}:
            self._style(name, attributes.get("val", ""))
        elif "rPr" in inside and "pPr" not in inside:
            self._run = _changed(self._run, name, attributes)
        elif name == "shd" and "tcPr" in inside and self._cells:
            self._cells[-1] = _changed(Look(), name, attributes).ground
        elif name == "shd" and "pPr" in inside:
            self._paragraph = _changed(self._paragraph, name, attributes)
        elif name == "tab":
            self._say("\t")

    def end(self, name: str) -> None:
        if name in _BREAKS:
            self.flow.line()
        elif name == "tc":
            self._cells.pop()
            self._say("\t")

    def text(self, text: str) -> None:
        name = self.inside[-1]
        if name in {"t", "delText"}:
            self._say(text)
        elif name in {"instrText", "delInstrText"}:
            self.flow.metadata(text, "field")
        else:
            self.flow.metadata(text, "part")

    def _style(self, name: str, style: str) -> None:
        look = self._styles.get(style, Look())
        ground = look.ground or any(self._cells)
        if name == "pStyle":
            self._paragraph = look._replace(ground=ground)
        else:
            self._run = look._replace(ground=ground)

    def _say(self, text: str) -> None:
        if self._metadata:
            self.flow.metadata(text, self._metadata)
        elif "del" in self.inside or "moveFrom" in self.inside:
            self.flow.hidden(text, "deleted text", plain=True)
        elif self._run.way:
            self.flow.hidden(text, self._run.way)
        else:
            self.flow.visible(text)


def read(unpacked: Unpacked, members: Members) -> set[str]:
    """The parts with text; which parts these are."""
    styles = _Styles(unpacked)
    done = set[str]()
    if _STYLES in members.names:
        walk(members.bytes_of(_STYLES), styles)
        done.add(_STYLES)
    for name in members.names:
        asked_for = _ASKED_FOR.fullmatch(name)
        if asked_for or _SHOWN.fullmatch(name):
            text = _Text(unpacked, styles.looks, "comment" if asked_for else "")
            walk(members.bytes_of(name), text, name)
            done.add(name)
    return done
