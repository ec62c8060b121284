"""Changes of the key that signs a log, as the log has them on record.

A change is a note that both keys signed. So whoever has one of them from elsewhere can read in the
log which key signs it now, and which one did before. A checkpoint over the change that only the old
key signed is worth nothing. The note says of which history it is, so that no other can borrow it,
and who knows the new key goes back to the old one only behind a checkpoint that the new one signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.notes import BadNote, Key

KIND: Final = "key.rotated"
HEAD: Final = "safeconduct/key-rotation/v2"
"""The first line of the note; then come the checkpoint of the log before the change (name, size and
root), the old key and the new one."""


class Change(NamedTuple):
    """From which key to which one, by record number `seq`, in the log that had grown out of
    `before`.
    """

    seq: int
    old: Key
    new: Key
    before: Checkpoint


def text(before: Checkpoint, old: Key, new: Key) -> str:
    """What both keys sign."""
    return f"{HEAD}\n{before.text()}{old}\n{new}\n"


def change(record: Mapping[str, Any]) -> Change:
    """The change that a record tells of, if both keys signed it.

    Raises:
        BadNote: they did not, or it is no such record.
    """
    try:
        note = notes.parse(str(record["note"]).encode())
        head, *tree, said_old, said_new, end = note.text.split("\n")
        old, new = map(notes.parse_key, (said_old, said_new))
        before = checkpoint.parse("\n".join((*tree, "")))
    except (KeyError, ValueError) as error:
        raise BadNote(f"a change of keys that is none: {error}") from error
    if (head, end, len(tree)) != (HEAD, "", 3) or {old.name, new.name} != {before.origin}:
        raise BadNote("a change of keys of another log")
    if len(notes.verify(note, (old, new))) != len({old, new}):
        raise BadNote("a change of keys that one of them did not sign")
    if before.size > int(record["n"]):
        raise BadNote("a change of keys that stands elsewhere than where it was made")
    return Change(int(record["n"]), old, new, before)


def in_force(trusted: Key, changes: Sequence[Change], size: int) -> Key:
    """The key that signs a log's first `size` records, for who trusts one that signs it at all.

    The changes are those that a signed tree covers: that one happened, only its signature shows.
    """
    for one in changes:
        if one.seq < size and one.old == trusted:
            trusted = one.new
    for one in reversed(changes):
        if one.seq >= size and one.new == trusted:
            trusted = one.old
    return trusted
