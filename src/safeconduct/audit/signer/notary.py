"""Signs what goes on from what it signed before, in whatever process it is.

Its memory is the last note it signed, in `audit.signed` beside the key and durable before the note
is given away: nobody can have a signature that it does not remember. Who puts back an older log, or
another one, under a signer that remembers finds that it signs no more.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.flush import flush_directory
from safeconduct.audit.notes import Key, Note, Signer
from safeconduct.audit.proven import Reader
from safeconduct.audit.signer import Refused, Unavailable, keys
from safeconduct.audit.signer.tiler import Tiler
from safeconduct.audit.tiles import WIDTH
from safeconduct.core.merkle import EMPTY_ROOT
from safeconduct.kit import files

MEMORY: Final = "audit.signed"
CLOSED: Final = "audit.closed"
"""Beside the memory while the log is closed, with nothing in it: what stands behind what was signed
then, nobody acknowledged.
"""
PUBLIC: Final = "log.pub"
"""The key that checks the checkpoints of a log, beside it, for who does not know it better."""

_BEGIN_ANEW: Final = (
    "bring it back as it was; or begin a new log, with an `audit.origin` of its own, in an empty "
    "directory, and with neither key nor memory of this one"
)


class Notary:
    """Signs for one log. Implements `Signing`."""

    def __init__(
        self, directory: Path, state: Path, origin: str, *, also: Sequence[Signer] = ()
    ) -> None:
        """`state` is where the key and the memory are; `also` signs whatever the key signs."""
        self._directory = directory
        self._key_path = state / keys.NAME
        self._next_path = state / keys.NEXT
        self._memory_path = state / MEMORY
        self._closed_path = state / CLOSED
        self._origin = origin
        self._also = tuple(also)
        self._held: keys.Held | None = None
        self._signed = Checkpoint(origin, 0, EMPTY_ROOT)
        self._note: str | None = None
        self._closed = self._put_back = False
        self._refused: Refused | None = None
        self._reader: Reader | None = None
        self._tiler = Tiler(directory)
        self._stored: str | None = None

    def start(self) -> Key:
        """See `Signing`."""
        try:
            return self._hold().signer.key
        except OSError as error:
            raise Unavailable(f"the signer's files: {error}") from error

    def sign(self, size: int, *, last: bool = False) -> str:
        """See `Signing`."""
        if self._refused is not None:
            raise self._refused
        try:
            return self._sign(size, last=last)
        except Damaged as damage:
            self._refused = Refused(damage.code, damage.sentence)
            raise self._refused from damage
        except OSError as error:
            raise Unavailable(f"a checkpoint could not be signed: {error}") from error

    def close(self) -> None:
        """See `Signing`."""
        if self._held is not None:
            os.close(self._held.fd)
            self._held = None

    def publish_key(self) -> None:
        """Tells beside the log what checks its checkpoints. Raises Refused, OSError."""
        public, told = self._directory / PUBLIC, f"{self._hold().signer.key}\n".encode()
        if self._stored is None and _bytes(public) != told:
            files.replace(public, told, mode=0o600)

    def _hold(self) -> keys.Held:
        """Takes key and memory, if they are those of this log."""
        if self._held is not None:
            return self._held
        stored = _bytes(self._directory / checkpoint.NAME)
        memory = _bytes(self._memory_path)
        if self._next_path.exists() and not self._also:
            raise Refused(
                "unsafe",
                f"{self._next_path} is there: a change of keys was begun and did not end; "
                "`safeconduct audit rotate-key` ends it",
            )
        if not self._key_path.exists():
            if not _is_new(memory) or self._has_signed(stored):
                raise Refused("edited", f"the key {self._key_path} is gone: {_BEGIN_ANEW}")
            self._make()
            memory = _bytes(self._memory_path)
        held = keys.hold(self._key_path, self._origin)
        try:
            self._remember(held.signer.key, memory, stored)
        except BaseException:
            os.close(held.fd)
            raise
        self._held = held
        return held

    def _make(self) -> None:
        """A key with its memory, which is there before the key is: a key without one forgot."""
        draft = self._key_path.with_name(f"{keys.NAME}.new")
        keys.create(draft)
        signer, text = keys.load(draft, self._origin), self._signed.text()
        note = Note(text, (notes.sign(text, signer),))
        files.replace(self._memory_path, str(note).encode(), mode=0o600)
        draft.replace(self._key_path)
        flush_directory(self._key_path.parent)

    def _remember(self, key: Key, memory: bytes | None, stored: bytes | None) -> None:
        known = [key, *(signer.key for signer in self._also)]
        if memory is None:
            raise Refused("edited", f"{self._memory_path} is gone: {_BEGIN_ANEW}")
        try:
            note = notes.parse(memory)
            self._signed, self._note = checkpoint.parse(note.text), str(note)
            if self._signed.origin != self._origin:
                raise Refused(
                    "foreign",
                    f"{self._memory_path} is of the log {self._signed.origin!r}, not of "
                    f"{self._origin!r}: each log has a key and a memory of its own",
                )
            notes.verify(note, known)
        except ValueError as error:
            raise Refused("edited", f"{self._memory_path}: {error}; {_BEGIN_ANEW}") from error
        self._closed = self._closed_path.exists()
        if stored is None or (self._signed.size == 0 and not self._has_signed(stored)):
            return  # none, or that of a log from before there were signers
        try:
            found = notes.parse(stored)
            notes.verify(found, known)
            self._put_back = self._closed and checkpoint.parse(found.text) != self._signed
        except ValueError as error:
            raise Refused("edited", f"the checkpoint: {error}") from error

    def _has_signed(self, stored: bytes | None) -> bool:
        """Whether a signer was here: a log of a version without one has an unsigned checkpoint."""
        return (self._directory / PUBLIC).exists() or (stored is not None and b"\n\n" in stored)

    def _sign(self, size: int, *, last: bool) -> str:
        if size < self._signed.size:
            held = f"{self._signed.size} records were signed, and the log holds {size}"
            raise Damaged("truncated", f"{held}: {_BEGIN_ANEW}", size)
        reader = self._reader or self._begin()
        for proven in reader.advance(size):
            self._tiler.add(proven.leaves)
        self._require_as_closed(size)
        self._tiler.flush()
        tree = Checkpoint(self._origin, size, reader.tree.root())
        if self._note is None or tree != self._signed:
            text, signers = tree.text(), (self._hold().signer, *self._also)
            note = Note(text, tuple(notes.sign(text, signer) for signer in signers))
            files.replace(self._memory_path, str(note).encode(), mode=0o600)
            self._signed, self._note = tree, str(note)
        if self._stored != self._note:
            self.publish_key()
            _, _, signatures = self._note.partition("\n\n")
            checkpoint.store(self._directory, tree, signatures)
            self._stored = self._note
        if last:
            files.replace(self._closed_path, b"", mode=0o600)
        elif self._closed:
            self._closed_path.unlink()
            flush_directory(self._closed_path.parent)
        self._closed = last
        return self._note

    def _require_as_closed(self, size: int) -> None:
        """Raises Damaged: the log was closed, and somebody wrote to it since."""
        if self._closed and size > self._signed.size:
            more = (
                f"{size - self._signed.size} records stand behind the {self._signed.size} that "
                "were signed when the log was closed, and nobody acknowledged them"
            )
            raise Damaged("edited", f"{more}: {_BEGIN_ANEW}", self._signed.size)
        if self._put_back:
            older = f"the checkpoint is not the one of when the log was closed, of {size} records"
            raise Damaged("edited", f"{older}: {_BEGIN_ANEW}")

    def _begin(self) -> Reader:
        """Reads up to what was signed: from the last full tile on, or all if tiles are missing."""
        taken = self._taken_up(self._signed.size & -WIDTH) or self._taken_up(0)
        if taken is None:
            gone = (
                "hash tiles are missing or changed, and the segments they are made of were pruned"
            )
            raise Damaged("edited", f"{gone}: bring {self._directory / 'tile'} back")
        self._reader, self._tiler = taken
        return self._reader

    def _taken_up(self, base: int) -> tuple[Reader, Tiler] | None:
        tiler = Tiler(self._directory)
        if not tiler.take_up(base):
            return None
        signed = self._signed
        holding = segments.holding(segments.listing(self._directory), base + 1)
        reader = Reader(self._directory, self._origin, holding)
        for _, leaves, _ in reader.advance(signed.size):
            tiler.add(leaves[max(0, base - reader.tree.size + len(leaves)) :])
        if reader.tree.root() != signed.root:
            raise Damaged(
                "forked",
                f"the first {signed.size} records are not those that were signed: {_BEGIN_ANEW}",
                signed.size,
            )
        return (reader, tiler) if tiler.stands_under(reader.tree) else None


def beside(directory: Path, origin: str) -> Notary:
    """A signer whose key and memory lie in the log's own directory."""
    return Notary(directory, directory, origin)


def _is_new(memory: bytes | None) -> bool:
    """Whether nothing was signed yet: a key was about to be made."""
    try:
        return memory is None or checkpoint.parse(notes.parse(memory).text).size == 0
    except ValueError:
        return False


def _bytes(path: Path) -> bytes | None:
    """A small file; None where there is none. Raises OSError."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        return file.read(notes.MAX_BYTES + 1)
    return None
