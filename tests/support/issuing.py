"""`safeconduct identity serve` as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 30.0


class Issuer:
    """A running `identity serve`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "workload.sock"
        self.url = f"unix://{self.socket}"
        self.said = directory / "said"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The one that was started last."""
        assert self._process is not None
        return self._process

    @contextmanager
    def running(self, *, stderr: int | None = None) -> Generator[Issuer]:
        """Until the end of the block. What it says goes to the file `said`, if nowhere else."""
        command = [sys.executable, "-m", "safeconduct", "identity", "serve"]
        arguments = ["--config", str(self.directory), "--socket", str(self.socket)]
        with (
            self.said.open("wb") as said,
            subprocess.Popen(
                [*command, *arguments], stdout=subprocess.PIPE, stderr=stderr or said
            ) as served,
        ):
            assert served.stdout is not None
            assert (
                served.stdout.readline() == f"ready: SPIFFE_ENDPOINT_SOCKET={self.url}\n".encode()
            )
            self._process = served
            try:
                yield self
            finally:
                served.terminate()
                served.wait(PATIENCE_S)
