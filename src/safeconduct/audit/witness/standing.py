"""Keeps a checkpoint that enough witnesses have cosigned beside the log: the file `witnessed`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from safeconduct.audit import checkpoint, notes, tiles
from safeconduct.audit.witness.asking import Answered, Witnesses
from safeconduct.audit.witness.policy import Policy, content
from safeconduct.core.proofs import consistency
from safeconduct.kit import files

_log = logging.getLogger(__name__)


class Standing:
    """A part of what follows the log: has each new checkpoint cosigned, every so many seconds.

    Where witnesses do not make the quorum the file stays as it was, and the log says so once, and
    once more when they do again: nothing that a witness does or leaves undone stops a call.
    """

    def __init__(
        self,
        directory: Path,
        policy: Policy,
        witnesses: Witnesses,
        *,
        every_s: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._policy = policy
        self._witnesses = witnesses
        self._every_s = every_s
        self._clock_s = clock_s
        self._asked = ""
        self._due_s = 0.0
        self._is_lost = False
        self._silent: frozenset[str] = frozenset()

    def advance(self) -> bool:
        """Asks once, when it is time to; the end of waiting is the caller's.

        Raises:
            BadNote: the checkpoint is not signed.
            Damaged: the log does not hold what the checkpoint says.
            OSError: a file cannot be read or written.
        """
        if self._clock_s() < self._due_s:
            return False
        self._due_s = self._clock_s() + self._every_s
        try:
            note = notes.parse((self._directory / checkpoint.NAME).read_bytes())
        except FileNotFoundError:
            return False
        if note.text == self._asked:
            return False
        hashes = tiles.Hashes(self._directory, checkpoint.parse(note.text).size)
        answered = asyncio.run(
            self._witnesses.cosigned(note, lambda old, size: consistency(old, size, hashes))
        )
        self._tell(answered)
        enough, said = content(self._policy, answered.note)
        if not enough:
            if not self._is_lost:
                _log.warning("the checkpoint is not witnessed as configured: %s", said)
            self._is_lost = True
            return False
        if self._is_lost:
            _log.warning("the checkpoint is witnessed again: %s", said)
        self._is_lost = False
        witnessed = self._directory / checkpoint.WITNESSED
        files.replace(witnessed, str(answered.note).encode(), mode=0o600)
        self._asked = note.text
        return False

    def _tell(self, answered: Answered) -> None:
        for url, why in answered.contradicted.items():
            _log.critical("the witness %s remembers another history of this log: %s", url, why)
        for url, why in answered.silent.items():
            if url not in self._silent:
                _log.warning("the witness %s did not cosign: %s", url, why)
        for url in sorted(self._silent - answered.silent.keys()):
            _log.warning("the witness %s answers again", url)
        self._silent = frozenset(answered.silent)
