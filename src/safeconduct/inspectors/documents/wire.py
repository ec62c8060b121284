"""What the gateway and a worker say to each other, in frames of a length and MessagePack."""

from __future__ import annotations

import struct
from typing import Final, Literal

import msgspec

LENGTH: Final = struct.Struct(">I")

Form = Literal["base64", "percent", "text"]
"""How a document's bytes are written in a string."""

Sort = Literal["visible", "hidden", "metadata", "link"]
"""Whether whoever opens a document sees a text of it. Hidden is what is kept from them; metadata is
what they see if they ask for it: comments, notes, properties, alternative texts, file names.
"""


class Question(msgspec.Struct, frozen=True, array_like=True):
    """A document, and the media type that it is said to have."""

    form: Form
    media: str
    data: str


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A text of a document: where in it, and how it is kept from being seen, if it is.

    `plain` is True where honest documents do so as well.
    """

    text: str
    sort: Sort
    place: str = ""
    way: str = ""
    plain: bool = False


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a document says, or the kind of trouble with it and why. `format` is "" where the bytes
    are none that documents have.
    """

    format: str = ""
    pieces: tuple[Piece, ...] = ()
    trouble: str = ""
    why: str = ""


class Ready(msgspec.Struct, frozen=True, array_like=True):
    """What a worker says first: how it is confined, and why it cannot work, if so."""

    confined: tuple[str, ...]
    missing: str = ""


def framed(value: msgspec.Struct) -> bytes:
    """A message as it is sent."""
    data = msgspec.msgpack.encode(value)
    return LENGTH.pack(len(data)) + data
