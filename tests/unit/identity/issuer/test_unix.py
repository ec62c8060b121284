"""Who a process is: real processes of this machine, looked at while they run."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.config.workloads import Process, Workload
from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.issuer import unix
from safeconduct.identity.issuer.unix import Peer, UnixAttestor
from tests.support.svids import COPILOT, workload

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)

OTHER = "spiffe://crm.example/agents/other"
UID = os.geteuid()
SLEEP = Path(shutil.which("sleep") or "sleep")


@pytest.fixture
def configured(tmp_path: Path) -> Config:
    return load(workload(tmp_path / "gateway").directory)


def telling(configured: Config, **agents: Process) -> UnixAttestor:
    workloads = {
        {"copilot": COPILOT, "other": OTHER}[name]: Workload(unix=one)
        for name, one in agents.items()
    }
    known = {**configured.agents, OTHER: configured.agents[COPILOT]}
    root = replace(configured.root, workloads=workloads)
    return UnixAttestor(replace(configured, root=root, agents=known))


@contextmanager
def running(*command: object) -> Generator[Peer]:
    """A process, and the hold on it."""
    process = subprocess.Popen([str(one) for one in command], stdin=subprocess.DEVNULL)
    try:
        peer = Peer.numbered(process.pid)
        try:
            yield peer
        finally:
            peer.close()
    finally:
        process.kill()
        process.wait()


async def refusal(attestor: UnixAttestor, peer: Peer) -> str:
    with pytest.raises(NotAttested) as caught:
        await attestor.attest(peer)
    return str(caught.value)


async def test_user_and_group_tell_an_agent(configured: Config) -> None:
    with running(SLEEP, 60) as peer:
        assert await telling(configured, copilot=Process(uid=UID)).attest(peer) == COPILOT
        gid = os.getegid()
        assert await telling(configured, copilot=Process(gid=gid)).attest(peer) == COPILOT
        both = telling(configured, copilot=Process(uid=UID, gid=gid + 1))
        told = await refusal(both, peer)
        assert told == (f"the evidence holds, and stands for no workload (uid {UID}, gid {gid})")
        assert "no workload" in await refusal(
            telling(configured, copilot=Process(uid=UID + 1)), peer
        )


async def test_a_program_is_the_file_that_stands_at_its_path(
    configured: Config, tmp_path: Path
) -> None:
    program, link = tmp_path / "agent", tmp_path / "link"
    shutil.copy(SLEEP, program)
    link.symlink_to(program)
    by_path = telling(configured, copilot=Process(uid=UID, path=str(program)))
    by_link = telling(configured, copilot=Process(uid=UID, path=str(link)))
    with running(program, 60) as peer:
        assert await by_path.attest(peer) == COPILOT
        assert await by_link.attest(peer) == COPILOT
        # Another file of the same content in its place is not what runs.
        program.unlink()
        shutil.copy(SLEEP, program)
        assert "no workload" in await refusal(by_path, peer)
        program.unlink()
        assert "no workload" in await refusal(by_path, peer)
    with running(SLEEP, 60) as peer:
        assert "no workload" in await refusal(by_path, peer)


async def test_a_program_is_told_by_what_is_in_it(configured: Config, tmp_path: Path) -> None:
    program = tmp_path / "agent"
    shutil.copy(SLEEP, program)
    with program.open("ab") as file:
        file.write(b"\0" * 3_000_000)  # longer than one read
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    attestor = telling(configured, copilot=Process(uid=UID, sha256=digest))
    with running(program, 60) as peer:
        assert await attestor.attest(peer) == COPILOT
        # What runs counts, not what stands there by now.
        program.unlink()
        program.write_bytes(b"another")
        assert await attestor.attest(peer) == COPILOT
    with running(SLEEP, 60) as peer:
        assert "no workload" in await refusal(attestor, peer)


async def test_a_program_is_read_once(
    configured: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    digest: Callable[[int], str] = vars(unix)["_digest"]

    def counted(program: int) -> str:
        read.append(program)
        return digest(program)

    monkeypatch.setattr(unix, "_digest", counted)
    monkeypatch.setattr(unix, "_KEPT", 1)
    attestor = telling(configured, copilot=Process(uid=UID, sha256="0" * 64))
    program = tmp_path / "agent"
    shutil.copy(SLEEP, program)
    with running(SLEEP, 60) as one, running(program, 60) as two:
        for peer in (one, one, two, two, one):
            await refusal(attestor, peer)
    assert len(read) == 3  # only the last ones are kept


async def test_a_cgroup_tells_an_agent_by_its_whole_path(configured: Config) -> None:
    with running(SLEEP, 60) as peer:
        mine = unix.everything(peer).get("cgroup")
        if mine is None:
            pytest.skip("no cgroup v2 here")
        assert await telling(configured, copilot=Process(cgroup=mine)).attest(peer) == COPILOT
        for other in (mine + "x", mine + "/x", "/other"):
            attestor = telling(configured, copilot=Process(cgroup=other))
            assert "no workload" in await refusal(attestor, peer)


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        ("0::/system.slice/copilot.service\n", {"cgroup": "/system.slice/copilot.service"}),
        ("1:name=systemd:/x\n0::/y:z\n", {"cgroup": "/y:z"}),
        ("1:name=systemd:/x\n", {}),
        ("0::/../../elsewhere\n", {}),
    ],
)
async def test_only_a_path_of_cgroup_v2_in_our_view_counts(
    configured: Config, monkeypatch: pytest.MonkeyPatch, lines: str, seen: dict[str, str]
) -> None:
    with running(SLEEP, 60) as peer:
        monkeypatch.setattr(unix, "_lines", lambda pid, name: lines.splitlines())
        facts = await telling(configured, copilot=Process(uid=UID, cgroup="/x")).facts(peer)
    assert {name: value for name, value in facts.items() if name == "cgroup"} == seen


async def test_a_process_that_is_two_agents_is_none(configured: Config) -> None:
    attestor = telling(configured, copilot=Process(uid=UID), other=Process(gid=os.getegid()))
    with running(SLEEP, 60) as peer:
        assert "stands for 2 workloads" in await refusal(attestor, peer)


def ended() -> Peer:
    """The hold on a process that is no more."""
    process = subprocess.Popen([SLEEP, "60"])
    peer = Peer.numbered(process.pid)
    assert peer.lives()
    process.kill()
    process.wait()
    assert not peer.lives()
    return peer


async def test_nothing_is_said_of_a_process_that_has_ended(configured: Config) -> None:
    by_user = telling(configured, copilot=Process(uid=UID))
    by_path = telling(configured, copilot=Process(uid=UID, path=str(SLEEP)))
    peer = ended()
    assert await refusal(by_user, peer) == "the process has ended"
    assert "cannot be looked at" in await refusal(by_path, peer)
    peer.close()
    with pytest.raises(NotAttested, match=f"process {peer.pid}"):
        Peer.numbered(peer.pid)


async def test_who_may_not_look_is_told_what_to_do(
    configured: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(unix, "_opened", refused)
    with running(SLEEP, 60) as peer:
        attestor = telling(configured, copilot=Process(uid=UID, path=str(SLEEP)))
        assert "CAP_SYS_PTRACE" in await refusal(attestor, peer)
        assert set(unix.everything(peer)) <= {"uid", "gid", "cgroup"}


async def test_a_program_is_looked_at_only_for_an_entry_that_could_be_it(
    configured: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    digest: Callable[[int], str] = vars(unix)["_digest"]

    def counted(program: int) -> str:
        read.append(program)
        return digest(program)

    monkeypatch.setattr(unix, "_digest", counted)
    elsewhere = Process(uid=UID, path="/nowhere", sha256="0" * 64)
    with running(SLEEP, 60) as peer:
        told = await refusal(telling(configured, copilot=elsewhere), peer)
        assert told.endswith(f"(uid {UID}, gid {os.getegid()}, path none)")
        assert read == []

        def refused(_: int) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(unix, "_opened", refused)
        others = Process(uid=UID + 1, path=str(SLEEP), sha256="0" * 64)
        both = telling(configured, copilot=Process(uid=UID), other=others)
        assert await both.attest(peer) == COPILOT


def test_everything_that_an_entry_can_say_is_shown() -> None:
    with running(SLEEP, 60) as peer:
        seen = unix.everything(peer)
    assert (seen["uid"], seen["gid"]) == (str(UID), str(os.getegid()))
    assert Path(seen["path"]).samefile(SLEEP)
    assert seen["sha256"] == hashlib.sha256(SLEEP.read_bytes()).hexdigest()


CONNECT = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.recv(1)
"""


