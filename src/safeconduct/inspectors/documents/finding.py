"""Where in a JSON value documents are, and how they are written there."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Final, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from safeconduct.inspectors.documents.limits import Limits, bomb, unreadable
from safeconduct.inspectors.documents.wire import Form, Question

Path = tuple[str | int, ...]

MIN_DOCUMENT: Final = 16
"""Shorter strings hold no document."""

MIN_FILE: Final = 24
"""From how many characters on a string may have a file in base64 somewhere in it."""

MIN_BASE64: Final = 512
"""From how many characters on a string that is base64 all through is taken for a file."""


class Found(NamedTuple):
    """A document: the path and the length of the string that it is in, and what to ask of it."""

    path: Path
    length: int
    question: Question


_BASE64: Final = r"A-Za-z0-9+/_\-"
_LINES: Final = rf"[{_BASE64}]{{16,}}(?:\r?\n[ \t]?[{_BASE64}]{{4,}})*={{0,2}}"
"""As mails have it, in lines; what follows in a line after a space is no part of it."""
_WHOLE: Final = re.compile(rf"[{_BASE64}\s]++={{0,2}}\s*+").fullmatch
_FILES: Final = (
    # %PDF, PK, PK, gzip, {\rtf, OLE, 7z, Rar!, bzip2, xz
    *("JVBERi", "UEsDB", "UEsFB", "H4sI", "e1xydG", "0M8R4K", "N3q8ry", "UmFyIR", "QlpoO", "/Td6W"),
    # <!do, <!DO, <htm, <HTM, BEGIN:V
    *("PCFkb2", "PCFET0", "PGh0bW", "PEhUTU", "QkVHSU46Vk"),
)
"""How the beginning of a file is written in base64."""
_DRAWN: Final = (
    # PNG, JPEG, GIF, TIFF, TIFF, WebP
    *("iVBORw0KGgo", "/9j/", "R0lGOD", "SUkqA", "TU0AK", "UklGR"),
)
"""And that of a picture."""


def _files(beginnings: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![{_BASE64}])(?:{'|'.join(beginnings)}){_LINES}")


_FILE: Final = _files(_FILES)
_FILE_OR_PICTURE: Final = _files(_FILES + _DRAWN)
_URL: Final = re.compile(
    # No more parameters, and no longer ones, than there are: so the search stays linear.
    r"data:([\w.+-]{1,127}/[\w.+-]{1,127})?"
    r"(?:;(?!base64,)[\w.-]{1,32}(?:=(?:\"[^\"\s]{0,64}\"|[^;,\s]{0,64}))?){0,8}"
    rf"(?:(;base64),((?:%2[bf]|%3d|[{_BASE64}])*={{0,2}})|,([^\s\"'<>]*))",
    re.IGNORECASE,
)
_BYTES: Final = frozenset({"blob", "data"})
_SOUNDS: Final = ("audio/", "video/", "font/")
_PICTURES: Final = ("image/", *_SOUNDS)
_VECTOR: Final = "image/svg"
_MAGIC: Final = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF", b"II*\0", b"MM\0*"),
    *(b"BM", b"\0\0\1\0", b"\xff\x0a"),
    *(b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"OggS", b"fLaC", b"FORM", b"\x1aE\xdf\xa3"),
    *(b"wOFF", b"wOF2", b"\0\1\0\0", b"OTTO"),
)
"""How pictures, sounds, films and typefaces begin."""
_PDF: Final = b"%PDF-"
_PDF_WITHIN: Final = 1024
_ZIP_END: Final = b"PK\5\6"
_ZIP_END_WITHIN: Final = 65_557
"""Where readers look for a PDF document, and for a zip file, that stands in something else."""

_MARKUP: Final = re.compile(
    r"<(?:!--|!doctype|[a-z][a-z0-9-]*\s+[a-z]|/?(?:html|body|style|template|noscript|title)\b)",
    re.IGNORECASE,
)
_HEADER: Final = (
    r"(?:from|to|cc|bcc|subject|date|received|return-path|message-id|reply-to|sender|mime-version|"
    r"content-[a-z-]+|delivered-to|x-[a-z-]+|dkim-signature|authentication-results)"
)
_MAIL: Final = re.compile(
    rf"\s*(?:from \S.*\n)?(?:{_HEADER}:.*\n(?:[ \t].*\n)*){{2,}}", re.IGNORECASE
)
_CALENDAR: Final = re.compile(r"^BEGIN:V[A-Z]+\s*$", re.MULTILINE | re.IGNORECASE)
_RICH: Final = "{\\rtf"
_TEXTS: Final = ("text/html", "message/rfc822", "text/calendar", "text/rtf", "application/rtf")


def documents(value: object, limits: Limits) -> list[Found]:
    """The documents in a JSON value, in order.

    Raises:
        Unread: one is too large, or there are too many.
        RecursionError: the value is nested too deeply.
    """
    every: list[Found] = []
    _Search(every, pictures=bool(limits.languages)).gather(value, (), "")
    if len(every) > limits.max_documents:
        raise bomb(f"more than {limits.max_documents} documents in one value")
    for found in every:
        question = found.question
        size = len(question.data) * (3 if question.form == "base64" else 4) // 4
        if size > limits.max_bytes:
            raise unreadable(f"larger than {limits.max_bytes} bytes")
    return every


class _Search:
    """Puts the documents of a value into `every`; pictures are some if their letters are read."""

    def __init__(self, every: list[Found], *, pictures: bool) -> None:
        self._every = every
        self._silent = _SOUNDS if pictures else _PICTURES
        self._beginnings = _FILES + _DRAWN if pictures else _FILES
        self._file = _FILE_OR_PICTURE if pictures else _FILE

    def gather(self, value: object, path: Path, media: str) -> None:
        """`media` is the type that the object around a string tells of it."""
        if isinstance(value, str):
            if len(value) >= MIN_DOCUMENT:
                found = self._questions(value, media)
                self._every += [Found(path, len(value), one) for one in found]
        elif isinstance(value, dict):
            self._members(cast("dict[str, object]", value), path)
        elif isinstance(value, list):
            for index, item in enumerate(cast("list[object]", value)):
                if not isinstance(item, str) or len(item) >= MIN_DOCUMENT:
                    self.gather(item, (*path, index), media)

    def _members(self, members: dict[str, object], path: Path) -> None:
        named = members.get("mimeType")
        media = named.lower() if isinstance(named, str) else ""
        for key, item in members.items():
            if key in _BYTES and isinstance(item, str) and _is_blob(key, members):
                if not self._says_nothing(media, "base64", item):
                    question = Question("base64", media, item)
                    self._every.append(Found((*path, key), len(item), question))
            elif not isinstance(item, str) or len(item) >= MIN_DOCUMENT:
                self.gather(item, (*path, key), media if key == "text" else "")

    def _says_nothing(self, media: str, form: Form, coded: str) -> bool:
        """Whether it is said to be of a kind in which nothing is read, and begins as one: that one
        is also a document is for whoever reads documents to find out.
        """
        silent = media.startswith(self._silent) and not media.startswith(_VECTOR)
        return silent and _begins_so(form, coded)

    def _questions(self, text: str, media: str) -> Iterator[Question]:
        if "data:" in text.lower():
            for url in _URL.finditer(text):
                named = (url[1] or "").lower()
                form: Form = "base64" if url[2] else "percent"
                coded = url[3] if url[2] else url[4]
                if not self._says_nothing(named, form, coded):
                    yield Question(form, named, coded)
        if len(text) >= MIN_BASE64 and _is_base64(text):
            yield Question("base64", media, text)
            return
        if len(text) >= MIN_FILE and any(beginning in text for beginning in self._beginnings):
            for file in self._file.finditer(text):
                yield Question("base64", "", file[0])
        if _is_text_document(text, media):
            yield Question("text", media, text)


def _is_blob(key: str, members: dict[str, object]) -> bool:
    """The bytes of a resource, or of an image or audio block (MCP 2025-11-25, schema)."""
    if key == "blob":
        return "uri" in members
    return members.get("type") in {"image", "audio"}


def _begins_so(form: Form, coded: str) -> bool:
    """Whether it begins as a picture, a sound, a film or a typeface, and holds no document."""
    try:
        padded = coded + "=" * (-len(coded) % 4)
        data = unquote_to_bytes(coded) if form == "percent" else b64decode(padded, validate=True)
    except binascii.Error:
        return False
    document = _PDF in data[:_PDF_WITHIN] or _ZIP_END in data[-_ZIP_END_WITHIN:]
    return not document and (data.startswith(_MAGIC) or data[4:8] == b"ftyp")


def _is_base64(text: str) -> bool:
    """By its beginning and its end first: most strings are none, and large ones are files."""
    return (
        all(map(_WHOLE, (text[:64], text[-64:]))) and " " not in text[:256] and bool(_WHOLE(text))
    )


def _is_text_document(text: str, media: str) -> bool:
    return (
        media.startswith(_TEXTS)
        or ("<" in text and _MARKUP.search(text) is not None)
        or ("\n" in text and _MAIL.match(text) is not None)
        or ("begin:v" in text.lower() and _CALENDAR.search(text) is not None)
        or text.lstrip().startswith(_RICH)
    )
