"""What is said about a log, in notes beside it and elsewhere: whose word that is, and whether it is
true of the log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.changes import Change, in_force
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.notes import BadNote, Key, Note
from safeconduct.audit.signer.notary import PUBLIC
from safeconduct.audit.verify.regular import opened
from safeconduct.audit.verify.report import Finding
from safeconduct.audit.walk import check_claim
from safeconduct.audit.witness.policy import Policy


class Claim(msgspec.Struct, frozen=True):
    """A checkpoint somebody shows; `name` says where it is from, `note` is None if unsigned."""

    name: str
    said: Checkpoint
    note: Note | None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a log is held against besides itself.

    Attributes:
        keys: Verifier keys of the log that the reader has from elsewhere.
        policy: Which witnesses have to have cosigned.
        max_age_s: How long before the newest record they may have done so; None does not matter.
        kept: Checkpoints kept elsewhere.
    """

    keys: tuple[Key, ...] = ()
    policy: Policy | None = None
    max_age_s: int | None = None
    kept: tuple[Claim, ...] = ()


def beside(directory: Path) -> Callable[[str], bytes | None]:
    """Gives the files in a log's directory by their names. Raises OSError when called."""

    def load(name: str) -> bytes | None:
        try:
            with os.fdopen(opened(directory / name), "rb") as file:
                return file.read(notes.MAX_BYTES + 1)
        except FileNotFoundError:
            return None

    return load


def read(name: str, data: bytes) -> Claim:
    """A checkpoint in some bytes, signed or not.

    Raises:
        ValueError: these are none.
    """
    try:
        note = notes.parse(data)
    except BadNote:
        return Claim(name, checkpoint.parse(data.decode()), None)
    return Claim(name, checkpoint.parse(note.text), note)


