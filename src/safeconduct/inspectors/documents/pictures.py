"""What pictures say beside what they show: comments in PNG, JPEG and GIF, and XMP in any."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from safeconduct.inspectors.documents.texts import decoded
from safeconduct.inspectors.documents.unpacking import Unpacked

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
_JPEG_SEGMENT: Final = re.compile(rb"\xff[\xe1\xfe](..)", re.DOTALL)
_XMP: Final = re.compile(rb"<x:xmpmeta.{0,65536}?</x:xmpmeta>", re.DOTALL)
_WORDS: Final = re.compile(rb"[\t\n\r -~\x80-\xff]{12,}")
_TAG: Final = re.compile(r"<[^<>]*>")


def read(unpacked: Unpacked, data: bytes) -> str:
    """The metadata of a picture or a sound; what can be seen or heard is not looked at."""
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
