"""Who a process on this machine is (the attestor `unix`).

The kernel says who opened a connection: process, user and group as of that moment. The process is
held by a descriptor of its own, so that no other can take its number meanwhile and be looked at in
its place. What it runs and where is read from /proc. Only Linux has all of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import socket
import struct
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

import msgspec

from safeconduct.config.schema import Config
from safeconduct.config.workloads import Process
from safeconduct.identity.attestors.attested import NotAttested, Workloads

KIND: Final = "unix"

# Linux 6.5; not in Python's socket module yet.
_SO_PEERPIDFD: Final = 77
_CREDENTIALS: Final = struct.Struct("3i")
_CHUNK: Final = 1024 * 1024
_KEPT: Final = 64


class Peer:
    """The process at the other end of a connection."""

    def __init__(self, pid: int, uid: int, gid: int, descriptor: int) -> None:
        """Takes over the descriptor of the process (pidfd_open(2))."""
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self._descriptor = descriptor

    @classmethod
    def of(cls, connection: socket.socket) -> Self:
        """Who opened a connection on a Unix socket. Raises NotAttested."""
        pid, uid, gid = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        if pid == 0:
            raise NotAttested("the process is in a PID namespace that is not seen from here")
        try:
            return cls(pid, uid, gid, _held(connection, pid, uid, gid))
        except OSError as error:
            raise NotAttested(f"the process cannot be held: {error.strerror}") from None

    @classmethod
    def numbered(cls, pid: int) -> Self:
        """A process by its number, to look at what would be seen of it. Raises NotAttested."""
        try:
            descriptor = os.pidfd_open(pid)
        except OSError as error:
            raise NotAttested(f"process {pid}: {error.strerror}") from None
        try:
            return cls(pid, *_effective(pid), descriptor)
        except OSError as error:
            os.close(descriptor)
            raise NotAttested(f"process {pid}: {error.strerror}") from None

    def lives(self) -> bool:
        """Whether this very process still runs."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Lets go of the process."""
        os.close(self._descriptor)

    def __str__(self) -> str:
        return f"pid {self.pid}, uid {self.uid}, gid {self.gid}"


class UnixAttestor:
    """Tells processes of this machine by the `unix` entries under `workloads`."""

    def __init__(self, config: Config) -> None:
        self._workloads = Workloads(config, KIND)
        self._entries = [one.unix for one in config.root.workloads.values() if one.unix is not None]
        self._digests: OrderedDict[tuple[int, ...], str] = OrderedDict()

    async def attest(self, peer: Peer) -> str:
        """The one agent that this process is. Raises NotAttested."""
        facts = await self.facts(peer)
        try:
            return self._workloads.only(facts)
        except NotAttested as fault:
            seen = ", ".join(f"{name} {value}" for name, value in facts.items())
            raise NotAttested(f"{fault} ({seen})") from None

    async def facts(self, peer: Peer) -> dict[str, str]:
        """What is seen of a process, as far as an entry asks for it. Raises NotAttested."""
        facts = {"uid": str(peer.uid), "gid": str(peer.gid)}
        try:
            if any(entry.cgroup is not None for entry in self._entries):
                facts |= _cgroup(peer.pid)
            # A program is looked at for those entries alone whose user it could be: nobody else's
            # is our business, and reading a large one takes long.
            facts |= await self._program(peer, [one for one in self._entries if _fits(one, facts)])
        except PermissionError:
            raise NotAttested(
                "its program cannot be looked at; run the issuer as root or with CAP_SYS_PTRACE"
            ) from None
        except OSError as error:
            raise NotAttested(f"it cannot be looked at: {error.strerror}") from None
        # What was read is of this process only if it has not ended meanwhile.
        if not peer.lives():
            raise NotAttested("the process has ended")
        return facts

    async def _program(self, peer: Peer, entries: Sequence[Process]) -> dict[str, str]:
        """What is seen of the program, by the entries that ask for it. Raises OSError."""
        if all(one.path is None and one.sha256 is None for one in entries):
            return {}
        with _opened(peer.pid) as program:
            seen = _path(program, [one.path for one in entries if one.path is not None])
            if any(one.sha256 is not None and _fits(one, seen) for one in entries):
                seen["sha256"] = await self._sha256(program)
        return seen

    async def _sha256(self, program: int) -> str:
        seen = os.fstat(program)
        # Nobody but root can set the time of the last change.
        key = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
        if key not in self._digests:
            self._digests[key] = await asyncio.to_thread(_digest, program)
            if len(self._digests) > _KEPT:
                self._digests.popitem(last=False)
        return self._digests[key]


def _fits(entry: Process, facts: Mapping[str, str]) -> bool:
    """Whether nothing that is known by now speaks against an entry."""
    demanded = {
        name: value for name, value in msgspec.structs.asdict(entry).items() if value is not None
    }
    return all(str(demanded.get(name, value)) == value for name, value in facts.items())


def _path(program: int, paths: Sequence[str]) -> dict[str, str]:
    """The path at which this very file stands now, of those that entries name, or `none`.

    The name that /proc gives is one inside of the process's own mounts, which it may choose.
    """
    running = os.fstat(program)
    for path in paths:
        with suppress(OSError):
            if os.path.samestat(Path(path).stat(), running):
                return {"path": path}
    return {"path": "none"}


def everything(peer: Peer) -> dict[str, str]:
    """All that an entry could say of a process, under the names of the entry's keys; of a program
    that cannot be looked at nothing is said.

    Raises OSError: there is no such process any more.
    """
    seen = {"uid": str(peer.uid), "gid": str(peer.gid), **_cgroup(peer.pid)}
    with suppress(PermissionError), _opened(peer.pid) as program:
        seen["path"] = str(Path(f"/proc/{peer.pid}/exe").readlink())
        seen["sha256"] = _digest(program)
    return seen


def _held(connection: socket.socket, pid: int, uid: int, gid: int) -> int:
    """A descriptor of the process that opened a connection. Raises OSError, NotAttested."""
    try:
        return connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError:
        descriptor = os.pidfd_open(pid)
    # An older kernel. Between connecting and now the number may have gone to another process: one
    # of another user or group is told by that, one of the same is no other principal's.
    with suppress(OSError):
        if (uid, gid) == _effective(pid):
            return descriptor
    os.close(descriptor)
    raise NotAttested("another process has its number")


def _effective(pid: int) -> tuple[int, int]:
    """Effective user and group of a process. Raises OSError."""
    # The name, then four ids: real, effective, saved, of the file system (proc(5)).
    ids = dict(line.split()[:3:2] for line in _lines(pid, "status") if line[:4] in {"Uid:", "Gid:"})
    return int(ids["Uid:"]), int(ids["Gid:"])


def _cgroup(pid: int) -> dict[str, str]:
    """The path in cgroup v2 (cgroups(7)); one that leads out of our own view is none."""
    for line in _lines(pid, "cgroup"):
        number, _, path = line.split(":", 2)
        if number == "0" and ".." not in path.split("/"):
            return {"cgroup": path}
    return {}


def _lines(pid: int, name: str) -> list[str]:
    text = Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="surrogateescape")
    return text.splitlines()


@contextmanager
def _opened(pid: int) -> Generator[int]:
    """The file that a process runs, whatever stands at its path by now."""
    descriptor = os.open(f"/proc/{pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _digest(program: int) -> str:
    digest, at = hashlib.sha256(), 0
    while chunk := os.pread(program, _CHUNK, at):
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()
