"""What the records of a piece of a log say: each is looked at here, and nowhere else.

What a piece cannot know by itself is for `whole`: which permits of earlier pieces its outcomes
belong to, where its counters go on, and which of its payloads were erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import msgspec

from safeconduct.audit.changes import KIND, Change, change
from safeconduct.audit.notes import BadNote
from safeconduct.audit.records import SEQUENCE, decode
from safeconduct.audit.verify.forms import Forms
from safeconduct.audit.verify.payloads import Lost as Gone
from safeconduct.audit.verify.payloads import Payloads
from safeconduct.audit.verify.report import MAX_LISTED, Code, Finding

Record = Mapping[str, Any]

_OF_THE_LOG: Final = frozenset({"erasure", "retention", KIND})


class Lost(NamedTuple):
    """A payload that is not what it was: of which record and task, under which key, in which file,
    and what to say unless it was erased or pruned.
    """

    seq: int
    task: str
    kid: str
    file: int
    finding: Finding


class Contents(msgspec.Struct):
    """What was seen, as plain values that pass from one process to another.

    Attributes:
        kinds: How many records there are of each kind.
        waiting: Decision ids of permits whose outcome did not come.
        early: Outcomes for which no permit waited: number of the record, decision id.
        counted: By task the two counters of its records, in their order: `task_n`, `pair_n`.
        pairs: By task its tenant, agent and user.
        payloads: How many payloads there are under each key.
        lost: Payloads that are not what they were.
        erased: Keys that an erasure names: number of its record, pseudonym, key.
        pruned: Of what the log says that it was pruned: number of the record, up to which segment,
            up to which file of payloads.
        changes: Of the key that signs the log.
        newest_ms: The time of the last record that has one.
        behind_ms: By size of a claimed tree, the time of the first record that is not in it.
        findings: What is wrong with single records.
    """

    kinds: dict[str, int] = {}
    waiting: dict[str, None] = {}
    early: list[tuple[int, str]] = []
    counted: dict[str, tuple[list[int], list[int]]] = {}
    pairs: dict[str, str] = {}
    payloads: dict[str, int] = {}
    lost: list[Lost] = []
    erased: list[tuple[int, str, str]] = []
    pruned: list[tuple[int, int, int]] = []
    changes: list[Change] = []
    newest_ms: object = None
    behind_ms: dict[int, int] = {}
    findings: list[Finding] = []


class Reader:
    """Fills the contents of a piece."""

    def __init__(self, directory: Path) -> None:
        self.contents = Contents()
        self._forms = Forms()
        self._payloads = Payloads(directory)

    def close(self) -> None:
        """Lets go of open files."""
        self._payloads.close()

    def add(self, first: int, entries: list[bytes]) -> None:
        """Takes in proven entries, of which the first has that number."""
        contents = self.contents
        kinds, waiting, payloads = contents.kinds, contents.waiting, contents.payloads
        counted, pairs = contents.counted, contents.pairs
        read, find = self._forms.read, self._payloads.find
        for seq, data in enumerate(entries, first):
            formed = read(data)
            if formed is None:
                self._entry(seq, data)
                continue
            # As `_entry` of what nearly all records are: in one piece, as calls are dear here.
            agent, at_ms, decision, kind, n, pair_n, file, offset, size, kid, sha256, *more = formed
            task, task_n, tenant, user, verdict = more
            if n != str(seq):
                self._misnumbered(seq, n)
            contents.newest_ms = int(at_ms)
            kinds[kind] = kinds.get(kind, 0) + 1
            if verdict == "permit":
                waiting[decision] = None
            elif not agent:
                self._outcome(decision, seq)
            if pair_n:
                numbers = counted.get(task) or counted.setdefault(task, ([], []))
                numbers[0].append(int(task_n))
                numbers[1].append(int(pair_n))
                if agent and task not in pairs:
                    pairs[task] = f"{tenant} {agent} {user}"
            if file:
                payloads[kid] = payloads.get(kid, 0) + 1
                lost = find(int(file), int(offset), int(size), sha256)
                if lost is not None:
                    self._lose(lost, seq, task, kid, int(file))

    def _entry(self, seq: int, data: bytes) -> None:
        """Takes in what no form reads."""
        try:
            record = decode(data)
        except ValueError as error:
            self._found("edited", str(error), seq)
            return
        self._forms.learn(data, record)
        kind = str(record.get("kind"))
        if record.get(SEQUENCE) != seq:
            self._misnumbered(seq, record.get(SEQUENCE))
        contents = self.contents
        contents.newest_ms = record.get("at_ms", contents.newest_ms)
        contents.kinds[kind] = contents.kinds.get(kind, 0) + 1
        if kind == "decision":
            if record.get("verdict") == "permit":
                contents.waiting[str(record.get("decision"))] = None
        elif kind == "outcome":
            self._outcome(str(record.get("decision")), seq)
        elif kind in _OF_THE_LOG:
            self._of_the_log(record, kind, seq)
        if "task_n" in record:
            self._count(record, kind, seq)
        if "payload" in record:
            self._payload(record["payload"], seq, str(record.get("task")))

    def behind(self, size: int, entries: list[bytes]) -> None:
        """Takes down the time of the first records behind a claimed tree."""
        with suppress(ValueError):
            times = [decode(data).get("at_ms") for data in entries]
            self.contents.behind_ms[size] = min(one for one in times if type(one) is int)

    def _outcome(self, decision: str, seq: int) -> None:
        waiting = self.contents.waiting
        if decision in waiting:
            del waiting[decision]
        else:
            self.contents.early.append((seq, decision))

    def _misnumbered(self, seq: int, said: object) -> None:
        self._found("edited", f"says that it is number {said}", seq)

    def _count(self, record: Record, kind: str, seq: int) -> None:
        task, task_n, pair_n = record.get("task"), record["task_n"], record.get("pair_n")
        if type(task_n) is not int or type(pair_n) is not int or type(task) is not str:
            self._found("edited", "a counter that is no number, or of no task", seq)
            return
        numbers = self.contents.counted.setdefault(task, ([], []))
        numbers[0].append(task_n)
        numbers[1].append(pair_n)
        pairs = self.contents.pairs
        if task not in pairs and (pair := _pair(record, kind)) is not None:
            pairs[task] = pair

    def _payload(self, said: object, seq: int, task: str) -> None:
        if not isinstance(said, dict):
            self._found("edited", "a payload that is no object", seq)
            return
        payload = cast("dict[str, Any]", said)
        if "left_out" in payload:
            return  # it was too large to be kept
        kid = str(payload.get("kid"))
        self.contents.payloads[kid] = self.contents.payloads.get(kid, 0) + 1
        lost = self._payloads.look(payload)
        if lost is not None:
            self._lose(lost, seq, task, kid, _file(payload))

    def _lose(self, lost: Gone, seq: int, task: str, kid: str, file: int) -> None:
        code, sentence = lost
        found = Finding(code, f"record {seq}: {sentence}", seq)
        self.contents.lost.append(Lost(seq, task, kid, file, found))

    def _of_the_log(self, record: Record, kind: str, seq: int) -> None:
        """A record that says how the log itself is to be read."""
        if kind == KIND:
            try:
                self.contents.changes.append(change(record))
            except BadNote as error:
                self._found("edited", str(error), seq)
        elif kind == "erasure":
            whose = str(record.get("pseudonym"))
            self.contents.erased += [(seq, whose, str(kid)) for kid in _list(record.get("kids"))]
        else:
            self._pruned(record, seq)

    def _pruned(self, record: Record, seq: int) -> None:
        before = record.get("segments_before"), record.get("payloads_before")
        if type(before[0]) is not int or type(before[1]) is not int:
            self._found("edited", "a retention that does not say what went", seq)
            return
        self.contents.pruned.append((seq, before[0], before[1]))

    def _found(self, code: Code, sentence: str, seq: int) -> None:
        if len(self.contents.findings) < MAX_LISTED:
            self.contents.findings.append(Finding(code, f"record {seq}: {sentence}", seq))


def _pair(record: Record, kind: str) -> str | None:
    """Of whose records `pair_n` counts one; None where the record does not say."""
    tenant, agent, user = record.get("tenant"), record.get("agent"), record.get("user")
    if kind == "task" and isinstance(agent, dict) and isinstance(user, dict):
        agent = cast("Record", agent).get("id")
        user = cast("Record", user).get("id")
    elif kind != "decision":
        return None
    return f"{tenant} {agent} {user}"


def _file(payload: Record) -> int:
    """The number of the file in which a payload lies; -1 where it does not say."""
    match payload:
        case {"at": [int() as number, int()]}:
            return number
        case _:
            return -1


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