class Claims:
    """All that is claimed of one log. Made before the log is read, which may grow meanwhile."""

    def __init__(self, load: Callable[[str], bytes | None], held: Held) -> None:
        """`load` gives the bytes of a file beside the log; None where there is none.

        Raises: what `load` raises.
        """
        self.findings: list[Finding] = []
        self.checkpoint = self._claim(load(checkpoint.NAME), "the checkpoint")
        self.witnessed = self._claim(load(checkpoint.WITNESSED), "the witnessed checkpoint")
        self.pinned = bool(held.keys)
        self.signed_by = ""
        self.witnesses: tuple[str, ...] = ()
        self.unwitnessed = 0
        self.notes: list[str] = []
        self.signed = 0
        self.strict = bool(held.keys or held.policy or held.kept)
        self._keys = held.keys or self._beside(load(PUBLIC))
        self._policy = held.policy
        self._max_age_s = held.max_age_s
        self._kept = held.kept

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the trees that are claimed."""
        return tuple({claim.said.size for claim in self._all()})

    @property
    def newest(self) -> Checkpoint | None:
        """The largest tree that is claimed: nobody was told of what is behind it."""
        return max((claim.said for claim in self._all()), key=attrgetter("size"), default=None)

    def check(
        self,
        origin: str | None,
        size: int,
        roots: Mapping[int, bytes],
        changes: Sequence[Change] = (),
        newest_ms: int | None = None,
        behind_ms: Mapping[int, int] | None = None,
    ) -> list[Finding]:
        """What of it is not true, of a log that was read as far as it can be believed, with the
        changes of its key that are on record, the time of its newest record, and those of the first
        record behind each of `sizes`.
        """
        found = self.findings
        if self.checkpoint is None and not found:
            self._hold(None, origin, size, roots)
        self.signed = self._newest_signed(changes, origin, size, roots)
        proven = [one for one in changes if one.seq < self.signed]
        for claim in self._all():
            if self._is_signed(claim, proven):
                self._hold(claim, origin, size, roots)
        if self._policy is not None:
            found += self._unwitnessed(self._policy, size, newest_ms, behind_ms or {})
        return found

    def _newest_signed(
        self, changes: Sequence[Change], origin: str | None, size: int, roots: Mapping[int, bytes]
    ) -> int:
        """The size of the largest tree that is signed and that the log went through. Only records
        in such a tree say which key signs it.
        """
        for claim in sorted(self._all(), key=attrgetter("said.size"), reverse=True):
            before = [one for one in changes if one.seq < claim.said.size]
            try:
                check_claim(claim.said, origin, size, roots, claim.name)
                if self._keys:
                    self._signer(claim, before)
            except (BadNote, Damaged):
                continue
            return claim.said.size
        return 0

    def _signer(self, claim: Claim, changes: Sequence[Change]) -> Key:
        """Whose signature it bears, of the keys that were in force then. Raises BadNote."""
        if claim.note is None:
            raise BadNote("it has no signature")
        keys_then = [in_force(key, changes, claim.said.size) for key in self._keys]
        first, *_ = notes.verify(claim.note, keys_then)
        return first.key

    def _all(self) -> Iterator[Claim]:
        yield from (one for one in (self.checkpoint, self.witnessed, *self._kept) if one)

    def _hold(
        self, claim: Claim | None, origin: str | None, size: int, roots: Mapping[int, bytes]
    ) -> None:
        name = "the checkpoint" if claim is None else claim.name
        try:
            check_claim(None if claim is None else claim.said, origin, size, roots, name)
        except Damaged as damage:
            self.findings.append(Finding(damage.code, damage.sentence, damage.seq))

    def _is_signed(self, claim: Claim, changes: Sequence[Change]) -> bool:
        """Whether a key of the log signed that was in force then."""
        if not self._keys:
            sentence = f"nothing says whose signature {claim.name} needs: {PUBLIC} is gone"
            self.findings.append(Finding("truncated", sentence))
            return True
        try:
            signer = self._signer(claim, changes)
        except BadNote as error:
            why = str(error)
        else:
            if claim is self.checkpoint:
                self.signed_by = str(signer)
            return True
        keys_then = [in_force(key, changes, claim.said.size) for key in self._keys]
        keys = ", ".join(f"{key.name}+{key.id.hex()}" for key in keys_then)
        sentence = f"{claim.name} is not signed by the log's key {keys}: {why}"
        self.findings.append(Finding("edited", sentence))
        return False

    def _unwitnessed(
        self,
        policy: Policy,
        size: int,
        newest_ms: int | None,
        behind_ms: Mapping[int, int],
    ) -> Iterator[Finding]:
        why, since_s, recent = "", 0, ""
        if self._max_age_s is not None and newest_ms is not None:
            since_s = newest_ms // 1000 - self._max_age_s
            recent = f" within {self._max_age_s} s before the newest record"
        for claim in (self.witnessed, self.checkpoint):
            if claim is None or claim.note is None:
                continue
            try:
                self.witnesses = policy.cosigned(claim.note, since_s)
            except BadNote as error:
                why = why or str(error)
                continue
            if policy.enough(self.witnesses):
                seen = claim.said.size
                if self.witnesses and seen < size:
                    self.unwitnessed = size - seen
                    self.notes.append(
                        f"the witnesses saw the first {seen} of {size} records, and not the rest"
                    )
                if behind_ms.get(seen, since_s * 1000) < since_s * 1000:
                    sentence = f"records from {seen} on were never witnessed, and are too old"
                    yield Finding("unwitnessed", sentence, seen)
                return
            why = why or f"cosigned by {', '.join(self.witnesses) or 'nobody'}{recent}"
        why = why or "there is no signed checkpoint"
        yield Finding("unwitnessed", f"not witnessed as the policy asks: {why}")

    def _claim(self, data: bytes | None, name: str) -> Claim | None:
        if data is None:
            return None
        try:
            return read(name, data)
        except ValueError:
            self.findings.append(Finding("edited", f"the file of {name} holds no checkpoint"))
            return None

    def _beside(self, data: bytes | None) -> tuple[Key, ...]:
        """The key that lies with the log: whoever could rewrite the one could replace the other."""
        if data is None:
            return ()
        try:
            return (notes.parse_key(data.decode().strip()),)
        except ValueError as error:
            self.findings.append(Finding("edited", f"{PUBLIC} holds no verifier key: {error}"))
            return ()
