"""Where in a JSON value documents are, and how they are written there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from safeconduct.inspectors.documents.limits import Limits, bomb, unreadable
from safeconduct.inspectors.documents.wire import Form, Question

Path = tuple[str | int, ...]

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
_WHOLE: Final = re.compile(rf"[{_BASE64}]{{16}}[{_BASE64}\s]*={{0,2}}\s*").fullmatch
_FILE: Final = re.compile(
    # %PDF, PK, gzip, {\rtf, OLE, 7z, Rar!, bzip2, xz, <!do, <!DO, <htm, <HTM, BEGIN:VC
    rf"(?<![{_BASE64}])(?:JVBERi|UEsDB|UEsFB|H4sI|e1xydG|0M8R4KGx|N3q8ry|UmFyIR|QlpoO|/Td6W|PCFkb2|"
    rf"PCFET0|PGh0bW|PEhUTU|QkVHSU46Vk){_LINES}"
)
_URL: Final = re.compile(
    rf"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.-]+=[^;,\s]*)*(?:(;base64),((?:%2[bf]|%3d|[{_BASE64}])*={{0,2}})|,"
    rf"([^\s\"'<>]*))",
    re.IGNORECASE,
)
_PICTURES: Final = ("image/", "audio/", "video/", "font/")
_VECTOR: Final = "image/svg+xml"

_MARKUP: Final = re.compile(
    r"<(?:!--|!doctype|[a-z][a-z0-9-]*\s+[a-z]|/?(?:html|body|style|template|noscript|title)\b)",
    re.IGNORECASE,
)
_HEADER: Final = (
    r"(?:from|to|cc|bcc|subject|date|received|return-path|message-id|reply-to|sender|mime-version|"
    r"content-[a-z-]+|delivered-to|x-[a-z-]+|dkim-signature|authentication-results)"
)
_MAIL: Final = re.compile(
    rf"\s*(?:from \S+.*\n)?(?:{_HEADER}:.*\n(?:[ \t].*\n)*){{2,}}", re.IGNORECASE
)
_CALENDAR: Final = re.compile(r"^BEGIN:V[A-Z]+\s*$", re.MULTILINE | re.IGNORECASE)
_RICH: Final = "{\\rtf"
_TEXTS: Final = ("text/html", "message/rfc822", "text/calendar", "text/rtf", "application/rtf")


def documents(value: object, limits: Limits) -> Iterator[Found]:
    """The documents in a JSON value, in order.

    Raises:
        Unread: one is too large, or there are too many.
        RecursionError: the value is nested too deeply.
    """
    for count, found in enumerate(_documents(value, (), "")):
        question = found.question
        size = len(question.data) * (3 if question.form == "base64" else 4) // 4
        if size > limits.max_bytes:
            raise unreadable(f"larger than {limits.max_bytes} bytes")
        if count >= limits.max_documents:
            raise bomb(f"more than {limits.max_documents} documents in one value")
        yield found


def _documents(value: object, path: Path, media: str) -> Iterator[Found]:
    """`media` is the type that the object around a string tells of it."""
    if isinstance(value, str):
        for question in _questions(value, media):
            yield Found(path, len(value), question)
    elif isinstance(value, dict):
        members = cast("dict[str, object]", value)
        named = members.get("mimeType")
        media = named.lower() if isinstance(named, str) else ""
        for key, item in members.items():
            inside = (*path, key)
            if isinstance(item, str) and _is_blob(key, members):
                if not _is_picture(media):
                    yield Found(inside, len(item), Question("base64", media, item))
            else:
                yield from _documents(item, inside, media if key == "text" else "")
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _documents(item, (*path, index), media)


def _is_blob(key: str, members: dict[str, object]) -> bool:
    """The bytes of a resource, or of an image or audio block (MCP 2025-11-25, schema)."""
    if key == "blob":
        return "uri" in members
    return key == "data" and members.get("type") in {"image", "audio"}


def _is_picture(media: str) -> bool:
    return media.startswith(_PICTURES) and media != _VECTOR


def _questions(text: str, media: str) -> Iterator[Question]:
    if len(text) < MIN_DOCUMENT:
        return
    if "data:" in text or "DATA:" in text:
        for url in _URL.finditer(text):
            named = (url[1] or "").lower()
            if not _is_picture(named):
                form: Form = "base64" if url[2] else "percent"
                yield Question(form, named, url[3] if url[2] else url[4])
    if len(text) >= MIN_BASE64 and _WHOLE(text):
        yield Question("base64", media, text)
        return
    for file in _FILE.finditer(text):
        yield Question("base64", "", file[0])
    if _is_text_document(text, media):
        yield Question("text", media, text)


MIN_DOCUMENT: Final = 16
"""Shorter strings hold no document."""


def _is_text_document(text: str, media: str) -> bool:
    return (
        media.startswith(_TEXTS)
        or ("<" in text and _MARKUP.search(text) is not None)
        or _MAIL.match(text) is not None
        or ("BEGIN:V" in text.upper() and _CALENDAR.search(text) is not None)
        or text.lstrip().startswith(_RICH)
    )
