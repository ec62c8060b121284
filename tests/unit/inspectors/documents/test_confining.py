"""What is left to a process that reads a document: each thing is tried in one."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux'")

TRIED = """
import ctypes, mmap, os, resource, signal, socket, sys
from safeconduct.inspectors.documents import confining
from safeconduct.inspectors.documents.limits import Limits
{also}
said = confining.confine_reader()
if "{whom}" == "document":
    confining.confine_document(Limits(cpu_s=3, wall_s=50.0, memory_bytes=300 * 1024 * 1024))
def tried():
    {tried}
try:
    tried()
except (OSError, MemoryError, ValueError) as error:
    os.write(1, f"{{type(error).__name__}} {{getattr(error, 'errno', '')}}".encode())
else:
    os.write(1, b"done")
"""


def outcome(tried: str, *, whom: str = "document", also: str = "") -> str:
    made = subprocess.run(
        [sys.executable, "-c", TRIED.format(tried=tried, whom=whom, also=also)],
        capture_output=True,
        check=False,
        timeout=30,
    )
    return made.stdout.decode() or f"ended with {made.returncode}"


@pytest.mark.parametrize(
    "tried",
    [
        "os.open('/etc/passwd', os.O_RDONLY)",
        "os.open('/tmp/x', os.O_WRONLY | os.O_CREAT)",
        "os.listdir('/')",
        "os.stat('/etc/passwd')",
        "os.readlink('/proc/self/exe')",
        "socket.socket(socket.AF_INET)",
        "socket.socket(socket.AF_UNIX)",
        "os.execv('/bin/true', ['true'])",
        "os.fork()",
        "os.kill(os.getppid(), 0)",
        "os.memfd_create('x')",
        "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    ],
)
def test_what_reads_a_document_reaches_nothing(tried: str) -> None:
    assert outcome(tried) == "PermissionError 1"


def test_it_cannot_take_its_limits_off() -> None:
    assert outcome("resource.setrlimit(resource.RLIMIT_CPU, (9, 9))") == "ValueError "
    assert outcome("signal.setitimer(signal.ITIMER_REAL, 0)") == "itimer_error 1"


@pytest.mark.parametrize(
    "tried",
    [
        "os.open('/etc/passwd', os.O_RDONLY)",
        "socket.socket(socket.AF_INET)",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
    ],
)
def test_what_starts_it_reaches_no_more_than_that(tried: str) -> None:
    assert outcome(tried, whom="reader") == "PermissionError 1"


def test_landlock_alone_denies_files() -> None:
    """The filter comes second: with it left out, nothing can be opened either."""
    also = "confining._seccomp = lambda *_, **__: False"
    for tried in ("os.open('/etc/passwd', os.O_RDONLY)", "os.listdir('/')"):
        assert outcome(tried, also=also) == "PermissionError 13"


def test_it_can_compute_and_write_what_it_was_given_to() -> None:
    assert outcome("mmap.mmap(-1, 4096); os.write(2, b'x'); ' '.join(map(str, range(99999)))") == (
        "done"
    )


def test_its_memory_and_its_time_are_bounded() -> None:
    assert outcome("bytearray(400 * 1024 * 1024)") == "MemoryError "
    assert outcome("while True: pass") == "ended with -9"


def test_what_is_in_force_is_said() -> None:
    made = outcome("os.write(1, '; '.join(said).encode())")
    assert made.startswith("memory, processor time and file size limited; no file by Landlock ")
    assert "no file, network or program by seccomp" in made
    none = outcome(
        "os.write(1, '; '.join(said).encode())",
        also="confining._MACHINES = {}; confining._landlock = lambda _: 0",
    )
    assert none == "memory, processor time and file size limiteddone"
