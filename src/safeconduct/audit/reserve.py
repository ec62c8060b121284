"""Room that is kept on the disk for the day when there is none: a file that holds nothing.

Given up, it leaves enough to write down that the log is full and what becomes of the calls that
run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from safeconduct.audit.faults import LogFault
from safeconduct.audit.flush import FULL

NAME: Final = "reserve"
RESERVE_BYTES: Final = 4 << 20
MARGIN_BYTES: Final = 1 << 20
"""What has to be free beside it, or what was just enough for the reserve would not last."""

if sys.platform == "darwin":

    def _allocate(fd: int, size: int) -> None:
        os.pwrite(fd, bytes(size), 0)

else:

    def _allocate(fd: int, size: int) -> None:
        os.posix_fallocate(fd, 0, size)


class Reserve:
    """The file `reserve` of a log."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def take(self) -> bool:
        """Sets the room aside; False when there is not enough.

        Raises:
            OSError: the directory cannot be written to.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
        fd = os.open(self._path, flags, 0o600)
        try:
            try:
                _allocate(fd, RESERVE_BYTES + MARGIN_BYTES)
            except OSError as error:
                self.release()  # half of it would be taken from what is left
                if error.errno in FULL:
                    return False
                raise
            os.ftruncate(fd, RESERVE_BYTES)
        finally:
            os.close(fd)
        return True

    def require(self) -> None:
        """Sets the room aside.

        Raises:
            LogFault: there is not enough.
            OSError: the directory cannot be written to.
        """
        if not self.take():
            raise LogFault("full", f"{self._path}: no space is left to reserve")

    def release(self) -> None:
        """Gives the room to the log. Raises OSError."""
        self._path.unlink(missing_ok=True)
