"""When a program of `make conformance` counts as started."""

import sys
from pathlib import Path

import pytest

from conformance.processes import Command, free_port, serving

LISTENS = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    for _ in range(3):
        listener.accept()[0].close()
    print("ready: at last", flush=True)
    while True:
        listener.accept()[0].close()
"""


async def test_a_server_that_listens_before_it_is_ready_is_waited_for(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    command: Command = [sys.executable, "-c", LISTENS, str(port)]
    async with serving(command, port, log, says="ready: ") as process:
        assert log.read_text() == "ready: at last\n"
        assert process.returncode is None
    assert process.returncode is not None


async def test_a_server_that_ends_before_it_listens_says_why(tmp_path: Path) -> None:
    command: Command = [sys.executable, "-c", "raise SystemExit('no such file')"]
    with pytest.raises(RuntimeError, match="no such file"):
        async with serving(command, free_port(), tmp_path / "log"):
            pytest.fail("it does not listen")
