"""Who works at this machine: accounts of the operating system."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_NOBODY: Final = 2**32 - 1
"""What the kernel says of a process that belongs to no login: (uid_t) -1."""


def account(uid: int) -> str:
    """`uid:0 root`; without a name where the machine knows none."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"
    return f"uid:{uid} {name}" if name.isascii() and name.isprintable() else f"uid:{uid}"


def working(uid: int, pid: int) -> str:
    """The account that a process runs as and, where it is another, the one that logged in: `sudo`
    changes the first alone (`proc_pid_loginuid`, pam_loginuid(8)).
    """
    here = account(uid)
    try:
        login = int((PROC / str(pid) / "loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return here
    return here if login in (uid, _NOBODY) else f"{here}, login {account(login)}"


def operator() -> str:
    """Who this process works for."""
    return working(os.getuid(), os.getpid())
