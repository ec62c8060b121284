"""Making bytes durable: what the operating system calls it."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

if sys.platform == "darwin":

    def flush(fd: int) -> None:
        """Returns when the file's data is on the medium. Raises OSError."""
        # fsync of macOS leaves the data in the drive's cache.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)

else:

    def flush(fd: int) -> None:
        """Returns when the file's data is on the medium. Raises OSError."""
        os.fdatasync(fd)


def flush_directory(directory: Path) -> None:
    """Returns when files made, renamed or removed in a directory stay so. Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
