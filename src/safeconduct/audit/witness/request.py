"""What is sent to a witness (C2SP tlog-witness 1.0.0, `add-checkpoint`)."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from typing import Final

import msgspec

from safeconduct.core.merkle import HASH_BYTES

MAX_HASHES: Final = 63
MAX_BYTES: Final = 64 * 1024
"""How long a request may be: the proof, and a checkpoint with room for many cosignatures."""

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,17})")
_EXACT: Final = len(b64encode(bytes(HASH_BYTES)))


class Submission(msgspec.Struct, frozen=True):
    """A checkpoint, and the proof that it continues the one of size `old`; `note` is the signed
    note as it was sent.
    """

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def body(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(b64encode(one).decode() for one in self.proof), "", ""]
        return "\n".join(lines).encode() + self.note


def parse(body: bytes) -> Submission:
    """The submission in a body.

    Raises:
        ValueError: it is none; the message says why.
    """
    if len(body) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    head, blank, note = body.partition(b"\n\n")
    if not blank:
        raise ValueError("no empty line before the checkpoint")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ValueError("the proof is not ASCII") from None
    old = _OLD.fullmatch(first)
    if old is None:
        raise ValueError("the first line is not `old` and a size")
    if len(lines) > MAX_HASHES:
        raise ValueError(f"more than {MAX_HASHES} hashes in the proof")
    return Submission(int(old[1]), tuple(map(_hash, lines)), note)


def _hash(line: str) -> bytes:
    try:
        found = b64decode(line, validate=True)
    except binascii.Error:
        raise ValueError("a line of the proof is not base64") from None
    if len(found) != HASH_BYTES or len(line) != _EXACT:
        raise ValueError("a line of the proof is not a SHA-256 hash")
    return found
