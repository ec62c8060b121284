"""How much a document may cost, and how one fails that costs more."""

from __future__ import annotations

from typing import Final

import msgspec

from safeconduct.core.findings import Unexamined

MiB: Final = 1024 * 1024

UNREADABLE: Final = "document.unreadable"
BOMB: Final = "document.bomb"
HIDDEN: Final = "document.hidden"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one document may take; a value's documents together may take `wall_s`.

    The worst case, whatever is sent: `workers` times `memory_bytes` of address space beside the
    gateway, each with one processor for `cpu_s` a document; in the gateway the frame of one
    question (`max_bytes` and a third) and one answer (four bytes for each of `max_characters`) for
    each worker.
    """

    max_bytes: int = 10 * MiB
    """Of a document as it is passed, decoded."""
    max_expanded_bytes: int = 64 * MiB
    """Of all that is unpacked from it, at all depths together."""
    max_depth: int = 6
    """Of documents inside of documents."""
    max_members: int = 2_000
    """Files in archives, parts of mails, attachments, at all depths together."""
    max_pages: int = 500
    """Of PDF documents, at all depths together."""
    max_elements: int = 1_000_000
    """Of XML and HTML, at all depths together: start tags."""
    max_nesting: int = 256
    """Of elements inside of elements, or of groups in RTF."""
    max_characters: int = 1024 * 1024
    """Of text in all."""
    max_documents: int = 64
    """In one value."""
    languages: tuple[str, ...] = ()
    """In which letters in pictures are read (ISO 639-2/T); without one they are not."""
    models: str = ""
    """The directory of their models, with a slash at its end."""
    max_pixels: int = 50_000_000
    """Of one picture that is read."""
    cpu_s: int = 8
    wall_s: float = 10.0
    memory_bytes: int = 512 * MiB
    """Of address space, for each process."""
    workers: int = 2


class Unread(Unexamined):
    """A document was not read."""


def unreadable(why: str) -> Unread:
    """What is damaged, encrypted, or in a format that nobody here reads."""
    return Unread(UNREADABLE, why)


def bomb(why: str) -> Unread:
    """What would take more than the limits give."""
    return Unread(BOMB, why)
