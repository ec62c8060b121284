"""An object store with S3 Object Lock, as somebody else wrote it: moto's server.

It keeps a lock against deletion and replacement, and checks `If-None-Match`. It lets the date of a
lock in mode COMPLIANCE be moved forward in time, which Amazon's does not: so what is shown with it
is what we ask for, not what a store keeps.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event
from typing import Any, Final

import boto3
import pytest

from tests.e2e.parts import VENV
from tests.support.installation import HOST, free_port

SERVER: Final = VENV / "servers" / "bin" / "moto_server"
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_PATIENCE: Final = 200


@contextmanager
def served() -> Generator[str]:
    """Serves until the context ends, and yields where."""
    if not SERVER.exists():
        pytest.skip("moto is not installed: `make e2e` does it")
    port = free_port()
    command = [str(SERVER), "-H", HOST, "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://{HOST}:{port}"
            for _ in range(_PATIENCE):
                if _answers(port):
                    break
                Event().wait(0.1)
            yield url
        finally:
            process.terminate()


def bucket(url: str, name: str, *, locked: bool) -> Any:
    """Makes a bucket; the client that did."""
    client = boto3.client("s3", endpoint_url=url)
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked)
    return client


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
