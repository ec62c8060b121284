"""The checkpoint: how far the log had come, in three lines that fit on a note, and a signature.

The text is that of a C2SP tlog-checkpoint (origin, size, root in base64), the note is signed by the
log's `signer`. Here it is only read and kept: whose signature it is, `notes.verify` says.
"""

from __future__ import annotations

import binascii
import os
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.audit.damage import Damaged
from safeconduct.audit.flush import flush, flush_directory
from safeconduct.core.merkle import HASH_BYTES

NAME: Final = "checkpoint"
WITNESSED: Final = "witnessed"
"""The newest one that enough witnesses have cosigned, beside it."""

_ORIGIN: Final = re.compile(r"[^\s+]+")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_MAX_BYTES: Final = 64 * 1024


class Checkpoint(msgspec.Struct, frozen=True):
    """A claim: the log named `origin` had `size` records and this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def is_origin(text: str) -> bool:
    """Whether a name can stand on an origin line: neither empty nor with white space or a plus.

    A signed note's key has the log's name, and C2SP signed-note asks this of key names.
    """
    return _ORIGIN.fullmatch(text) is not None


def parse(text: str) -> Checkpoint:
    """The checkpoint in a text; further lines, which C2SP allows, are not looked at.

    Raises:
        ValueError: it is none.
    """
    lines = text.split("\n")
    if len(lines) < 4 or not is_origin(lines[0]) or not _SIZE.fullmatch(lines[1]):
        raise ValueError("not a checkpoint")
    try:
        root = b64decode(lines[2], validate=True)
    except binascii.Error as error:
        raise ValueError("not a checkpoint") from error
    if len(root) != HASH_BYTES:
        raise ValueError("not a checkpoint")
    return Checkpoint(lines[0], int(lines[1]), root)


def load(directory: Path) -> Checkpoint | None:
    """The checkpoint of a log; None when there is none.

    Raises:
        Damaged: the file is not a checkpoint.
        OSError: it cannot be read.
    """
    try:
        with (directory / NAME).open("rb") as file:
            return parse(file.read(_MAX_BYTES).decode())
    except FileNotFoundError:
        return None
    except ValueError:
        raise Damaged("edited", "the checkpoint file holds no checkpoint") from None


def store(directory: Path, checkpoint: Checkpoint, signatures: str = "") -> None:
    """Replaces the checkpoint of a log in one step, durably; `signatures` are the note's lines.

    Raises:
        OSError: it could not; the one before is still there.
    """
    draft = directory / f"{NAME}.new"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write((checkpoint.text() + (signatures and "\n" + signatures)).encode())
        file.flush()
        flush(fd)
    draft.replace(directory / NAME)
    flush_directory(directory)
