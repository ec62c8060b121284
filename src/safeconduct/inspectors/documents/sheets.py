"""Workbooks (SpreadsheetML, ECMA-376 part 1, section 18)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeVar

from safeconduct.inspectors.documents.archives import Members
from safeconduct.inspectors.documents.elements import Elements, on, walk
from safeconduct.inspectors.documents.unpacking import Unpacked
from safeconduct.inspectors.documents.word import is_light

BOOK: Final = "xl/workbook.xml"
_STRINGS: Final = "xl/sharedStrings.xml"
_STYLES: Final = "xl/styles.xml"
_SHEET: Final = re.compile(r"xl/(?:worksheets|macrosheets|dialogsheets)/[^/]*\.xml")
_DRAWN: Final = re.compile(r"xl/(?:drawings|charts|diagrams)/[^/]*\.xml")
_COLUMN: Final = re.compile(r"[A-Z]{1,3}")
_TINY: Final = 2.0
"""Points."""


T = TypeVar("T")


class _Font(NamedTuple):
    light: bool = False
    size: float = 11.0


class _Sheet(NamedTuple):
    name: str
    state: str


class _Book(Elements):
    """Which sheets there are, by the id of their part's relationship."""

    def __init__(self, unpacked: Unpacked) -> None:
        super().__init__(unpacked)
        self.sheets: dict[str, _Sheet] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            sheet = _Sheet(attributes.get("name", ""), attributes.get("state", "visible"))
            self.sheets[attributes.get("id", "")] = sheet
        for told in ("comment", "description"):
            self.unpacked.metadata(attributes.get(told, ""), told)


class _Strings(Elements):
    """The strings that cells share, by number."""

    def __init__(self, unpacked: Unpacked) -> None:
        super().__init__(unpacked)
        self.strings: list[str] = []
        self._parts: list[str] = []

    def end(self, name: str) -> None:
        if name == "si":
            self.strings.append("".join(self._parts))
            self._parts = []

    def text(self, text: str) -> None:
        if self.inside[-1] == "t" and "rPh" not in self.inside:
            self._parts.append(text)


class _Styles(Elements):
    """In which way each style of cells hides what is in them, if it does."""

    def __init__(self, unpacked: Unpacked) -> None:
        super().__init__(unpacked)
        self.ways: list[str] = []
        self._fonts: list[_Font] = []
        self._grounds: list[bool] = []
        self._silent: set[str] = set()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        inside = self.inside
        if name == "numFmt" and attributes.get("formatCode", "").startswith(";;;"):
            self._silent.add(attributes.get("numFmtId", ""))
        elif name == "font" and "fonts" in inside:
            self._fonts.append(_Font())
        elif name == "fill" and "fills" in inside:
            self._grounds.append(False)
        elif name == "color" and "fonts" in inside and self._fonts:
            light = is_light(attributes.get("rgb", "")) or attributes.get("theme") == "0"
            self._fonts[-1] = self._fonts[-1]._replace(light=light)
        elif name == "sz" and "fonts" in inside and self._fonts:
            self._fonts[-1] = self._fonts[-1]._replace(size=_number(attributes.get("val"), 11.0))
        elif name == "fgColor" and "fills" in inside and self._grounds:
            light = is_light(attributes.get("rgb", "")) or attributes.get("theme") == "0"
            self._grounds[-1] = not light
        elif name == "xf" and "cellXfs" in inside:
            self.ways.append(self._way(attributes))

    def text(self, text: str) -> None:
        pass

    def _way(self, attributes: dict[str, str]) -> str:
        if attributes.get("numFmtId") in self._silent:
            return "a format that shows nothing"
        font = _at(self._fonts, attributes.get("fontId"), _Font())
        if font.size <= _TINY:
            return "tiny letters"
        covered = _at(self._grounds, attributes.get("fillId"), default=False)
        return "white letters" if font.light and not covered else ""


