"""An evidence bundle, verified: docs/reference/audit-bundle.md says what is in one, and its list of
what a verifier checks is what is done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec

from safeconduct.audit import checkpoint
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.index.entry import Entries, Party
from safeconduct.audit.index.evidence import counter_of
from safeconduct.audit.index.query import Query
from safeconduct.audit.records import PAYLOAD, SEQUENCE, decode
from safeconduct.audit.verify.claims import Claims, Held
from safeconduct.audit.verify.members import NoBundle, read
from safeconduct.audit.verify.report import Finding, Report, gravest_first
from safeconduct.core.canonical import NotCanonical, canonical
from safeconduct.core.completeness import Counted, gap
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import is_consistent, is_included

Record = dict[str, Any]

__all__ = ["NoBundle", "verify"]


class _Answer(msgspec.Struct, frozen=True):
    n: int
    leaf: str


class _Case(msgspec.Struct, frozen=True):
    """What `case.json` says, as far as it is looked at."""

    origin: str
    asked: dict[str, Any]
    answer: list[_Answer]
    complete: Literal["task_n", "pair_n"] | None
    below: list[str] | None = None


class _Proof(msgspec.Struct, frozen=True):
    n: int
    proof: list[str]


def verify(path: Path, held: Held) -> Report:
    """Verifies a bundle. `held.kept` is not looked at: a bundle has no proof for what is elsewhere.

    Raises:
        NoBundle: the file is none.
        OSError: it cannot be read.
    """
    members, strange = read(path)
    try:
        return _Bundle(members, held).report(strange)
    except (LookupError, TypeError, AttributeError, RecursionError, ValueError) as error:
        raise NoBundle(f"{path} is no evidence bundle: {error}") from error


class _Bundle:
    def __init__(self, members: Mapping[str, bytes], held: Held) -> None:
        """Raises LookupError, TypeError, AttributeError, RecursionError, ValueError: no bundle."""
        self._members = members
        if canonical(msgspec.json.decode(members["case.json"])) != members["case.json"]:
            raise ValueError("case.json is not in canonical form")
        self._case = msgspec.json.decode(members["case.json"], type=_Case)
        self._query = msgspec.convert(self._case.asked, Query)
        if msgspec.to_builtins(self._query) != self._case.asked:
            raise ValueError("something was asked that cannot be")
        self._head = checkpoint.parse(members[checkpoint.NAME].decode())
        self._claims = Claims(members.get, held)
        self._records: dict[int, Record] = {}
        self._leaves: dict[int, str] = {}
        self._payloads = 0

    def report(self, strange: Iterable[str]) -> Report:
        """Raises as the initialiser. `strange` are names that no member has, or more than one."""
        findings = self._claims.check(self._case.origin, self._head.size, self._roots())
        findings += [
            Finding("edited", f"{name!r} is no member of a bundle, or is there twice")
            for name in strange
        ]
        findings += self._proven()
        findings += self._answered()
        findings += self._complete()
        kinds = [str(record.get("kind")) for record in self._records.values()]
        return Report(
            records=len(self._records),
            answers=len({one.n for one in self._case.answer}.intersection(self._records)),
            root=self._head.root.hex(),
            kinds={kind: kinds.count(kind) for kind in sorted({*kinds})},
            payloads=self._payloads,
            signed_by=self._claims.signed_by,
            pinned=self._claims.pinned,
            witnesses=self._claims.witnesses,
            unwitnessed=sum(n >= self._head.size - self._claims.unwitnessed for n in self._records),
            notes=tuple(self._notes()),
            findings=gravest_first(findings),
        )

    def _roots(self) -> dict[int, bytes]:
        """The roots of trees that the checkpoint's tree went through, as far as they are proven."""
        head, roots = self._head, {self._head.size: self._head.root}
        claim, proof = self._claims.witnessed, self._members.get("consistency.json")
        if claim is not None and proof is not None:
            old: Checkpoint = claim.said
            said = msgspec.json.decode(proof, type=dict[str, Any])
            path = [bytes.fromhex(node) for node in said["proof"]]
            if is_consistent(old.size, old.root, head.size, head.root, path):
                roots[old.size] = old.root
        return roots

    def _proven(self) -> Iterator[Finding]:
        lines = self._lines("records.jsonl")
        proofs = [msgspec.json.decode(one, type=_Proof) for one in self._lines("proofs.jsonl")]
        if any(before.n >= after.n for before, after in pairwise(proofs)):
            yield Finding("edited", "the records do not stand in their order, each once")
        for data, said in zip(lines, proofs, strict=True):
            leaf, path = leaf_hash(data), [bytes.fromhex(node) for node in said.proof]
            if not is_included(leaf, said.n, self._head.size, path, self._head.root):
                sentence = f"record {said.n}: it does not stand under the checkpoint"
                yield Finding("edited", sentence, said.n)
                continue
            try:
                record = decode(data)
            except NotCanonical as error:
                yield Finding("edited", f"record {said.n}: {error}", said.n)
                continue
            if record.get(SEQUENCE) != said.n:
                sentence = f"record {said.n}: says that it is number {record.get(SEQUENCE)}"
                yield Finding("edited", sentence, said.n)
            self._records[said.n], self._leaves[said.n] = record, leaf.hex()

    def _lines(self, name: str) -> list[bytes]:
        *lines, rest = self._members[name].split(b"\n")
        if rest:
            raise ValueError(f"the last line of {name} has no end")
        return lines

    def _answered(self) -> Iterator[Finding]:
        for one in self._case.answer:
            if self._leaves.get(one.n) != one.leaf:
                sentence = f"record {one.n}: the answer names it, and it is missing or another"
                yield Finding("edited", sentence, one.n)
        for name, data in self._members.items():
            kind, _, number = name.removesuffix(".json").partition("/")
            if not number:
                continue
            n = int(number)
            payload: Record = self._records.get(n, {}).get(PAYLOAD, {})
            said = payload.get("sha256")
            if kind == "opened" and said is None:
                yield Finding("edited", f"{name}: there is no such payload", n)
            elif kind == "payloads" and sha256(data).hexdigest() == said:
                self._payloads += 1
            elif kind == "payloads":
                yield Finding("edited", f"record {n}: its payload is not what was sealed", n)

    def _complete(self) -> Iterator[Finding]:
        query, counter = self._query, self._case.complete
        if counter != counter_of(query):
            sentence = "the case does not claim of its answer what follows from what was asked"
            yield Finding("edited", sentence)
            return
        if counter is None:
            return
        tasks = self._asked_about(counter)
        members = sorted(
            n
            for n, one in self._records.items()
            if type(one.get(counter)) is int and one.get("task") in tasks
        )
        counted = [Counted(self._records[n][counter], _time(self._records[n])) for n in members]
        if query.until_ms is None:
            raise ValueError("the question has no end")
        flaw = gap(counted, query.since_ms, query.until_ms)
        if flaw is None and self._own and not {*members} & {*self._own}:
            # The log's order is that of its numbers: by its times a clock that was set back leads
            # astray, and what was appended after the question is after all that it asked for.
            flaw = f"nothing shows that number {counted[-1].number} was the last"
        if flaw is not None:
            yield Finding("truncated", f"the answer is not complete: {flaw}")
        answer = {one.n for one in self._case.answer}
        entries = Entries(query.tenant, self._parties().get)
        found = [
            entries.entry(n, 0, self._records[n])
            for n in sorted({*members, *answer})
            if n in self._records
        ]
        fitting = {one.n for one in query.within([one for one in found if query.fits(one)])}
        for n in sorted(fitting.intersection(members) - answer):
            sentence = f"the answer is not complete: record {n} is left out"
            yield Finding("truncated", sentence, n)
        for n in sorted(answer.intersection(self._records) - fitting):
            yield Finding("edited", f"record {n}: the answer names it, and it does not fit", n)

    @property
    def _own(self) -> list[int]:
        """The records of this very export: the question and its answer stand in the log too."""
        case = sha256(self._members["case.json"]).hexdigest()
        return [
            n
            for n, one in self._records.items()
            if one.get("kind") == "audit.read" and one.get("case") == case
        ]

    def _parties(self) -> dict[str, Party]:
        """Whose the tasks are whose starts are here."""
        return {
            one["task"]: Party(one["tenant"], one["agent"]["id"], one["user"]["id"])
            for one in self._records.values()
            if one.get("kind") == "task" and one.get("phase") == "started"
        }

    def _asked_about(self, counter: str) -> frozenset[str]:
        """The tasks whose records are counted."""
        query = self._query
        if counter == "task_n":
            return frozenset({query.task or ""})
        whose = (query.tenant, query.agent, query.user)
        return frozenset(task for task, party in self._parties().items() if party == whose)

    def _notes(self) -> Iterator[str]:
        """What the question was, and what nothing here proves."""
        asked = ", ".join(f"{name} {value}" for name, value in sorted(self._case.asked.items()))
        yield f"{len(self._case.answer)} records answer what was asked: {asked}"
        if self._case.complete is None:
            yield "that these are all is not claimed: the question is too wide to show it"
        if self._case.below:
            below = ", ".join(self._case.below)
            yield f"what was done in the tasks below it is not in here: {below}"
        if not self._own:
            yield (
                "the question is not on record: the bundle is from a copy of the log, or case.json "
                "was made by somebody else, and where a clock was set back more may have followed"
            )
        opened = sum(name.startswith("opened/") for name in self._members)
        if opened:
            yield f"{opened} payloads are there in clear, which nothing proves but who opened them"
        yield from self._claims.notes


def _time(record: Record) -> int:
    """When a record says that it was. Raises ValueError."""
    at_ms = record.get("at_ms", record.get("started_ms"))
    if type(at_ms) is not int:
        raise ValueError("a record without a time")
    return at_ms
