"""OpenDocument (OASIS ODF 1.3): texts, sheets and slides in one XML."""

from __future__ import annotations

from typing import Final

from safeconduct.inspectors.documents.archives import Members
from safeconduct.inspectors.documents.elements import Elements, walk
from safeconduct.inspectors.documents.limits import unreadable
from safeconduct.inspectors.documents.unpacking import Unpacked
from safeconduct.inspectors.documents.word import is_light

_CONTENT: Final = "content.xml"
_STYLES: Final = "styles.xml"
_MANIFEST: Final = "META-INF/manifest.xml"
_TYPE: Final = "mimetype"
_BREAKS: Final = frozenset({"p", "h", "line-break", "table-row"})
_ASIDE: Final = frozenset({"annotation", "notes", "desc", "title", "change-info"})
_GONE: Final = frozenset({"tracked-changes"})
_HIDING: Final = frozenset({"hidden-text", "hidden-paragraph"})


def is_opendocument(members: Members) -> bool:
    """Whether a zip file is such a document."""
    return _CONTENT in members.names and {_TYPE, _MANIFEST} & set(members.names) != set()


class _Manifest(Elements):
    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "encryption-data":
            raise unreadable("an encrypted document")


class _Text(Elements):
    def __init__(self, unpacked: Unpacked, ways: dict[str, str]) -> None:
        super().__init__(unpacked)
        self._ways = ways
        self._style = ""
        self._ground: set[str] = set()
        self._hiding: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "style":
            self._style = attributes.get("name", "")
            self._ways[self._style] = self._ways.get(attributes.get("parent-style-name", ""), "")
        elif name.endswith("-properties"):
            self._look(attributes)
        if "href" in attributes:
            self.unpacked.link(attributes["href"])
        if name in _HIDING:
            self.flow.hidden(attributes.get("string-value", ""), "hidden text")
        self._hiding.append(self._way(name, attributes))

    def end(self, name: str) -> None:
        self._hiding.pop()
        if name == "style":
            self._style = ""
        elif name in _BREAKS:
            self.flow.line()
        elif name == "table-cell":
            self.flow.visible("\t")

    def text(self, text: str) -> None:
        inside = self.inside
        way = next((one for one in reversed(self._hiding) if one), "")
        if not _ASIDE.isdisjoint(inside):
            self.flow.metadata(text, "comment")
        elif not _GONE.isdisjoint(inside):
            self.flow.hidden(text, "deleted text", plain=True)
        elif way:
            self.flow.hidden(text, way, plain=way.endswith("row or sheet"))
        elif "body" in inside:
            self.flow.visible(text)
        else:
            self.flow.metadata(text, "part")

    def _look(self, attributes: dict[str, str]) -> None:
        if not self._style:
            return
        ground = attributes.get("background-color", "transparent")
        if ground != "transparent" and not is_light(ground):
            self._ground.add(self._style)
        if attributes.get("display") == "none":
            self._ways[self._style] = "hidden text"
        elif attributes.get("display") == "false":
            self._ways[self._style] = "hidden row or sheet"
        elif attributes.get("font-size", "").removesuffix("pt") in {"0", "0.5", "1", "2"}:
            self._ways[self._style] = "tiny letters"
        elif is_light(attributes.get("color", "")) and self._style not in self._ground:
            self._ways[self._style] = "white letters"

    def _way(self, name: str, attributes: dict[str, str]) -> str:
        if name in _HIDING:
            return "hidden text"
        if attributes.get("visibility") == "collapse" or attributes.get("display") == "none":
            return "hidden row or sheet" if name.startswith("table") else "hidden text"
        if name == "section" and attributes.get("display") in {"none", "condition"}:
            return "hidden text"
        return self._ways.get(attributes.get("style-name", ""), "") if name != "style" else ""


def read(unpacked: Unpacked, members: Members) -> str:
    """Everything in it."""
    if _MANIFEST in members.names:
        walk(members.bytes_of(_MANIFEST), _Manifest(unpacked))
    ways: dict[str, str] = {}
    for name in sorted(members.names, key=lambda one: one != _STYLES):  # styles come first
        data = members.bytes_of(name)
        if name.endswith((_STYLES, _CONTENT)):
            text = _Text(unpacked, ways)
            walk(data, text, name)
        elif name.endswith(".xml"):
            if name != _MANIFEST:
                walk(data, Elements(unpacked))
        elif name != _TYPE:
            unpacked.inside(data, "", name)
    return "odf"
