"""A directory whose files nobody changes: with the file system's immutable flag, as `chattr +i`.

Only root takes the flag away again, so the directory belongs on a machine, or under a mount, whose
root the gateway's machine does not have.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

from safeconduct.audit.flush import flush_directory
from safeconduct.audit.preserving import NotPreserved
from safeconduct.kit import files

_GET: Final = 0x80086601  # FS_IOC_GETFLAGS of linux/fs.h, for 64 bits
_SET: Final = 0x40086602  # FS_IOC_SETFLAGS
_IMMUTABLE: Final = 0x10  # FS_IMMUTABLE_FL
_FLAGS: Final = struct.Struct("l")
_UNABLE: Final = frozenset(
    {errno.EPERM, errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
)
_DRAFT: Final = ".new"


class Directory:
    """Implements `Store`."""

    def __init__(self, directory: Path) -> None:
        """Makes the directory. Raises OSError."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory

    def names(self) -> frozenset[str]:
        found = (one for one in self._directory.rglob("*") if one.is_file())
        return frozenset(
            str(one.relative_to(self._directory)) for one in found if one.suffix != _DRAFT
        )

    def put(self, name: str, data: bytes) -> None:
        place = self._directory / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = place.with_name(place.name + _DRAFT)
        draft.unlink(missing_ok=True)
        with draft.open("xb") as copy:
            os.fchmod(copy.fileno(), 0o400)
            copy.write(data)
            copy.flush()
            os.fsync(copy.fileno())
        # What is there already stays: a link does not replace.
        os.link(draft, place)
        draft.unlink()
        flush_directory(place.parent)
        try:
            immutable(place)
        except NotPreserved:
            place.unlink()
            raise

    def read(self, name: str) -> bytes:
        return (self._directory / name).read_bytes()

    def point(self, name: str, data: bytes) -> None:
        place = self._directory / name
        if place.exists():
            immutable(place, on=False)
        files.replace(place, data, mode=0o400)
        immutable(place)


def immutable(path: Path, *, on: bool = True) -> None:
    """Sets or takes away the flag.

    Raises:
        NotPreserved: the file system has no such flag, or we may not set it.
        OSError: the file cannot be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        (flags,) = _FLAGS.unpack(fcntl.ioctl(fd, _GET, _FLAGS.pack(0)))
        flags = flags | _IMMUTABLE if on else flags & ~_IMMUTABLE
        fcntl.ioctl(fd, _SET, _FLAGS.pack(flags))
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        raise NotPreserved(
            f"{path.parent}: files cannot be made immutable here: {error.strerror} (fix: run as "
            "root with CAP_LINUX_IMMUTABLE on ext4, xfs or btrfs, or preserve into S3)"
        ) from None
    finally:
        os.close(fd)
