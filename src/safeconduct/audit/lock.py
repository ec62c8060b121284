"""One writer a log: an advisory lock on its directory, held while the log is open.

flock(2), because its locks belong to an open file and not to a process: a second opener in the same
process is refused like one in another, and the kernel lets go when the holder dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from safeconduct.audit.faults import LogFault
from safeconduct.audit.flush import flush_directory

_ATTEMPTS: Final = 5
_PAUSE_S: Final = 0.02
_WRITABLE_BY_OTHERS: Final = 0o022


def acquire(directory: Path) -> int:
    """Makes the directory if need be and locks it; closing the file descriptor unlocks it.

    Raises:
        LogFault: the log is open already ("busy"), or others may write to the directory ("unsafe").
        OSError: the directory cannot be made or opened.
    """
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        flush_directory(directory.parent)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _check_mode(fd, directory)
        _lock(fd, directory)
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_held(directory: Path) -> bool:
    """Whether the log is open somewhere. Raises OSError when the directory cannot be opened."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _check_mode(fd: int, directory: Path) -> None:
    if os.fstat(fd).st_mode & _WRITABLE_BY_OTHERS:
        raise LogFault("unsafe", f"{directory}: others may write here; chmod 700 it")


def _lock(fd: int, directory: Path) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # `is_held` takes the lock for an instant to look at it: that must not refuse a writer.
            if attempt < _ATTEMPTS - 1:
                time.sleep(_PAUSE_S)
        else:
            return
    raise LogFault("busy", f"{directory}: this log is already open, here or in another process")
