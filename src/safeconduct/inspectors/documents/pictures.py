"""What pictures say: comments in PNG, JPEG and GIF, XMP in any, and the letters in them, where
these are to be read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from safeconduct.inspectors.documents.limits import Limits, unreadable
from safeconduct.inspectors.documents.texts import decoded
from safeconduct.inspectors.documents.unpacking import Unpacked

if TYPE_CHECKING:
    from PIL.Image import Image

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_GIF: Final = (b"GIF87a", b"GIF89a")
_OTHERS: Final = {
    b"RIFF": "riff",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"BM": "bmp",
    b"ID3": "mp3",
    b"OggS": "ogg",
    b"fLaC": "flac",
}
_SEEN: Final = frozenset({"png", "jpeg", "gif", "tiff", "bmp", "webp"})
_PICTURE: Final = "image/"
_VECTOR: Final = "image/svg"
_JPEG_SEGMENT: Final = re.compile(rb"\xff[\xe1\xfe](..)", re.DOTALL)
_XMP: Final = re.compile(rb"<x:xmpmeta.{0,65536}?</x:xmpmeta>", re.DOTALL)
_WORDS: Final = re.compile(rb"[\t\n\r -~\x80-\xff]{12,}")
_TAG: Final = re.compile(r"<[^<>]*>")


def warm(limits: Limits) -> None:
    """Loads what reads letters, if they are read.

    Raises:
        ImportError: it is not installed.
        RuntimeError: its models are not there.
    """
    if limits.languages:
        from safeconduct.inspectors.documents import recognising  # noqa: PLC0415 may be missing

        recognising.warm(limits)


def read(unpacked: Unpacked, data: bytes, media: str) -> str:
    """The metadata of a picture or a sound, and the letters in a picture, where these are read."""
    named = _beside(unpacked, data)
    if named == "riff" and data[8:12] == b"WEBP":
        named = "webp"
    told = media.startswith(_PICTURE) and not media.startswith(_VECTOR)
    if unpacked.limits.languages and (named in _SEEN or told):
        from safeconduct.inspectors.documents import recognising  # noqa: PLC0415 may be missing

        recognising.read(unpacked, data)
        return named or "picture"
    return named


def recognised(unpacked: Unpacked, image: Image | None, place: str) -> None:
    """The letters in a picture that is decoded; None: it could not be."""
    from safeconduct.inspectors.documents import recognising  # noqa: PLC0415 may be missing

    if image is None:
        raise unreadable("a picture that is not read")
    recognising.of_picture(unpacked, image, place)


def _beside(unpacked: Unpacked, data: bytes) -> str:
    if data.startswith(_PNG):
        for text in _png(unpacked, data):
            unpacked.metadata(decoded(text), "picture")
        return "png"
    if data.startswith(_JPEG):
        for found in _JPEG_SEGMENT.finditer(data):
            (length,) = struct.unpack(">H", found[1])
            segment = data[found.end() : found.end() + max(length - 2, 0)]
            for words in _WORDS.findall(segment):
                unpacked.metadata(_TAG.sub(" ", decoded(words)), "picture")
        return "jpeg"
    named = "gif" if data.startswith(_GIF) else ""
    named = named or next((name for magic, name in _OTHERS.items() if data.startswith(magic)), "")
    if named:
        for found in _XMP.finditer(data):
            unpacked.metadata(_TAG.sub(" ", decoded(found[0])), "picture")
    return named


def _png(unpacked: Unpacked, data: bytes) -> Iterator[bytes]:
    """What the chunks of text in a PNG say (PNG, section 11.3.3)."""
    at = len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at + 8 : at + 8 + length]
        at += 12 + length
        keyword, _, rest = chunk.partition(b"\0")
        if kind == b"tEXt":
            yield keyword + b": " + rest
        elif kind == b"zTXt":
            yield unpacked.inflated(rest[1:])
        elif kind == b"iTXt":
            language, _, text = rest[2:].partition(b"\0")
            translated, _, text = text.partition(b"\0")
            yield language + b" " + translated
            yield unpacked.inflated(text) if rest[:1] == b"\1" else text
