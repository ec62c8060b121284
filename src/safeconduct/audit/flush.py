"""Making bytes durable, and knowing where they lie: what the operating system calls it."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from pathlib import Path
from typing import Final

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How the operating system says that there is no room."""

if sys.platform == "darwin":

    def flush(fd: int) -> None:
        """Returns when the file's data is on the medium. Raises OSError."""
        # fsync of macOS leaves the data in the drive's cache.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)

    def place(fd: int) -> bytes:
        """The path that leads to an open file now. Raises OSError when none does."""
        return fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")

else:

    def flush(fd: int) -> None:
        """Returns when the file's data is on the medium. Raises OSError."""
        os.fdatasync(fd)

    def place(fd: int) -> bytes:
        """The path that leads to an open file now, or none that exists. Raises OSError."""
        # Not by stat(2): since Linux 6.13 the next write after one must journal a new time.
        return os.readlink(b"/proc/self/fd/%d" % fd)  # noqa: PTH115 - for every group


def flush_directory(directory: Path) -> None:
    """Returns when files made, renamed or removed in a directory stay so. Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
