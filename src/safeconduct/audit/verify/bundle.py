"""An evidence bundle, verified: docs/reference/audit-bundle.md says what is in one, and its list of
what a verifier checks is what is done here.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from safeconduct.audit import checkpoint
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.records import PAYLOAD, SEQUENCE, decode
from safeconduct.audit.verify.claims import Claims, Held
from safeconduct.audit.verify.report import Finding, Report, gravest_first
from safeconduct.core.canonical import NotCanonical
from safeconduct.core.completeness import Counted, gap
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import is_consistent, is_included

Record = dict[str, Any]

_NARROWING: Final = frozenset({"kind", "verdict", "tool", "reason", "label", "limit"})


class NoBundle(ValueError):
    """What was given is no bundle, and why."""


class _Answer(msgspec.Struct, frozen=True):
    n: int
    leaf: str


class _Case(msgspec.Struct, frozen=True):
    """What `case.json` says, as far as it is looked at."""

    origin: str
    asked: dict[str, Any]
    answer: list[_Answer]
    complete: Literal["task_n", "pair_n"] | None


class _Proof(msgspec.Struct, frozen=True):
    n: int
    proof: list[str]


def verify(path: Path, held: Held) -> Report:
    """Verifies a bundle. `held.kept` is not looked at: a bundle has no proof for what is elsewhere.

    Raises:
        NoBundle: the file is none.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        return _Bundle(members, held).report()
    except (zipfile.BadZipFile, KeyError, msgspec.MsgspecError, ValueError) as error:
        raise NoBundle(f"{path} is no evidence bundle: {error}") from error


class _Bundle:
    def __init__(self, members: Mapping[str, bytes], held: Held) -> None:
        """Raises KeyError, ValueError, msgspec.MsgspecError: it is no bundle."""
        self._members = members
        self._case = msgspec.json.decode(members["case.json"], type=_Case)
        self._head = checkpoint.parse(members[checkpoint.NAME].decode())
        self._claims = Claims(members.get, held)
        self._records: dict[int, Record] = {}
        self._leaves: dict[int, str] = {}
        self._payloads = 0

    def report(self) -> Report:
        """Raises as the initialiser."""
        findings = self._claims.check(self._case.origin, self._head.size, self._roots())
        findings += self._proven()
        findings += self._answered()
        findings += self._complete()
        kinds = [str(record.get("kind")) for record in self._records.values()]
        return Report(
            records=len(self._records),
            root=self._head.root.hex(),
            kinds={kind: kinds.count(kind) for kind in sorted({*kinds})},
            payloads=self._payloads,
            signed_by=self._claims.signed_by,
            pinned=self._claims.pinned,
            witnesses=self._claims.witnesses,
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
        lines = self._members["records.jsonl"].split(b"\n")[:-1]
        proofs = [
            msgspec.json.decode(line, type=_Proof)
            for line in self._members["proofs.jsonl"].split(b"\n")[:-1]
        ]
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

    def _answered(self) -> Iterator[Finding]:
        for one in self._case.answer:
            if self._leaves.get(one.n) != one.leaf:
                sentence = f"record {one.n}: the answer names it, and it is missing or another"
                yield Finding("edited", sentence, one.n)
        for n, record in self._records.items():
            sealed = self._members.get(f"payloads/{n}")
            if sealed is None:
                continue
            if sha256(sealed).hexdigest() == record.get(PAYLOAD, {}).get("sha256"):
                self._payloads += 1
            else:
                yield Finding("edited", f"record {n}: its payload is not what was sealed", n)

    def _complete(self) -> Iterator[Finding]:
        counter, asked = self._case.complete, self._case.asked
        if counter is None:
            return
        tasks = self._asked_about(counter)
        members = sorted(
            n
            for n, one in self._records.items()
            if type(one.get(counter)) is int and one.get("task") in tasks
        )
        counted = [Counted(self._records[n][counter], _time(self._records[n])) for n in members]
        since_ms, until_ms = asked.get("since_ms"), asked["until_ms"]
        flaw = gap(counted, since_ms, until_ms)
        if flaw is not None:
            yield Finding("truncated", f"the answer is not complete: {flaw}")
        if _NARROWING.isdisjoint(asked):
            answer = {one.n for one in self._case.answer}
            for n, one in zip(members, counted, strict=True):
                if (since_ms or 0) <= one.at_ms < until_ms and n not in answer:
                    sentence = f"the answer is not complete: record {n} is left out"
                    yield Finding("truncated", sentence, n)

    def _asked_about(self, counter: str) -> frozenset[str]:
        """The tasks whose records are counted."""
        asked = self._case.asked
        if counter == "task_n":
            return frozenset({asked["task"]})
        whose = (asked["tenant"], asked["agent"], asked["user"])
        return frozenset(
            one["task"]
            for one in self._records.values()
            if one.get("kind") == "task"
            and one.get("phase") == "started"
            and (one["tenant"], one["agent"]["id"], one["user"]["id"]) == whose
        )


def _time(record: Record) -> int:
    """When a record says that it was. Raises ValueError."""
    at_ms = record.get("at_ms", record.get("started_ms"))
    if type(at_ms) is not int:
        raise ValueError("a record without a time")
    return at_ms
