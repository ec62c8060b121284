"""OpenBao, running in memory."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError

from tests.e2e.parts import secrets_server
from tests.support.installation import HOST, free_port

_ROOT: Final = "root-of-this-test-alone"


class OpenBao:
    """A server that holds nothing."""

    def __init__(self, url: str) -> None:
        self._url = url

    def write(self, path: str, **values: Any) -> None:
        """Configures it."""
        status, body = self.post(path, values, token=_ROOT)
        assert status < 300, body

    def post(self, path: str, body: object, *, token: str = "") -> tuple[int, Any]:
        """Status and answer of a request, as anybody unless there is a token."""
        request = urllib.request.Request(  # noqa: S310  a URL of the test's own
            f"{self._url}/v1/{path}", json.dumps(body).encode(), {"X-Vault-Token": token}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except HTTPError as error:
            return error.code, json.loads(error.read() or b"null")


@contextmanager
def openbao(home: Path) -> Generator[OpenBao]:
    """Runs it until the context ends."""
    address = f"{HOST}:{free_port()}"
    process = subprocess.Popen(
        [
            *secrets_server().required().command,
            "server",
            "-dev",
            "-dev-no-store-token",
            f"-dev-root-token-id={_ROOT}",
            f"-dev-listen-address={address}",
            "-log-level=error",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )
    try:
        assert process.stdout is not None
        assert any(b"server started" in line for line in process.stdout)
        yield OpenBao(f"http://{address}")
    finally:
        process.terminate()
        process.communicate()
