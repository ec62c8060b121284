"""The append-only log: record before act.

Appends are queued, made durable in groups with one flush, and then answered; see `writer` for who
does it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from safeconduct.audit import checkpoint, lock, recovery
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.checkpointing import Checkpointer, OpenSigner
from safeconduct.audit.committer import Committer, Heard
from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.payloads.blobs import Blobs
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.reserve import Reserve
from safeconduct.audit.sequencer import Sequencer
from safeconduct.audit.signer.notary import beside
from safeconduct.audit.tail import Tail
from safeconduct.audit.writer import Writer
from safeconduct.ports import Projection


class Log:
    """An open log. Implements `Ledger`."""

    def __init__(
        self,
        committer: Sequencer,
        checkpointer: Checkpointer,
        held: ExitStack,
        boundary: Boundary | None,
        origin: str,
    ) -> None:
        """Use `open`. `held` is released when the log closes."""
        self._origin = origin
        self._committer = committer
        self._boundary = boundary
        self._held = held
        self._checkpointer = checkpointer
        self._writer = Writer(committer, checkpointer.wake)

    @classmethod
    def open(
        cls,
        directory: Path,
        projection: Projection,
        *,
        origin: str,
        boundary: Boundary | None = None,
        signer: OpenSigner = beside,
    ) -> Log:
        """Opens or creates the log in a directory and brings the projection up to it.

        `origin` is the log's name, the first line of its checkpoints: not empty, without white
        space or plus signs. Without a boundary records are written as they come, and without
        another signer the key that signs lies in the directory.

        Raises:
            LogFault: the log is open elsewhere, damaged, shorter than what the projection, the
                checkpoint or the signer knows of, contradicts the projection, or is not signed.
            OSError: the directory or a file in it cannot be used.
            ValueError: the origin is not one.
        """
        if not checkpoint.is_origin(origin):
            raise ValueError(f"{origin!r} cannot be the name of a log")
        directory = directory.absolute()
        held = ExitStack()
        try:
            held.callback(os.close, lock.acquire(directory))
            checkpointer = Checkpointer(directory, signer(directory, origin))
            held.callback(checkpointer.close)
            end = recovery.find_end(directory, origin, projection.applied())
            signed = recovery.signed(directory, checkpointer.start())
            if boundary is not None and signed < end.tree.size:
                recovery.require_asked(directory, signed, boundary)
            tail = Tail(directory, origin, end.segment, end.offset, end.last)
            held.callback(tail.close)
            checkpointer.begin(Checkpoint(origin, end.tree.size, end.tree.root()))
            if projection.applied() < end.tree.size:
                recovery.replay(directory, projection, boundary)
            blobs = Blobs(directory)
            held.callback(blobs.close)
            reserve = Reserve(directory)
            reserve.require()
            held.callback(reserve.release)
            committer = Sequencer(Committer(tail, end.tree, projection, blobs, boundary), reserve)
            checkpointer.run(lambda: Checkpoint(origin, *committer.head), lambda: committer.whole)
        except BaseException as error:
            held.close()
            if isinstance(error, Damaged):
                raise LogFault(error.code, f"{directory}: {error.sentence}") from error
            raise
        return cls(committer, checkpointer, held, boundary, origin)

    @property
    def head(self) -> Checkpoint:
        """What there is to sign."""
        return Checkpoint(self._origin, *self._committer.head)

    @property
    def size(self) -> int:
        """How many records are durable and applied."""
        return self._committer.head[0]

    @property
    def root(self) -> bytes:
        """The Merkle tree hash of these records."""
        return self._committer.head[1]

    async def append(self, *records: Mapping[str, Any]) -> int:
        """Makes records durable and applies them: all, or none.

        Returns the first one's sequence number. A caller that is cancelled does not know what
        became of its records: once queued they are written.

        Raises:
            LedgerConflict: the projection refused; nothing was written.
            LogFault: nothing may be assumed of these records; "unsigned", nothing was written.
            RecordTooLarge: one has more than 8 KiB.
            NotCanonical, ValueError: one has no exact bytes, nobody asked for the erasure that it
                is, or no record was given.
        """
        if not records:
            raise ValueError("no record to append")
        self._checkpointer.check()
        if self._boundary is not None:
            for record in records:
                self._boundary.require_asked(record)
            records = tuple([self._boundary.clean(record) for record in records])
        return await self._writer.add(records)

    def listen(self, heard: Heard | None) -> None:
        """Has one listener told of what is appended from now on, in order, or nobody any more. Who
        writes calls it, in whatever thread.
        """
        self._committer.listen(heard)

    def close(self) -> None:
        """Writes what is queued, and a last checkpoint; then others may open the log."""
        self._writer.close()
        self._held.close()