class _Cells(Elements):
    def __init__(self, unpacked: Unpacked, strings: list[str], ways: list[str], state: str) -> None:
        super().__init__(unpacked)
        self._strings = strings
        self._ways = ways
        self._state = state
        self._columns: list[tuple[int, int]] = []
        self._row = False
        self._cell: dict[str, str] = {}
        self._value: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "col" and _is_hidden(attributes, "width"):
            first, last = attributes.get("min"), attributes.get("max")
            self._columns.append((int(_number(first, 0)), int(_number(last, 0))))
        elif name == "row":
            self._row = _is_hidden(attributes, "ht")
        elif name == "c":
            self._cell, self._value = attributes, []

    def end(self, name: str) -> None:
        if name == "c":
            value = "".join(self._value)
            if self._cell.get("t") == "s" and value.isdecimal():
                value = _at(self._strings, value, "")
            self._say(value + "\t" if value else "")
        elif name == "row":
            self.flow.line()

    def text(self, text: str) -> None:
        name = self.inside[-1]
        if name == "v" or (name == "t" and "is" in self.inside):
            self._value.append(text)
        elif name == "f":
            self.flow.metadata(text + "\n", "formula")
        elif "headerFooter" in self.inside:
            self.flow.visible(text + "\n")
        else:
            self.flow.metadata(text, "part")

    def _say(self, value: str) -> None:
        way = _at(self._ways, self._cell.get("s"), "")
        column = _column(self._cell.get("r", ""))
        if self._state != "visible":
            very = self._state == "veryHidden"
            way = "very hidden sheet" if very else "hidden sheet"
            self.flow.hidden(value, way, plain=not very)
        elif way:
            self.flow.hidden(value, way)
        elif self._row:
            self.flow.hidden(value, "hidden row", plain=True)
        elif any(first <= column <= last for first, last in self._columns):
            self.flow.hidden(value, "hidden column", plain=True)
        else:
            self.flow.visible(value)


class Drawn(Elements):
    """Text in drawings and charts."""

    def text(self, text: str) -> None:
        if self.inside[-1] in {"t", "v"}:
            self.flow.visible(text)
        else:
            self.flow.metadata(text, "part")


def read(unpacked: Unpacked, members: Members, targets: dict[str, str]) -> set[str]:
    """The sheets and what is drawn on them; which parts were read. Comments are metadata.

    `targets` are the parts that the book leads to, by id.
    """
    book, strings, styles = _Book(unpacked), _Strings(unpacked), _Styles(unpacked)
    done = set[str]()
    for name, reader in ((BOOK, book), (_STRINGS, strings), (_STYLES, styles)):
        if name in members.names:
            walk(members.bytes_of(name), reader)
            done.add(name)
    shown = {targets.get(key, ""): sheet for key, sheet in book.sheets.items()}
    for name in members.names:
        if _SHEET.fullmatch(name):
            # What no list of sheets names is shown by nothing.
            sheet = shown.get(name, _Sheet(name, "veryHidden"))
            unpacked.visible(sheet.name)
            cells = _Cells(unpacked, strings.strings, styles.ways, sheet.state)
            walk(members.bytes_of(name), cells, f"sheet {sheet.name[:40]}")
            done.add(name)
        elif _DRAWN.fullmatch(name):
            walk(members.bytes_of(name), Drawn(unpacked))
            done.add(name)
    return done


def _is_hidden(attributes: dict[str, str], size: str) -> bool:
    hidden = attributes.get("hidden")
    return (hidden is not None and on(hidden)) or _number(attributes.get(size), 1.0) == 0.0


def _column(reference: str) -> int:
    letters = _COLUMN.match(reference)
    number = 0
    for letter in letters[0] if letters else "":
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def _number(text: str | None, default: float) -> float:
    try:
        return default if text is None else float(text)
    except ValueError:
        return default


def _at(items: list[T], index: str | None, default: T) -> T:
    return items[int(index)] if index and index.isdecimal() and int(index) < len(items) else default
