"""What a process that reads documents can still do: compute, and answer.

`rlimit`s bound it everywhere. On Linux a seccomp filter (seccomp(2), by the BPF of the kernel's
`linux/filter.h`) allows the few system calls that computing takes and denies all others: nothing
can be opened, executed, or connected to. Landlock (landlock(7)) takes the file system away a second
time. Both are plain system calls, and need neither a library nor a privilege.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from typing import Final, NamedTuple

from safeconduct.inspectors.documents.limits import Limits

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_PR_SET_DUMPABLE: Final = 4
_SECCOMP_MODE_FILTER: Final = 2
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_RESTRICT_SELF: Final = 446
_LANDLOCK_VERSION: Final = 1

_KILL: Final = 0x8000_0000
_EPERM: Final = 0x0005_0001
_ALLOW: Final = 0x7FFF_0000
_PROT_EXEC: Final = 4

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_NUMBER_AT: Final = 0  # struct seccomp_data
_ARCHITECTURE_AT: Final = 4
_THIRD_ARGUMENT_AT: Final = 32


class _Machine(NamedTuple):
    """The numbers of system calls: what computing takes, what maps memory (allowed unless it is to
    be executed), and what starting a process, limiting it and waiting for it takes besides.
    """

    architecture: int
    computing: tuple[int, ...]
    mapping: tuple[int, ...]
    parting: tuple[int, ...]


# read write close fstat lseek munmap brk rt_sigaction rt_sigprocmask rt_sigreturn readv writev
# sched_yield mremap madvise getpid exit getuid getgid geteuid getegid sigaltstack gettid futex
# clock_gettime clock_getres exit_group getrandom getrusage restart_syscall sysinfo
# · mmap mprotect · clone clone3 wait4 pipe2 prlimit64 setitimer prctl set_robust_list rseq fcntl
# newfstatat landlock_create_ruleset landlock_restrict_self
_X86_64: Final = _Machine(
    0xC000_003E,
    (
        *(0, 1, 3, 5, 8, 11, 12, 13, 14, 15, 19, 20, 24, 25, 28, 39, 60, 102, 104, 107, 108, 131),
        *(186, 202, 228, 229, 231, 318, 98, 219, 99),
    ),
    (9, 10),
    (56, 435, 61, 293, 302, 38, 160, 157, 273, 334, 72, 262, 444, 446),
)
_ARM64: Final = _Machine(
    0xC000_00B7,
    (
        *(63, 64, 57, 80, 62, 215, 214, 134, 135, 139, 65, 66, 124, 216, 233, 172, 93, 174, 176),
        *(175, 177, 132, 178, 98, 113, 114, 94, 278, 165, 128, 179),
    ),
    (222, 226),
    (220, 435, 260, 59, 261, 103, 167, 99, 293, 25, 79, 444, 446),
)
_MACHINES: Final = {"x86_64": _X86_64, "aarch64": _ARM64}


def confine_reader() -> tuple[str, ...]:
    """Of the process that starts one for each document: the most of it that is in force for all of
    them, in words. It may still start processes and bound them.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    done = ["memory, processor time and file size limited"]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        version = _landlock(libc)
        if version:
            done.append(f"no file by Landlock {version}")
        if _seccomp(libc, parting=True):
            done.append("no file, network or program by seccomp")
    return tuple(done)


def confine_document(limits: Limits) -> None:
    """Of the process that reads one document: its limits, which it cannot take off again."""
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s))
    with contextlib.suppress(ValueError, OSError):  # macOS does not bound address space
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    # Whoever waits ends it sooner; this is for when nobody is there any more.
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s + 1)
    if sys.platform == "linux":
        _seccomp(ctypes.CDLL(None), parting=False)


def _landlock(libc: ctypes.CDLL) -> int:
    """Allows nothing of what the kernel's Landlock can deny; its version, 0 where there is none."""
    version: int = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if version < 1:
        return 0
    rights = (13, 14, 15, 15, 16)[min(version, 5) - 1]  # of the file system, so many by version
    network = 3 if version >= 4 else 0  # bind and connect
    scope = 3 if version >= 6 else 0  # abstract sockets, signals to others
    size = 8 if version < 4 else 16 if version < 6 else 24
    attributes = struct.pack("QQQ", (1 << rights) - 1, network, scope)[:size]
    ruleset: int = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, size, 0)
    if ruleset < 0:
        return 0
    denied: int = libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return version if denied == 0 else 0


def _seccomp(libc: ctypes.CDLL, *, parting: bool) -> bool:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    filters = _filter(machine, machine.computing + (machine.parting if parting else ()))
    code = ctypes.create_string_buffer(filters)
    # struct sock_fprog: the number of instructions, and where they are.
    program = struct.pack("HxxxxxxQ", len(filters) // 8, ctypes.addressof(code))
    done: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)
    return done == 0


def _filter(machine: _Machine, allowed: tuple[int, ...]) -> bytes:
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, machine.architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for number in machine.mapping:
        lines += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD_ARGUMENT_AT),
            (_ANY_BIT, 0, 1, _PROT_EXEC),
            (_RETURN, 0, 0, _EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ]
    for number in allowed:
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    lines.append((_RETURN, 0, 0, _EPERM))
    return b"".join(struct.pack("HBBI", *line) for line in lines)
