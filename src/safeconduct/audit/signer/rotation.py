"""Changing the key that signs a log, so that who trusts the old one can trust the new one.

The change stands in the log itself, as a note that both keys signed, and the first checkpoint over
it is signed by both. Whoever has the old key from elsewhere reads the record and goes on with the
new one; a checkpoint over the record that only the old key signed is worth nothing any more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from safeconduct.audit import notes
from safeconduct.audit.flush import flush_directory
from safeconduct.audit.notes import BadNote, Key, Note
from safeconduct.audit.signer import Refused, keys
from safeconduct.audit.signer.notary import Notary

KIND: Final = "key.rotated"
_HEAD: Final = "safeconduct/key-rotation/v1"


class Change(NamedTuple):
    """From which key to which one, by record number `seq`."""

    seq: int
    old: Key
    new: Key


class Rotation:
    """A change of keys of one log, under way. Left half done, it can be begun again."""

    def __init__(self, state: Path) -> None:
        """`state` is where the key is."""
        self._state = state
        self._held: keys.Held | None = None

    def signer(self, directory: Path, origin: str) -> Notary:
        """What signs under both keys, the next one made if need be: a `checkpointing.OpenSigner`.

        Raises Refused, OSError.
        """
        path = self._state / keys.NEXT
        if not path.exists():
            keys.create(path)
        self._held = keys.hold(path, origin)
        return Notary(directory, self._state, origin, also=(self._held.signer,))

    def record(self, at_ms: int) -> dict[str, Any]:
        """What has to be in the log, once it is open. Raises Refused, OSError."""
        new = self._next().signer
        old = keys.load(self._state / keys.NAME, new.key.name)
        text = f"{_HEAD}\n{new.key.name}\n{old.key}\n{new.key}\n"
        note = Note(text, (notes.sign(text, old), notes.sign(text, new)))
        return {"kind": KIND, "at_ms": at_ms, "note": str(note)}

    def finish(self, directory: Path) -> Key:
        """Puts the next key in its place, when the log is signed under both and closed.

        Raises Refused, OSError.
        """
        key = self._next().signer.key
        (self._state / keys.NEXT).replace(self._state / keys.NAME)
        flush_directory(self._state)
        self.close()
        notary = Notary(directory, self._state, key.name)
        try:
            notary.publish_key()
        finally:
            notary.close()
        return key

    def close(self) -> None:
        """Lets go of the next key."""
        if self._held is not None:
            os.close(self._held.fd)
            self._held = None

    def _next(self) -> keys.Held:
        if self._held is None:
            raise Refused("unsafe", "the log is not open for a change of its key")
        return self._held


def change(record: Mapping[str, Any]) -> Change:
    """The change that a record tells of, if both keys signed it.

    Raises:
        BadNote: they did not, or it is no such record.
    """
    try:
        note = notes.parse(str(record["note"]).encode())
        head, origin, *told, end = note.text.split("\n")
        old, new = map(notes.parse_key, told)
    except (KeyError, ValueError) as error:
        raise BadNote(f"a change of keys that is none: {error}") from error
    if (head, end) != (_HEAD, "") or {old.name, new.name} != {origin}:
        raise BadNote("a change of keys of another log")
    if len(notes.verify(note, (old, new))) != len({old, new}):
        raise BadNote("a change of keys that one of them did not sign")
    return Change(int(record["n"]), old, new)


def in_force(trusted: Key, changes: Iterable[Change], size: int) -> Key:
    """The key that signs a log's first `size` records, for who trusts one that once did."""
    for one in changes:
        if one.seq < size and one.old == trusted:
            trusted = one.new
    return trusted
