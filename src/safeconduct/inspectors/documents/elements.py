"""XML as it goes along, without a document type: entities are how XML explodes."""

from __future__ import annotations

from typing import Final, NoReturn
from xml.parsers import expat

from safeconduct.inspectors.documents.limits import bomb, unreadable
from safeconduct.inspectors.documents.unpacking import Flow, Unpacked

_SEPARATOR: Final = "}"
_TOLD: Final = frozenset(
    {
        *("descr", "title", "alt", "prompt", "promptTitle", "error", "errorTitle", "tooltip"),
        *("alias", "tag", "helpText", "statusText"),
    }
)
"""Attributes with words for a person."""
_RUNS: Final = frozenset({"t", "r", "span", "a", "run"})
"""Words may go on after these."""


class Elements:
    """Is told of elements and text in order. Names come without their namespaces.

    By itself it takes all text for metadata: so it reads what nobody knows better.
    """

    def __init__(self, unpacked: Unpacked) -> None:
        self.unpacked = unpacked
        self.flow = Flow(unpacked)
        self.inside: list[str] = []
        """The names of the elements that are open."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""
        if name not in _RUNS:
            self.flow.line()

    def text(self, text: str) -> None:
        """Text in the element that was opened last."""
        self.flow.metadata(text, "part")


def walk(data: bytes, reader: Elements, place: str = "") -> None:
    """Tells a reader all that is in an XML document, and has its text said.

    Raises:
        Unread: it is not well-formed, has a document type, or is too large or too deep.
    """
    if not data:  # as office programs leave some of their parts
        return
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    inside = reader.inside

    def start(name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(_SEPARATOR)[2]
        reader.unpacked.element(len(inside))
        named = {key.rpartition(_SEPARATOR)[2]: value for key, value in attributes.items()}
        for key in _TOLD & named.keys():
            reader.unpacked.metadata(named[key], key)
        inside.append(local)
        reader.start(local, named)

    def end(_: str) -> None:
        reader.end(inside.pop())

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data, True)  # noqa: FBT003 the last that comes; it takes no name
    except expat.ExpatError:
        raise unreadable("damaged XML") from None
    reader.flow.close(place)


def _refuse(*_: object) -> NoReturn:
    raise bomb("XML with a document type")


def on(value: str | None) -> bool:
    """Whether a switch of Office is on: it is unless it says otherwise."""
    return value not in {"0", "false", "off", "none", "no"}
