"""Changes of the key that signs a log, as the log has them on record.

A change is a note that both keys signed. So whoever has one of them from elsewhere can read in the
log which key signs it now, and which one did before. A checkpoint over the change that only the old
key signed is worth nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from safeconduct.audit import notes
from safeconduct.audit.notes import BadNote, Key

KIND: Final = "key.rotated"
HEAD: Final = "safeconduct/key-rotation/v1"
"""The first line of the note; then come the log's name, the old key and the new one."""


class Change(NamedTuple):
    """From which key to which one, by record number `seq`."""

    seq: int
    old: Key
    new: Key


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
    if (head, end) != (HEAD, "") or {old.name, new.name} != {origin}:
        raise BadNote("a change of keys of another log")
    if len(notes.verify(note, (old, new))) != len({old, new}):
        raise BadNote("a change of keys that one of them did not sign")
    return Change(int(record["n"]), old, new)


def in_force(trusted: Key, changes: Sequence[Change], size: int) -> Key:
    """The key that signs a log's first `size` records, for who trusts one that signs it at all."""
    for one in changes:
        if one.seq < size and one.old == trusted:
            trusted = one.new
    for one in reversed(changes):
        if one.seq >= size and one.new == trusted:
            trusted = one.old
    return trusted
