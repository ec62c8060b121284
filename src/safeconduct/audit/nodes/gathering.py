"""One round: takes in the checkpoint of each node that continues what was taken in before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.damage import Damaged
from safeconduct.audit.log import Log
from safeconduct.audit.nodes.heads import CHECKPOINT, CONTRADICTION, Head, Heads
from safeconduct.audit.nodes.sources import Source
from safeconduct.audit.notes import Key, Note
from safeconduct.core.merkle import EMPTY_ROOT
from safeconduct.core.proofs import is_consistent
from safeconduct.kit.fetch import FetchError

_MAX_NOTE_BYTES: Final = 3072
"""A note must fit into a record, whatever its bytes become there; a checkpoint has some hundred."""

_SILENT: Final = (OSError, ValueError, FetchError)


class Node(msgspec.Struct, frozen=True):
    """A node's log: its name, the keys that sign for it, and where it is read."""

    origin: str
    keys: tuple[Key, ...]
    source: Source


class Round(msgspec.Struct, frozen=True):
    """What came of a round, by origin: sizes taken in, who told nothing, who contradicts itself."""

    taken: dict[str, int] = {}
    silent: dict[str, str] = {}
    contradicted: dict[str, str] = {}


async def gather(
    nodes: tuple[Node, ...], log: Log, heads: Heads, clock_ms: Callable[[], int]
) -> Round:
    """Asks every node once. A contradiction is recorded each time that it is seen.

    Raises LedgerFault, LedgerConflict: the log of logs cannot take anything in.
    """
    found = Round()
    for node in nodes:
        before = heads.head(node.origin)
        try:
            note = await asyncio.to_thread(_newest, node)
            contradiction = await asyncio.to_thread(_contradiction, node, note, before)
        except _SILENT as error:
            found.silent[node.origin] = str(error) or type(error).__name__
            continue
        seen = checkpoint.parse(note.text)
        if contradiction is not None:
            found.contradicted[node.origin] = contradiction
            await log.append(_record(CONTRADICTION, node, note, before, clock_ms()))
            continue
        if seen.size > before.size:
            head = Head(seen.size, seen.root.hex())
            await log.append(_record(CHECKPOINT, node, note, head, clock_ms()))
        found.taken[node.origin] = seen.size
    return found


def _newest(node: Node) -> Note:
    """The checkpoint with the node's own signatures and no others."""
    note = node.source.note()
    good = {(one.key.name, one.key.id) for one in notes.verify(note, node.keys)}
    if checkpoint.parse(note.text).origin != node.origin:
        raise ValueError("the checkpoint of another log")
    own = Note(note.text, tuple(line for line in note.lines if (line.name, line.id) in good))
    if len(str(own).encode()) > _MAX_NOTE_BYTES:
        raise ValueError(f"a checkpoint of more than {_MAX_NOTE_BYTES} bytes")
    return own


def _contradiction(node: Node, note: Note, before: Head) -> str | None:
    """Why a signed checkpoint does not continue what was seen before; None: it does."""
    seen = checkpoint.parse(note.text)
    if seen.size < before.size:
        return f"it had {before.size} records, and signs for {seen.size}"
    try:
        proof = node.source.prove(before.size, seen.size)
    except Damaged as error:
        return f"its files do not hold what it signed: {error}"
    old_root = bytes.fromhex(before.root) if before.size else EMPTY_ROOT
    if not is_consistent(before.size, old_root, seen.size, seen.root, proof):
        return f"its log does not begin with the {before.size} records it had"
    return None


def _record(kind: str, node: Node, note: Note, head: Head, at_ms: int) -> Mapping[str, object]:
    """Of a contradiction `size` and `root` are what was known before, and the note what it says."""
    return {
        "kind": kind,
        "origin": node.origin,
        "size": head.size,
        "root": head.root,
        "note": str(note),
        "at_ms": at_ms,
    }
