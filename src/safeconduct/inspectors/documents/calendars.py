"""Invitations and cards: iCalendar (RFC 5545) and vCard (RFC 6350)."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from typing import Final

from safeconduct.inspectors.documents import markup
from safeconduct.inspectors.documents.limits import unreadable
from safeconduct.inspectors.documents.unpacking import Unpacked

_BEGIN: Final = re.compile(r"^BEGIN:V[A-Z]+\s*$", re.MULTILINE | re.IGNORECASE)
_FOLD: Final = re.compile(r"\r?\n[ \t]")
_LINE: Final = re.compile(
    r'(?P<name>[\w.-]+)(?P<parameters>(?:;(?:"[^"]*"|[^":])*)?):(?P<value>.*)', re.DOTALL
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_COMMON_NAME: Final = re.compile(r';CN=(?:"([^"]*)"|([^;]*))', re.IGNORECASE)
_MEDIA: Final = re.compile(r';FMTTYPE="?([^";]*)', re.IGNORECASE)

_SEEN: Final = frozenset(
    {
        *(
            "SUMMARY",
            "DESCRIPTION",
            "LOCATION",
            "FN",
            "NOTE",
            "TITLE",
            "ORG",
            "ROLE",
            "ADR",
            "EMAIL",
        ),
        *("TEL", "NICKNAME", "CONTACT", "CATEGORIES", "RESOURCES", "N"),
    }
)
_PEOPLE: Final = frozenset({"ATTENDEE", "ORGANIZER"})
_ATTACHED: Final = frozenset({"ATTACH", "PHOTO", "LOGO", "SOUND", "KEY", "IMAGE"})
_LINKED: Final = frozenset({"URL", "CONFERENCE", "SOURCE"})
_NO_TEXT: Final = frozenset(
    {
        *(
            "BEGIN",
            "END",
            "VERSION",
            "DTSTAMP",
            "DTSTART",
            "DTEND",
            "DUE",
            "CREATED",
            "LAST-MODIFIED",
        ),
        *(
            "RRULE",
            "RDATE",
            "EXDATE",
            "SEQUENCE",
            "STATUS",
            "TRANSP",
            "PRIORITY",
            "TRIGGER",
            "ACTION",
        ),
        *("TZOFFSETFROM", "TZOFFSETTO", "DURATION", "CALSCALE", "METHOD", "GEO", "REV", "CLASS"),
    }
)
"""What a program reads, and a person does not."""


def is_calendar(text: str) -> bool:
    """Whether a line of a text begins an object of either."""
    return _BEGIN.search(text) is not None


def read(unpacked: Unpacked, text: str) -> None:
    """Every property, with lines that were folded put together (RFC 5545, section 3.1)."""
    for line in _FOLD.sub("", text).splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            # No program shows a line that is none.
            unpacked.metadata(line, "no property")
            continue
        unpacked.element()
        _property(unpacked, found["name"].upper(), found["parameters"], found["value"])


def _property(unpacked: Unpacked, named: str, parameters: str, value: str) -> None:
    name = named.rpartition(".")[2]
    said = _ESCAPED.sub(_unescaped, value)
    if name in _SEEN:
        unpacked.visible(said, name)
    elif name in _PEOPLE:
        unpacked.visible(" ".join(_common_names(parameters)), name)
        unpacked.link(value, name)
    elif name in _ATTACHED:
        _attached(unpacked, name, parameters, value)
    elif name in _LINKED:
        unpacked.link(value, name)
    elif name == "X-ALT-DESC":
        markup.read(unpacked, said)
    elif name not in _NO_TEXT:
        unpacked.metadata(said, "property", name)
    if name not in _PEOPLE and parameters:
        unpacked.metadata(parameters, "parameter", name)


def _attached(unpacked: Unpacked, name: str, parameters: str, value: str) -> None:
    if "ENCODING=B" not in parameters.upper() and ";base64," not in value:
        unpacked.link(value, name)
        return
    try:
        data = b64decode(value.rpartition(",")[2])
    except Error:
        raise unreadable("a damaged attachment of an invitation") from None
    unpacked.member()
    unpacked.expand(len(data))
    media = _MEDIA.search(parameters)
    unpacked.inside(data, media[1].lower() if media else "", name)


def _common_names(parameters: str) -> Iterator[str]:
    for quoted, bare in _COMMON_NAME.findall(parameters):
        yield quoted or bare


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] in "nN" else found[1]
