"""Reads a document: finds out its format and has the reader of that format unpack it.

Only a worker calls this: what is here is as good as its parsers.
"""

from __future__ import annotations

import binascii
import encodings
import gc
import importlib
import pkgutil
import re
import sys
import warnings
from base64 import b64decode
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import structs

from safeconduct.inspectors.documents import (
    archives,
    calendars,
    mail,
    markup,
    office,
    opendocument,
    pdf,
    pictures,
    rich,
)
from safeconduct.inspectors.documents.limits import Limits, Unread, bomb, unreadable
from safeconduct.inspectors.documents.texts import decoded, is_text
from safeconduct.inspectors.documents.unpacking import Unpacked
from safeconduct.inspectors.documents.wire import Answer, Piece, Question

_URL_SAFE: Final = str.maketrans("-_", "+/")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]+")
_PERCENT: Final = "%"
_RECURSION: Final = 2_000

_CLOSED: Final = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "OLE: an old or an encrypted office document",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"MSCF": "a cabinet",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x78\x9f\x3e\x22": "TNEF",
    b"-----BEGIN PGP MESSAGE": "encrypted with PGP",
}
"""What is known and that nobody here reads: it is refused, for it says something all the same."""

_PDF: Final = b"%PDF-"
_PDF_WITHIN: Final = 1024
"""Where readers look for the beginning of a PDF document (ISO 32000, annex H)."""

_TOLD: Final = {
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gzip",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
}
"""What a document has to be that is said to be one of these."""
_PAGES: Final = ("text/html", "application/xhtml", "image/svg")
_TEXTS: Final = ("text/", "message/rfc822", *_PAGES)
_OFFICE: Final = ("application/vnd.openxmlformats", "application/vnd.oasis.opendocument")


def warm(limits: Limits) -> None:
    """Loads all that readers load when they need it: later there is no file to load it from.

    Raises: as `pictures.warm`.
    """
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in {"mbcs", "oem"}:
            importlib.import_module(f"encodings.{module.name}")
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(_RECURSION)
    pdf.warm()
    mail.warm()
    pictures.warm(limits)
    # What is there now is shared with all that read a document, and no collection touches it.
    gc.collect()
    gc.freeze()


def answer(question: Question, limits: Limits) -> Answer:
    """What a document says, or why that cannot be told."""
    unpacked = Unpacked(limits, _read)
    try:
        named = _read(unpacked, _bytes(question), question.media)
    except Unread as error:
        return Answer(trouble=error.kind, why=error.why)
    except MemoryError:
        pass  # what is said of it needs memory, too, which is there once this is left
    except RecursionError:
        trouble = bomb("too deep inside of itself")
        return Answer(trouble=trouble.kind, why=trouble.why)
    except Exception as error:  # noqa: BLE001 parsers raise what they like on bytes of others
        trouble = unreadable(f"damaged ({type(error).__name__})")
        return Answer(trouble=trouble.kind, why=trouble.why)
    else:
        return Answer(named, _joined(unpacked.pieces))
    del unpacked
    trouble = bomb(f"it took more than {limits.memory_bytes} bytes of memory")
    return Answer(trouble=trouble.kind, why=trouble.why)


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    """What stands in one place in one way is one text, a line for each: it is looked at once."""
    found: dict[Piece, list[str]] = {}
    for piece in pieces:
        found.setdefault(structs.replace(piece, text=""), []).append(piece.text)
    return tuple(structs.replace(one, text="\n".join(said)) for one, said in found.items())


def _bytes(question: Question) -> bytes:
    match question.form:
        case "text":
            return question.data.encode(errors="replace")
        case "percent":
            return unquote_to_bytes(question.data)
        case "base64":
            text = question.data
            if _PERCENT in text:
                text = unquote_to_bytes(text).decode("latin-1")
            try:
                return b64decode(text, validate=True)
            except binascii.Error:
                coded = _NOT_BASE64.sub("", text.translate(_URL_SAFE))
            try:
                return b64decode(coded[: len(coded) - (len(coded) % 4 == 1)] + "==")
            except binascii.Error:
                raise unreadable("it is no base64") from None


def _read(unpacked: Unpacked, data: bytes, media: str) -> str:
    """Reads by what the bytes are first, and by what they are said to be where that is open."""
    for magic, why in _CLOSED.items():
        if data.startswith(magic):
            raise unreadable(f"a format that is not read: {why}")
    named = _by_bytes(unpacked, data, media) or _by_text(unpacked, data, media)
    told = _TOLD.get(media.partition(";")[0].strip())
    if (told and named != told) or (media.startswith(_OFFICE) and not named):
        raise unreadable(f"it is not {told or 'the office document'} that it is said to be")
    return named


def _by_bytes(unpacked: Unpacked, data: bytes, media: str) -> str:
    if _PDF in data[:_PDF_WITHIN]:
        pdf.read(unpacked, data)
        return "pdf"
    if archives.is_zip(data):
        members = archives.Members(unpacked, data)
        if office.is_office(members):
            return office.read(unpacked, members)
        if opendocument.is_opendocument(members):
            return opendocument.read(unpacked, members)
        archives.read_zip(unpacked, members)
        return "zip"
    return archives.read(unpacked, data) or pictures.read(unpacked, data, media)


def _by_text(unpacked: Unpacked, data: bytes, media: str) -> str:
    if not is_text(data) and not media.startswith(_TEXTS):
        return ""
    text = decoded(data)
    if rich.is_rich(text):
        rich.read(unpacked, text)
        return "rtf"
    if media.startswith("message/rfc822") or mail.is_mail(text):
        mail.read(unpacked, data)
        return "eml"
    is_page = media.startswith(_PAGES) or text.lstrip().startswith("<")
    if not is_page and (media.startswith("text/calendar") or calendars.is_calendar(text)):
        calendars.read(unpacked, text)
        return "ics"
    if is_page or markup.is_markup(text):
        markup.read(unpacked, text)
        return "html"
    unpacked.visible(text)
    return "text"
