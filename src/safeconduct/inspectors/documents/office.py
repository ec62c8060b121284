"""Office Open XML (ECMA-376): what is in the package of a text, a workbook or a presentation."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from safeconduct.inspectors.documents import sheets, slides, word
from safeconduct.inspectors.documents.archives import Members
from safeconduct.inspectors.documents.elements import Elements, walk
from safeconduct.inspectors.documents.limits import unreadable
from safeconduct.inspectors.documents.texts import decoded
from safeconduct.inspectors.documents.unpacking import Unpacked

_TYPES: Final = "[Content_Types].xml"
_XML: Final = ".xml"
_DRAWN: Final = ".vml"
"""Which Office itself does not write as XML."""
_TAG: Final = re.compile(r"<[^<>]*>")
_RELATIONSHIPS: Final = ".rels"
_PROGRAMS: Final = ("vbaProject.bin", "vbaData.xml")
_CONTROLS: Final = ("/activeX/", "/printerSettings/", "/ctrlProps/")


def is_office(members: Members) -> bool:
    """Whether a zip file is such a package."""
    return _TYPES in members.names


class _Relationships(Elements):
    """Where parts of a package lead: by part and id the part, and what is outside."""

    def __init__(self, unpacked: Unpacked, folder: str) -> None:
        super().__init__(unpacked)
        self._folder = folder
        self.targets: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        target = attributes.get("Target", "")
        if attributes.get("TargetMode") == "External":
            self.unpacked.link(target)
        elif name == "Relationship":
            path = posixpath.normpath(posixpath.join("/", self._folder, target))
            self.targets[attributes.get("Id", "")] = path.lstrip("/")

    def text(self, text: str) -> None:
        pass


def read(unpacked: Unpacked, members: Members) -> str:
    """Every part of it: those that are shown as they are shown, the others as metadata."""
    if "xl/workbook.bin" in members.names:
        raise unreadable("a format that is not read: a binary workbook")
    done = {_TYPES}
    format_ = "office"
    targets: dict[str, dict[str, str]] = {}
    for name in members.names:
        if name.endswith(_RELATIONSHIPS):
            folder, _, file = name.rpartition("/")
            folder = folder.removesuffix("_rels").rstrip("/")
            relationships = _Relationships(unpacked, folder)
            walk(members.bytes_of(name), relationships)
            part = posixpath.join(folder, file.removesuffix(_RELATIONSHIPS))
            targets[part] = relationships.targets
            done.add(name)
    if _has(members, "word/"):
        done |= word.read(unpacked, members)
        format_ = "docx"
    if _has(members, "xl/"):
        done |= sheets.read(unpacked, members, targets.get(sheets.BOOK, {}))
        format_ = "xlsx"
    if _has(members, "ppt/"):
        done |= slides.read(unpacked, members)
        format_ = "pptx"
    for name in members.names:
        if name not in done and not _is_silent(name):
            _part(unpacked, members, name)
    return format_


def _has(members: Members, folder: str) -> bool:
    return any(name.startswith(folder) for name in members.names)


def _part(unpacked: Unpacked, members: Members, name: str) -> None:
    data = members.bytes_of(name)
    if name.lower().endswith(_XML):
        walk(data, Elements(unpacked), name)
    elif name.lower().endswith(_DRAWN):
        unpacked.metadata(_TAG.sub(" ", decoded(data)), "part", name)
    else:
        unpacked.inside(data, "", name)


def _is_silent(name: str) -> bool:
    """Programs and settings: no agent reads them as text, nor do we."""
    return name.endswith(_PROGRAMS) or any(one in f"/{name}" for one in _CONTROLS)
