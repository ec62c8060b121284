"""The witness itself: what it is asked, what it looks at, and what it puts its name to (C2SP
tlog-witness 1.0.0, `add-checkpoint`; the numbers of its answers are HTTP's).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.notes import BadNote, Line, Note, Signer
from safeconduct.audit.witness import request
from safeconduct.audit.witness.memory import Latest, Memory
from safeconduct.audit.witness.policy import Policy
from safeconduct.audit.witness.request import Submission
from safeconduct.core.merkle import EMPTY_ROOT
from safeconduct.core.proofs import is_consistent

TEXT: Final = "text/plain; charset=utf-8"
SIZE: Final = "text/x.tlog.size"

_log = logging.getLogger(__name__)


class Reply(msgspec.Struct, frozen=True):
    """What a request is answered with."""

    status: int
    body: str
    type: str = TEXT


class Cosigner:
    """Watches the logs of a policy. For one thread at a time."""

    def __init__(
        self, signers: Sequence[Signer], policy: Policy, memory: Memory, clock_s: Callable[[], int]
    ) -> None:
        self._signers = signers
        self._policy = policy
        self._memory = memory
        self._clock_s = clock_s
        self._origins = {sha256(one.encode()).hexdigest(): one for one in policy.logs}

    def add(self, body: bytes) -> Reply:
        """Cosigns a checkpoint that continues the last one cosigned of its log, or says why not.

        Raises:
            sqlite3.Error: it cannot be remembered, so it was not cosigned.
        """
        try:
            sent = request.parse(body)
            note = notes.parse(sent.note)
            seen = checkpoint.parse(note.text)
        except ValueError as error:
            return _no(400, str(error))
        parties = self._policy.logs.get(seen.origin)
        if parties is None:
            return _no(404, f"the log {seen.origin!r} is not watched here")
        try:
            good = notes.verify(note, [one.key for one in parties])
        except BadNote as error:
            return _no(403, str(error))
        known = {(one.key.name, one.key.id) for one in good}
        lines = [line for line in note.lines if (line.name, line.id) in known]
        return self._judged(sent, seen, Note(note.text, tuple(lines)))

    def checkpoint(self, origin_hash: str) -> Reply:
        """The last checkpoint cosigned of a log, named by the SHA-256 of its origin.

        Raises sqlite3.Error.
        """
        latest = self._memory.latest(self._origins.get(origin_hash, ""))
        return Reply(200, latest.note.decode()) if latest.note else _no(404, "nothing of that log")

    def _judged(self, sent: Submission, seen: Checkpoint, note: Note) -> Reply:
        """Of a checkpoint that its log did sign."""
        if sent.old > seen.size:
            return _no(400, f"the checkpoint has {seen.size} records, fewer than {sent.old}")
        latest = self._memory.latest(seen.origin)
        if latest.note and latest.size == seen.size and latest.root != seen.root:
            self._contradicted(seen, note, latest)
            return _no(422, "another tree of this size was cosigned here; both are kept")
        if sent.old != latest.size:
            return _known(latest)
        if not _continues(sent, seen, latest):
            return _no(422, f"not shown to continue the {latest.size} records cosigned here")
        now_s = self._clock_s()
        cosigned = [notes.sign(note.text, one, now_s) for one in self._signers]
        whole = Note(note.text, (*note.lines, *cosigned))
        new = Latest(seen.size, seen.root, str(whole).encode())
        if not self._memory.advance(seen.origin, latest.size, new):
            return _known(self._memory.latest(seen.origin))
        return Reply(200, _lines(cosigned))

    def _contradicted(self, seen: Checkpoint, note: Note, latest: Latest) -> None:
        """Two signed trees of one size: no log that only grows can have both."""
        self._memory.keep(seen.origin, latest)
        self._memory.keep(seen.origin, Latest(seen.size, seen.root, str(note).encode()))
        _log.critical("the log %s signed two different trees of %d", seen.origin, seen.size)


def _continues(sent: Submission, seen: Checkpoint, latest: Latest) -> bool:
    if seen.size == 0 and seen.root != EMPTY_ROOT:
        return False
    old_root = latest.root if latest.size else EMPTY_ROOT
    return is_consistent(latest.size, old_root, seen.size, seen.root, sent.proof)


def _known(latest: Latest) -> Reply:
    return Reply(409, f"{latest.size}\n", SIZE)


def _no(status: int, sentence: str) -> Reply:
    return Reply(status, f"{sentence}\n")


def _lines(lines: Sequence[Line]) -> str:
    return "".join(map(str, lines))
