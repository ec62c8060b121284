"""What the benchmark counts belongs to a process and to all that it started."""

import os
import select
import subprocess
import sys

import pytest

from bench.processes import cpu_s, free_port, listening, resident_bytes, running, tree

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""


def test_children_are_found_counted_and_held() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            assert list(tree(parent.pid)) == [parent.pid, child]
            both, alone = resident_bytes(parent.pid), resident_bytes(child)
            assert both > alone > 0
            assert cpu_s((parent.pid,)) >= cpu_s((child,))
        finally:
            os.kill(child, 9)
            parent.kill()


async def test_what_a_process_started_ends_with_it() -> None:
    port = free_port()
    serving = (
        f"import http.server as s; s.HTTPServer(('127.0.0.1', {port}), s.BaseHTTPRequestHandler)"
    )
    shell = f'{sys.executable} -c "{serving}.serve_forever()" & wait'
    async with listening(port, "sh", "-c", shell) as pid:
        parent, child = tree(pid)
        assert parent == pid
        watched = os.pidfd_open(child)
    # Readable once the process has ended (pidfd_open(2)).
    waiting = select.poll()
    waiting.register(watched, select.POLLIN)
    assert waiting.poll(10_000)
    os.close(watched)


async def test_who_does_not_start_is_named() -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        async with running("-c", ""):
            pytest.fail("it said nothing")
    with pytest.raises(RuntimeError, match="did not start"):
        async with listening(free_port(), "false"):
            pytest.fail("it is gone")