@contextmanager
def connected(path: Path) -> Generator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """Another process that opened a connection to us."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen([sys.executable, "-c", CONNECT, str(path)])
        try:
            connection, _ = listener.accept()
            with connection:
                yield process, connection
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("kernel", ["new", "old"])
def test_the_kernel_says_who_opened_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str
) -> None:
    if kernel == "old":
        monkeypatch.setattr(unix, "_SO_PEERPIDFD", 9999)
    with connected(tmp_path / "socket") as (process, connection):
        peer = Peer.of(connection)
        assert (peer.pid, peer.uid, peer.gid) == (process.pid, UID, os.getegid())
        assert str(peer) == f"pid {process.pid}, uid {UID}, gid {os.getegid()}"
        assert peer.lives()
        process.kill()
        process.wait()
        assert not peer.lives()
        peer.close()


def test_on_an_old_kernel_another_users_process_with_the_number_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix, "_SO_PEERPIDFD", 9999)
    monkeypatch.setattr(unix, "_effective", lambda pid: (UID + 1, os.getegid()))
    with (
        connected(tmp_path / "socket") as (_, connection),
        pytest.raises(NotAttested, match="another process has its number"),
    ):
        Peer.of(connection)


@pytest.mark.parametrize("kernel", ["new", "old"])
def test_who_went_away_is_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str
) -> None:
    if kernel == "old":
        monkeypatch.setattr(unix, "_SO_PEERPIDFD", 9999)
    with connected(tmp_path / "socket") as (process, connection):
        process.kill()
        process.wait()
        try:
            peer = Peer.of(connection)
        except NotAttested as fault:
            assert "cannot be held" in str(fault)  # noqa: PT017  kernels differ in when they say so
        else:
            assert not peer.lives()
            peer.close()


def test_a_process_that_is_not_seen_from_here_is_nobody() -> None:
    class Elsewhere:
        def getsockopt(self, *_: object) -> bytes:
            return bytes(12)

    with pytest.raises(NotAttested, match="PID namespace"):
        Peer.of(Elsewhere())  # type: ignore[arg-type]  # a peer that is none
