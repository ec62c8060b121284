"""Proofs that fit in a file: C2SP tlog-proof, for one record, with the checkpoint it stands under.

A proof holds hashes alone: it discloses nothing, and is checked with the record's exact bytes.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.notes import Note
from safeconduct.audit.tiles import Hashes
from safeconduct.audit.walk import Walk
from safeconduct.core import proofs
from safeconduct.core.merkle import leaf_hash

HEAD: Final = "c2sp.org/tlog-proof@v1"
MAX_BYTES: Final = notes.MAX_BYTES + 16 * 1024

_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,17})")


class Proof(msgspec.Struct, frozen=True):
    """Where a record is in the log, and the path from it to the root that the checkpoint has."""

    index: int
    path: list[bytes]
    note: Note

    def __str__(self) -> str:
        """The proof as it is stored."""
        hashes = (b64encode(one).decode() for one in self.path)
        return "\n".join((HEAD, f"index {self.index}", *hashes, "", str(self.note)))

    @property
    def tree(self) -> Checkpoint:
        """What the checkpoint says. Raises ValueError: it is none."""
        return checkpoint.parse(self.note.text)

    def holds(self, entry: bytes) -> bool:
        """Whether this record is in that tree; who signed the checkpoint is for `notes.verify`.

        Raises ValueError: the note is no checkpoint.
        """
        tree = self.tree
        return proofs.is_included(leaf_hash(entry), self.index, tree.size, self.path, tree.root)


def inclusion(directory: Path, index: int) -> Proof:
    """The proof of a record, under what was witnessed, if that covers it, else the checkpoint.

    Raises:
        LookupError: no checkpoint covers such a record yet.
        Damaged: the log is not what its checkpoint says.
        OSError: it cannot be read.
    """
    note, tree = _covering(directory, index)
    path = proofs.inclusion(index, tree.size, Hashes(directory, tree.size))
    proof = Proof(index, path, note)
    if not proof.holds(_entry(directory, index)):
        raise Damaged("forked", f"record {index} does not stand under the checkpoint", index)
    return proof


def consistency(directory: Path, old: int) -> tuple[Checkpoint, list[bytes]]:
    """The checkpoint, and the proof that it goes on from the log's first `old` records.

    Raises: as `inclusion`.
    """
    tree = checkpoint.load(directory)
    if tree is None or not 0 <= old <= tree.size:
        raise LookupError(f"no checkpoint covers {old} records yet")
    hashes = Hashes(directory, tree.size)
    proof = proofs.consistency(old, tree.size, hashes)
    old_root = proofs.root(old, hashes)
    if not proofs.is_consistent(old, old_root, tree.size, tree.root, proof):
        raise Damaged("forked", f"the checkpoint does not go on from {old} records", old)
    return tree, proof


def parse(data: bytes) -> Proof:
    """The proof in a file, none of which was checked.

    Raises:
        ValueError: it is none.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"a proof of more than {MAX_BYTES} bytes")
    lines, _, note = data.decode().partition("\n\n")
    head, _, rest = lines.partition("\n")
    told = rest.split("\n")
    if told[0].startswith("extra "):  # of the application, and proven by nothing
        del told[0]
    found = _INDEX.fullmatch(told[0]) if told else None
    if head != HEAD or found is None:
        raise ValueError(f"not a proof: {HEAD}, index, hashes")
    try:
        path = [b64decode(one, validate=True) for one in told[1:]]
    except binascii.Error as error:
        raise ValueError(f"a proof with a line that is not base64: {error}") from error
    return Proof(int(found[1]), path, notes.parse(note.encode()))


def _covering(directory: Path, index: int) -> tuple[Note, Checkpoint]:
    for name in (checkpoint.WITNESSED, checkpoint.NAME):
        with suppress(FileNotFoundError):
            try:
                note = notes.parse((directory / name).read_bytes())
                tree = checkpoint.parse(note.text)
            except ValueError as error:
                raise Damaged("edited", f"{name}: {error}") from error
            if 0 <= index < tree.size:
                return note, tree
    raise LookupError(f"no checkpoint covers a record {index} yet")


def _entry(directory: Path, index: int) -> bytes:
    paths = segments.listing(directory)
    for group in Walk(directory, start=segments.holding(paths, index + 1)):
        if index < group.size:
            return group.entries[index - group.size]
    raise Damaged("truncated", f"the log does not hold record {index}", index)
