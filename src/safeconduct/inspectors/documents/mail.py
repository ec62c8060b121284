"""Mail (RFC 5322, MIME by RFC 2045 to 2049): headers, bodies, attachments, mails in it.

The parser is the standard library's, with its older policy: that takes every header as it is, where
the newer one parses addresses by a grammar that deep nesting overwhelms.
"""

from __future__ import annotations

import email.message
import email.parser
import re
from email.errors import MessageError
from email.header import decode_header
from typing import Final, cast

from safeconduct.inspectors.documents import markup
from safeconduct.inspectors.documents.limits import unreadable
from safeconduct.inspectors.documents.texts import decoded
from safeconduct.inspectors.documents.unpacking import Unpacked

_HEADERS: Final = re.compile(
    r"\s*(?:From \S.*\n)?(?:(?:from|to|cc|bcc|subject|date|received|return-path|message-id|"
    r"reply-to|sender|mime-version|content-[a-z-]+|delivered-to|x-[a-z-]+|dkim-signature|"
    r"authentication-results):.*\n(?:[ \t].*\n)*){2,}",
    re.IGNORECASE,
)
_SEEN: Final = frozenset({"subject", "from", "to", "cc", "date", "reply-to"})
_TECHNICAL: Final = frozenset(
    {
        *("received", "dkim-signature", "message-id", "references", "in-reply-to", "mime-version"),
        *("content-transfer-encoding", "arc-seal", "arc-message-signature", "content-type"),
    }
)
_SEALED: Final = frozenset(
    {
        *("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"),
        *("application/ms-tnef", "application/pgp-encrypted"),
    }
)


def is_mail(text: str) -> bool:
    """Whether a text begins with two header fields of a mail."""
    return _HEADERS.match(text) is not None


def warm() -> None:
    """Loads what the parser loads when it needs it."""
    boundary = (
        b"Subject: =?utf-8?q?x?=\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--"
    )
    message = email.message_from_bytes(boundary)
    message.as_string()
    decode_header(str(message["subject"]))


def read(unpacked: Unpacked, data: bytes) -> None:
    """One mail, with all that is attached to it."""
    # `From ` is how mailboxes separate mails; the parser knows it.
    message = email.parser.BytesParser().parsebytes(data.lstrip())
    _part(unpacked, message, 0)


def _part(unpacked: Unpacked, part: email.message.Message, depth: int) -> None:
    unpacked.member()
    unpacked.element(depth)
    media = part.get_content_type()
    _headers(unpacked, part)
    if media in _SEALED:
        raise unreadable("an encrypted or sealed mail")
    if part.is_multipart():
        for where, text in (("preamble", part.preamble), ("epilogue", part.epilogue)):
            unpacked.metadata(text or "", where)
        inner = cast("list[email.message.Message]", part.get_payload())
        for one in inner:
            _part(unpacked, one, depth + 1)
        return
    name = _words(part.get_filename() or "")
    unpacked.metadata(name, "file name")
    payload = part.get_payload(decode=True)
    body = payload if isinstance(payload, bytes) else b""
    unpacked.expand(len(body))
    if media == "text/html":
        markup.read(unpacked, decoded(body, _charset(part)))
    elif media == "text/plain" and not name:
        unpacked.visible(decoded(body, _charset(part)))
    else:
        unpacked.inside(body, media, name or media)


def _headers(unpacked: Unpacked, part: email.message.Message) -> None:
    for name, value in part.items():
        field = name.lower()
        said = _words(str(value))
        if field in _SEEN:
            unpacked.visible(said, name[:40])
        elif field not in _TECHNICAL:
            unpacked.metadata(said, "header", name[:40])


def _words(value: str) -> str:
    """Without encoded words (RFC 2047); as it is where one is damaged."""
    try:
        return "".join(
            part if isinstance(part, str) else decoded(part, charset or "")
            for part, charset in decode_header(value)
        )
    except (ValueError, MessageError):
        return value


def _charset(part: email.message.Message) -> str:
    return part.get_content_charset() or ""
