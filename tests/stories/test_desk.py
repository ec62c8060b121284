"""The toy server and client of the five minutes say in one line what is wrong with their use."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from safeconduct.demo.serving import HOST, free_port
from safeconduct.kit.jwk import PrivateKey
from tests.support.pages import ROOT


def _desk(program: str, *words: str, gateway: str = "http://127.0.0.1:1") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", f"examples.desk.{program}", *words],
        cwd=ROOT,
        env=os.environ | {"GATEWAY": gateway},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


@pytest.fixture
def task(tmp_path: Path) -> str:
    """The file of a task that no gateway knows."""
    key = tmp_path / "task.jwk"
    key.touch(mode=0o600)
    key.write_text(json.dumps(PrivateKey.generate().jwk()))
    file = tmp_path / "task.json"
    file.write_text(json.dumps({"token": "x", "key_file": str(key)}))
    return str(file)


@pytest.mark.parametrize("words", [[], ["task.json"], ["task.json", "crm__get_case", "C-1"]])
def test_wrong_arguments_are_answered_with_the_usage(words: list[str]) -> None:
    code, said = _desk("agent", *words)
    assert (code, said.split(":")[0]) == (2, "usage")


@pytest.mark.parametrize("text", [None, "", "[]", "{}"])
def test_a_file_that_is_no_task_is_named(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    if text is not None:
        file.write_text(text)
    code, said = _desk("agent", str(file), "crm__get_case")
    assert code == 3
    assert said.startswith(f"{file} is not what `safeconduct task start --format json` prints")


def test_a_gateway_that_is_down_is_named(task: str) -> None:
    gateway = f"http://{HOST}:{free_port()}"
    code, said = _desk("agent", task, "crm__get_case", gateway=gateway)
    assert (code, said) == (
        3,
        (
            f"no gateway answers at {gateway}; start it with `safeconduct serve`, or name another "
            "by the environment variable GATEWAY\n"
        ),
    )


def test_a_server_whose_port_is_taken_says_so() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        code, said = _desk("server", str(port))
    assert (code, said) == (1, f"{HOST}:{port} is taken: is a desk running already?\n")
