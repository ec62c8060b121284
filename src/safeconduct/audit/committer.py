"""One group, all or nothing: apply, write, flush, commit, answer.

The order is what makes the log the truth. The projection changes first, but only inside its
transaction, and commits when the records are durable: it is never ahead of the log, and what it
misses after a crash is replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from safeconduct.audit import segments
from safeconduct.audit.faults import LogFault
from safeconduct.audit.payloads.blobs import Blobs
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.records import PAYLOAD, encode, numbered
from safeconduct.audit.tail import Tail
from safeconduct.core.merkle import Tree
from safeconduct.ports import LedgerConflict, Projection, Sealed

Heard = Callable[[int, list[bytes]], None]
"""Is told of records that are durable: the number of the first, and their exact bytes. It does not
raise, and takes no time: whoever is answered waits for it.
"""


class Append:
    """Records that belong together, and what became of them.

    `answer` is the sequence number of the first record, or the exception to raise.
    """

    __slots__ = ("answer", "records")

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.records = records
        self.answer: int | Exception | None = None


class _Accepted(NamedTuple):
    append: Append
    first: int
    entries: list[dict[str, Any]]


class Committer:
    """Makes groups of appends durable. For one thread at a time.

    `head` is the size and the root of what is durable and applied, `disk_s` how long the disk took
    for the last group, in seconds: 0 when nothing was written. `heard` is told of each group, where
    anybody listens.
    """

    def __init__(
        self,
        tail: Tail,
        tree: Tree,
        projection: Projection,
        blobs: Blobs,
        boundary: Boundary | None = None,
    ) -> None:
        """Without a boundary records are written as they come."""
        self.head = (tree.size, tree.root())
        self.disk_s = 0.0
        self.heard: Heard | None = None
        self._tree = tree
        self._tail = tail
        self._projection = projection
        self._blobs = blobs
        self._boundary = boundary
        self._fault: LogFault | None = None

    @property
    def whole(self) -> bool:
        """Whether what is on the disk is known to end at the head: nothing failed half done."""
        return self._fault is None

    def commit(self, group: Sequence[Append]) -> None:
        """Gives every append its answer.

        Raises nothing but what ends the process (KeyboardInterrupt), and then it ends the log too.
        """
        self.disk_s = 0.0
        if self._fault is not None:
            _refuse(group, self._fault)
            return
        try:
            self._commit(group)
        except LogFault as fault:
            _refuse(group, fault)
            if fault.code != "full":
                self._fault = fault
        except BaseException as error:  # a writer that dies lets callers wait for ever
            self._fault = _failed(error)
            _refuse(group, self._fault)
            if not isinstance(error, Exception):
                raise

    def _commit(self, group: Sequence[Append]) -> None:
        try:
            self._projection.begin()
        except Exception as error:  # noqa: BLE001 - refuses the group, and nothing was begun
            _refuse(group, _failed(error))
            return
        try:
            accepted, written = self._offer_all(group)
            if not accepted:
                self._projection.rollback()
                return
            head = self._write(written)
            self._projection.commit()
        except BaseException:
            self._projection.rollback()
            self._blobs.back(0)
            raise
        self.head = head
        for append, first, _ in accepted:
            append.answer = first
        if self.heard is not None:
            self.heard(head[0] - len(written), written)

    def _write(self, entries: list[bytes]) -> tuple[int, bytes]:
        grown = self._tree.copy()
        grown.extend(entries)
        root = grown.root()
        group = segments.group(entries, grown.size, root)
        started_s = perf_counter()
        try:
            # What a record leads to is there before the record is.
            self._blobs.flush()
            self._tail.append(group, self._tree)
        finally:
            self.disk_s = perf_counter() - started_s
        self._tree = grown
        return grown.size, root

    def _offer_all(self, group: Sequence[Append]) -> tuple[list[_Accepted], list[bytes]]:
        """The appends that the projection accepts, one after the other, and the exact bytes of
        their records; answers the others.
        """
        accepted: list[_Accepted] = []
        written: list[bytes] = []
        first, seq = self._tree.size, self._tree.size
        for append in group:
            mark = self._blobs.mark()
            entries, refusal = self._offer(append.records, seq, written)
            if refusal is None:
                accepted.append(_Accepted(append, seq, entries))
                seq += len(entries)
                continue
            append.answer = refusal
            self._blobs.back(mark)
            del written[seq - first :]
            if entries:
                self._begin_again(accepted)
        return accepted, written

    def _offer(
        self, records: Iterable[Mapping[str, Any]], first: int, written: list[bytes]
    ) -> tuple[list[dict[str, Any]], Exception | None]:
        """The entries that the projection may have taken, and why it does not take all of them.

        Their bytes are added to `written`. Each record is counted on top of those before it, which
        only the projection knows.
        """
        entries: list[dict[str, Any]] = []
        projection = self._projection
        for seq, record in enumerate(records, first):
            try:
                entry = numbered(record, seq, projection.counters(record))
                sealed = entry.get(PAYLOAD)
                if isinstance(sealed, Sealed):  # in its place, where it will be
                    entry[PAYLOAD] = self._blobs.stage(sealed)
                written.append(encode(self._hidden(entry)))
                entries.append(entry)
            except LogFault as fault:
                return entries, fault
            except (TypeError, ValueError) as error:
                return entries, error
            except Exception as error:  # noqa: BLE001 - refuses these records and no others
                return entries, _failed(error)
            try:
                conflict = projection.apply(seq, entry, replay=False)
            except Exception as error:  # noqa: BLE001 - likewise
                return entries, _failed(error)
            if conflict is not None:
                entries.pop()
                return entries, LedgerConflict(conflict)
        return entries, None

    def _hidden(self, entry: dict[str, Any]) -> Mapping[str, Any]:
        return entry if self._boundary is None else self._boundary.hidden(entry)

    def _begin_again(self, accepted: Iterable[_Accepted]) -> None:
        """Undoes the half of an append that was refused, which has no savepoint of its own.

        What was accepted before it counted on nothing that is undone.
        """
        self._projection.rollback()
        self._projection.begin()
        for _, first, entries in accepted:
            for seq, record in enumerate(entries, first):
                refusal = self._projection.apply(seq, record, replay=False)
                if refusal is not None:
                    raise LogFault("projection", f"it accepted a record only once: {refusal}")


def _failed(error: BaseException) -> LogFault:
    fault = LogFault("projection", f"the state derived from the log failed: {error}")
    fault.__cause__ = error
    return fault


def _refuse(group: Iterable[Append], fault: LogFault) -> None:
    for append in group:
        if append.answer is None:
            append.answer = LogFault(fault.code, fault.sentence)
            append.answer.__cause__ = fault
