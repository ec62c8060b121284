"""Rich Text Format (RTF 1.9.1): text, hidden text, properties."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from safeconduct.inspectors.documents.limits import unreadable
from safeconduct.inspectors.documents.texts import decoded
from safeconduct.inspectors.documents.unpacking import Flow, Unpacked

_BEGIN: Final = "{\\rtf"
_TOKEN: Final = re.compile(
    r"(?P<group>[{}])|\\(?P<word>[a-z]{1,32})(?P<number>-?\d{1,10})?[ ]?"
    r"|\\'(?P<octet>[0-9a-fA-F]{2})|\\(?P<symbol>[^a-z'])|(?P<text>[^{}\\\r\n]+)|[\r\n]",
    re.DOTALL,
)
_BREAKS: Final = frozenset({"par", "line", "tab", "cell", "row", "page", "sect"})
_PROPERTIES: Final = frozenset(
    {"info", "annotation", "atnid", "atnauthor", "xmlnstbl", "userprops"}
)
_SILENT: Final = frozenset(
    {
        *(
            "pict",
            "fonttbl",
            "stylesheet",
            "listtable",
            "themedata",
            "colorschememapping",
            "datastore",
        ),
        *("rsidtbl", "generator", "latentstyles"),
    }
)
_TINY: Final = 4
"""Half points: no one reads letters of two points."""
_LIGHT: Final = 240


class _State(NamedTuple):
    goes: str = "visible"
    hidden: bool = False
    deleted: bool = False
    size: int = 24
    colour: int = 0

    def changed(self, word: str, number: int | None) -> _State:
        match word:
            case "v":
                return self._replace(hidden=number != 0)
            case "deleted":
                return self._replace(deleted=number != 0)
            case "fs":
                return self._replace(size=number or 0)
            case "cf":
                return self._replace(colour=number or 0)
            case "plain":
                return self._replace(hidden=False, deleted=False, size=24, colour=0)
            case _:
                return self

    def way(self, white: set[int]) -> str:
        if self.hidden:
            return "hidden text"
        if self.size <= _TINY:
            return "tiny letters"
        return "white letters" if self.colour in white else ""


def is_rich(text: str) -> bool:
    """Whether a text is RTF."""
    return text.lstrip().startswith(_BEGIN)


class _Reading:
    def __init__(self, unpacked: Unpacked) -> None:
        self._unpacked = unpacked
        self._stack: list[_State] = []
        self.state: _State = _State()
        self.flow = Flow(unpacked)
        self._octets = bytearray()
        self._white: set[int] = set()
        self._colour = [0, 0, 0]
        self._colours = 0
        self._skip = 0
        self.starred = False

    def push(self) -> None:
        self._unpacked.element(len(self._stack))
        self._stack.append(self.state)

    def pop(self) -> None:
        if self._stack:
            self.state = self._stack.pop()

    def word(self, word: str, number: int | None) -> None:
        state = self.state
        match word:
            case _ if word in _BREAKS:
                self.say("\n")
            case "u" if number is not None:
                self.say(chr(number % 0x10000))
                self._skip = 1
            case "red" | "green" | "blue":
                self._colour[("red", "green", "blue").index(word)] = number or 0
            case "objdata":
                raise unreadable("an object is embedded in it")
            case "colortbl":
                self.state = state._replace(goes="colours")
            case _ if word in _SILENT:
                self.state = state._replace(goes="nowhere")
            case _ if word in _PROPERTIES or (self.starred and state.goes == "visible"):
                self.state = state._replace(goes="metadata")
            case _:
                self.state = state.changed(word, number)

    def octet(self, code: int) -> None:
        if self._skip:
            self._skip -= 1
        else:
            self._octets.append(code)

    def say(self, text: str) -> None:
        if self._octets:
            octets, self._octets = decoded(bytes(self._octets), "cp1252"), bytearray()
            self.say(octets)
        if self._skip and text:
            text, self._skip = text[self._skip :], 0
        match self.state.goes:
            case "colours":
                self._colours_end(text.count(";"))
            case "metadata":
                self.flow.metadata(text, "property")
            case "visible":
                self._seen(text)
            case _:
                pass

    def _colours_end(self, count: int) -> None:
        for _ in range(count):
            if min(self._colour) >= _LIGHT:
                self._white.add(self._colours)
            self._colours += 1
            self._colour = [0, 0, 0]

    def _seen(self, text: str) -> None:
        state = self.state
        if state.deleted and not state.hidden:
            self.flow.hidden(text, "deleted text", plain=True)
        elif way := state.way(self._white):
            self.flow.hidden(text, way)
        elif text == "\n":
            self.flow.line()
        else:
            self.flow.visible(text)


def read(unpacked: Unpacked, text: str) -> None:
    """What is seen of it, what is not, and what is said about it."""
    reading = _Reading(unpacked)
    for token in _TOKEN.finditer(text):
        if token["group"] == "{":
            reading.say("")
            reading.push()
            reading.starred = False
        elif token["group"]:
            reading.say("")
            reading.pop()
        elif token["word"]:
            reading.say("")
            reading.word(token["word"], int(token["number"]) if token["number"] else None)
        elif token["octet"]:
            reading.octet(int(token["octet"], 16))
        elif token["symbol"]:
            reading.starred = token["symbol"] == "*"
            if token["symbol"] in "\\{}":
                reading.say(token["symbol"])
            elif token["symbol"] in "~\r\n":
                reading.say(" ")
        elif token["text"]:
            reading.say(token["text"])
    reading.say("")
    reading.flow.close()
