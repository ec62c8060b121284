"""Bytes that are text."""

from __future__ import annotations

import re
from typing import Final

_MARKS: Final = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"<\x00": "utf-16-le",
    b"\x00<": "utf-16-be",
}
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE: Final = 4096
_FEW: Final = 2


def is_text(data: bytes) -> bool:
    """Whether bytes are text in some encoding: few control characters, or marked as UTF-16."""
    sample = data[:_SAMPLE]
    controls = len(_CONTROLS.findall(sample))
    return data.startswith((*_MARKS,)) or controls <= max(_FEW, len(sample) // 100)


def decoded(data: bytes, charset: str = "") -> str:
    """Text by its byte order mark, its charset if Python has that, UTF-8, or Windows' Latin."""
    named = next((name for mark, name in _MARKS.items() if data.startswith(mark)), charset)
    for encoding in (named, "utf-8"):
        try:
            return data.decode(encoding)
        except (LookupError, ValueError):  # "" is no encoding, and some are for no text
            continue
    return data.decode("cp1252", errors="replace")
