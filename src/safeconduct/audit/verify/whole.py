"""The pieces of a log, put together in their order: what no piece can know by itself.

Nothing after the first damage is proven, so nothing after it is looked at.
"""

from __future__ import annotations

from collections import Counter

from safeconduct.audit.changes import Change
from safeconduct.audit.damage import Damaged
from safeconduct.audit.verify.contents import Contents, Lost
from safeconduct.audit.verify.piece import Piece, State
from safeconduct.audit.verify.report import MAX_LISTED, Finding
from safeconduct.core.merkle import EMPTY_ROOT

_NO_TREE: State = (0, ())


class Whole:
    """A log, piece by piece.

    Attributes:
        origin: Its name, once there is a segment.
        size: How many records are proven.
        nodes: The nodes of their tree.
        root: Their root.
        roots: By size the roots that were asked for.
        tail: Bytes after the last whole group.
        kinds: How many records there are of each kind.
        waiting: Decision ids of permits without an outcome, the oldest first.
        damage: What ended the look, if anything did.
        payloads: How many payloads are what was sealed.
        erased: How many were erased.
        pruned: How many records before the first one were pruned.
        expired: How many payloads were pruned.
        changes: Of the key that signs the log.
        newest_ms: The time of the last record that has one.
        behind_ms: By size of a claimed tree, the time of the first record that is not in it.
    """

    def __init__(self) -> None:
        self.origin: str | None = None
        self.size, self.nodes = _NO_TREE
        self.root = EMPTY_ROOT
        self.roots: dict[int, bytes] = {0: EMPTY_ROOT}
        self.tail = 0
        self.kinds: Counter[str] = Counter()
        self.waiting: dict[str, None] = {}
        self.damage: Finding | None = None
        self.payloads = self.erased = self.expired = self.pruned = 0
        self.changes: list[Change] = []
        self.newest_ms: int | None = None
        self._first = 0
        self._orphans: set[int] = set()
        self.behind_ms: dict[int, int] = {}
        self._pruned: list[tuple[int, int, int]] = []
        self._last: Piece | None = None
        self._task_n: dict[str, int] = {}
        self._pair_n: dict[str, int] = {}
        self._pairs: dict[str, str] = {}
        self._payloads: Counter[str] = Counter()
        self._lost: list[Lost] = []
        self._erased: dict[str, tuple[int, str]] = {}
        self._findings: list[Finding] = []

    def add(self, piece: Piece) -> bool:
        """Takes in the next piece; whether the one after it may be looked at."""
        try:
            self._continue(piece)
        except Damaged as damage:
            self.damage = Finding(damage.code, damage.sentence, damage.seq)
            return False
        if piece.origin is not None:  # without a header nothing of the segment counts
            self.origin = piece.origin
            (self.size, self.nodes), self.root = piece.ended, piece.root
        self.roots |= piece.roots
        self.tail = piece.tail
        self._last = piece
        self._take(piece.contents, piece.segment)
        self.damage = piece.damage
        return self.damage is None

    def findings(self, signed: int) -> list[Finding]:
        """What is wrong with single records, in their order; call it after the last piece.

        Whoever can write to a file can append records: those behind the first `signed` excuse
        nothing.
        """
        pruned = [one for one in self._pruned if one[0] < signed]
        erased = {kid: one for kid, one in self._erased.items() if one[0] < signed}
        segment = max((one for _, one, _ in pruned), default=0)
        left = [one for one in self._lost if not self._is_erased(one, erased.get(one.kid))]
        lost = [
            one.finding
            for one in left
            if not any(one.seq < seq and 0 <= one.file < before for seq, _, before in pruned)
        ]
        self.erased = sum(self._payloads[kid] for kid in erased)
        self.expired = len(left) - len(lost)
        self.payloads = max(0, self._payloads.total() - self.erased - len(left))
        begins: list[Finding] = []
        if self._first > segment:
            sentence = f"the log begins with record {self.pruned}, and none says that others went"
            begins = [Finding("truncated", sentence)]
        found = [*self._findings, *lost]
        found.sort(key=lambda finding: self.size if finding.seq is None else finding.seq)
        return [*begins, *found[:MAX_LISTED]]

    def _is_erased(self, lost: Lost, erasure: tuple[int, str] | None) -> bool:
        """Whether an erasure took it: a later one, of the user whom its task was for."""
        if erasure is None or lost.seq >= erasure[0]:
            return False
        pair = self._pairs.get(lost.task)  # went with the start of its task, where that was pruned
        return bool(self.pruned) if pair is None else pair.rpartition(" ")[2] == erasure[1]

    def _continue(self, piece: Piece) -> None:
        """Raises Damaged where a piece does not go on with the tree of the one before it."""
        last = self._last
        if last is not None and not last.whole:
            sentence = f"segment {last.segment} has no end, and segment {piece.segment} exists"
            raise Damaged("edited", sentence, self.size)
        if last is None and piece.segment:
            # Those before it were pruned; that their tree is this one the signed root shows.
            self._first, self.pruned = piece.segment, piece.began[0]
            self.size, self.nodes = piece.began
        if piece.origin is None:
            return  # its header is not there yet, or the damage says why it cannot be read
        if piece.began != (self.size, self.nodes):
            sentence = f"segment {piece.segment} does not continue the one before it"
            raise Damaged("edited", sentence, self.size)
        if self.origin is not None and piece.origin != self.origin:
            sentence = f"segment {piece.segment} is of another log, {piece.origin!r}"
            raise Damaged("edited", sentence, self.size)

    def _take(self, contents: Contents, segment: int) -> None:
        self.kinds.update(contents.kinds)
        self._findings += contents.findings
        for seq, decision in contents.early:
            if decision in self.waiting:
                del self.waiting[decision]
            elif not self.pruned:  # otherwise the permit may be among what was pruned
                sentence = f"record {seq}: an outcome for {decision}, for which no permit waits"
                self._findings.append(Finding("unpaired", sentence, seq))
        self.waiting |= contents.waiting
        self._count(contents)
        self._payloads.update(contents.payloads)
        self._lost += contents.lost
        self._erased |= {kid: (seq, whose) for seq, whose, kid in contents.erased}
        self.changes += contents.changes
        if type(contents.newest_ms) is int:
            self.newest_ms = contents.newest_ms
        self.behind_ms |= contents.behind_ms
        # What a record says to be gone stood before it.
        self._pruned += [(seq, min(one, segment), two) for seq, one, two in contents.pruned]
        # A log that is wrong throughout would otherwise be held in memory as a list of findings.
        del self._findings[MAX_LISTED:]

    def _count(self, contents: Contents) -> None:
        for task, pair in contents.pairs.items():
            self._pairs.setdefault(task, pair)
        by_pair: dict[str, list[int]] = {}
        for task, (task_n, pair_n) in contents.counted.items():
            self._follow(self._task_n, task, task_n, f"task {task}")
            if task in self._pairs:
                by_pair.setdefault(self._pairs[task], []).extend(pair_n)
            elif self.pruned:
                self._orphans.update(pair_n)  # whose the task was went with its first records
            else:
                self._gap(f"task {task} has records and was never started")
        for pair, numbers in by_pair.items():
            if self._orphans:
                between = range(min(numbers), max(numbers))
                numbers += [
                    one for one in self._orphans.intersection(between) if one not in numbers
                ]
            # In the order of the log within each task, and here over all tasks of the pair.
            self._follow(self._pair_n, pair, sorted(numbers), f"tenant, agent and user {pair}")

    def _follow(self, last: dict[str, int], key: str, numbers: list[int], whose: str) -> None:
        """Whether numbers go on where those before them ended, each once."""
        if self.pruned:
            last.setdefault(key, numbers[0] - 1)
        expected = last.get(key, 0) + 1
        last[key] = numbers[-1]
        if numbers == list(range(expected, expected + len(numbers))):
            return
        for number in numbers:
            if number != expected:
                self._gap(f"{whose}: record {expected} of theirs is missing, {number} is there")
                return
            expected += 1

    def _gap(self, sentence: str) -> None:
        self._findings.append(Finding("gap", sentence))
