"""Keeping the checkpoint of an open log at most a second behind, beside the writer's way.

A log whose records nobody signs is one whose end can be cut off unseen. So one that gets no
checkpoint for a minute takes no more records until it does, and one whose signer refuses, as what
lies on the disk is not what was signed or written, takes none at all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Final, cast

from safeconduct.audit import checkpoint
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import Fault, LogFault
from safeconduct.audit.notes import Key
from safeconduct.audit.signer import Refused, Signing, Unavailable

INTERVAL_S: Final = 1.0
UNSIGNED_S: Final = 60.0
_LAST_ATTEMPTS: Final = 2

OpenSigner = Callable[[Path, str], Signing]
"""Makes the signer of the log in a directory, with its name."""


class Checkpointer:
    """Has checkpoints signed. One thread asks for them, any may look whether to go on."""

    def __init__(self, directory: Path, signing: Signing) -> None:
        self._directory = directory
        self._signing = signing
        self._current: Callable[[], Checkpoint]
        self._whole: Callable[[], bool] | None = None
        self._refused: LogFault | None = None
        self._failure = ""
        self._since_s: float | None = None  # when the oldest record came that is not signed
        self._news = Event()
        self._closing = Event()
        self._thread = Thread(target=self._run, name="safeconduct-checkpoint", daemon=True)

    def start(self) -> Key:
        """Has the signer look whether it will sign for this log, and says what checks it.

        Raises:
            LogFault: it will not, or there is none.
        """
        try:
            return self._signing.start()
        except Refused as refused:
            raise self._fault(refused) from refused
        except Unavailable as error:
            raise LogFault("unsigned", f"{self._directory}: {error}") from error

    def begin(self, current: Checkpoint) -> None:
        """Signs what there is, before anybody goes by it.

        From the first moment on, so that a log that is gone can be told from a new one.

        Raises:
            LogFault: the log could not be signed.
        """
        self._current = lambda: current
        try:
            self._sign()
        except Unavailable as error:
            raise LogFault("unsigned", f"{self._directory}: {error}") from error
        if self._refused is not None:
            raise self._refused
        self._whole = lambda: True

    def run(self, current: Callable[[], Checkpoint], whole: Callable[[], bool]) -> None:
        """From now on signs what comes; `whole` says whether nothing may stand behind it."""
        self._current, self._whole = current, whole
        self._thread.start()

    def wake(self) -> None:
        """There is something new to tell of."""
        if not self._news.is_set():
            if self._since_s is None:
                self._since_s = monotonic()
            self._news.set()

    def check(self) -> None:
        """Raises LogFault when no record may be taken, as those before it are not signed."""
        if self._refused is not None:
            raise LogFault(self._refused.code, self._refused.sentence)
        since_s = self._since_s  # another thread clears it
        if since_s is not None and monotonic() - since_s > UNSIGNED_S:
            raise LogFault(
                "unsigned",
                f"{self._directory}: no checkpoint was signed for {UNSIGNED_S:.0f} s, and nothing "
                f"is written until one is{self._failure}",
            )

    def close(self) -> None:
        """Signs the last checkpoint, and ends the signer."""
        self._closing.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._whole is not None:
            # Nothing grows any more, and whoever closes this waits.
            for _ in range(_LAST_ATTEMPTS):
                if self._attempt(last=self._whole()):
                    break
        self._signing.close()

    def _run(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            if self._closing.is_set():
                break
            self._attempt()
            self._closing.wait(INTERVAL_S)

    def _attempt(self, *, last: bool = False) -> bool:
        asked_s = monotonic()
        try:
            self._sign(last=last)
        except Unavailable as error:  # an older checkpoint is as true as it was
            self._failure = f": {error}"
            if self._since_s is None:
                self._since_s = asked_s
            self._news.set()
            return False
        self._since_s = asked_s if self._news.is_set() else None
        return True

    def _sign(self, *, last: bool = False) -> None:
        """Raises Unavailable."""
        expected = self._current()
        try:
            signed = checkpoint.parse(self._signing.sign(expected.size, last=last))
        except Refused as refused:
            self._refused = self._fault(refused)
            return
        if signed != expected:
            other = Refused("forked", "what lies on the disk is not what was written")
            self._refused = self._fault(other)

    def _fault(self, refused: Refused) -> LogFault:
        return LogFault(cast("Fault", refused.code), f"{self._directory}: {refused.sentence}")
