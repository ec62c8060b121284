"""Rules that others evaluate: Cerbos over AuthZEN, and Open Policy Agent over its REST API."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from examples.stage.company import Gateway, company

from safeconduct.demo.serving import free_port
from tests.e2e.parts import decision_point

pytestmark = pytest.mark.debian

CASE = {"case_id": "C-1"}
NOTE = {"case_id": "C-1", "text": "done"}
POLICY = """\
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: tool
  version: default
  rules:
    - actions: ["tools/call"]
      effect: EFFECT_ALLOW
      roles: ["*"]
      condition:
        match:
          all:
            of:
              - expr: request.resource.attr.effect == "read"
              - expr: request.resource.attr.upstream == "desk"
              - expr: request.principal.id == "jane@harbour.example"
"""


@contextmanager
def cerbos(directory: Path, port: int) -> Generator[None]:
    """Runs until the context ends."""
    policies = directory / "cerbos"
    policies.mkdir(exist_ok=True)
    (policies / "tool.yaml").write_text(POLICY, encoding="utf-8")
    settings = {
        "server.httpListenAddr": f"127.0.0.1:{port}",
        "server.grpcListenAddr": f"127.0.0.1:{free_port()}",
        "storage.driver": "disk",
        "storage.disk.directory": str(policies),
        "telemetry.disabled": "true",
    }
    command = [*decision_point().required().command, "server"]
    command += [f"--set={name}={value}" for name, value in settings.items()]
    with (directory / "cerbos.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/.well-known/authzen-configuration", process)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 our own machine
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the decision point does not start")


@contextmanager
def judged_by(header: str) -> Generator[Gateway]:
    """A company whose gateway asks somebody else."""
    with company("harbour.example") as (gateway,):
        policy = gateway.directory / "policy"
        shutil.rmtree(policy)
        policy.mkdir()
        (policy / "policy.yaml").write_text(header, encoding="utf-8")
        with gateway.running():
            yield gateway


def reason(answer: dict[str, object]) -> str:
    """Why a call was refused."""
    return str(answer["result"]["_meta"]["dev.safeconduct/refusal"]["reason"])  # type: ignore[index]


def test_cerbos_decides_and_without_it_nothing_is_permitted(tmp_path: Path) -> None:
    port = free_port()
    header = f"name: cerbos\nengine: authzen\nremote: {{url: 'http://127.0.0.1:{port}'}}\n"
    with judged_by(header) as gateway:
        with cerbos(tmp_path, port):
            task = gateway.begin(gateway.start())
            _, read = gateway.call(task, "desk__read_case", **CASE)
            assert not read["result"].get("isError"), read
            _, written = gateway.call(task, "desk__write_note", **NOTE)
            assert reason(written) == "policy-denied"
        _, refused = gateway.call(task, "desk__read_case", **CASE)
        assert reason(refused) == "policy-error"
        with cerbos(tmp_path, port):
            _, again = gateway.call(task, "desk__read_case", **CASE)
            assert not again["result"].get("isError"), again


def test_open_policy_agent_decides(tmp_path: Path) -> None:
    if importlib.util.find_spec("opa_bindings") is None:
        pytest.skip("opa-golib-python-bindings is not installed: `make .venv/.oracle` does it")
    rules = tmp_path / "tools.rego"
    rules.write_text(
        "package agent.tools\n\nimport rego.v1\n\n"
        'permit contains {"id": "desk.read"} if input.call.tool == "desk.read_case"\n\n'
        'deny contains {"id": "desk.closed"} if input.facts.closed\n',
        encoding="utf-8",
    )
    server = [sys.executable, str(Path(__file__).parent / "opa_server.py"), str(rules)]
    with subprocess.Popen(server, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        url = f"http://127.0.0.1:{port}"
        head = "name: opa\nengine: opa\nentrypoint: agent.tools\n"
        try:
            with judged_by(f"{head}remote: {{url: '{url}'}}\n") as gateway:
                task = gateway.begin(gateway.start())
                _, read = gateway.call(task, "desk__read_case", **CASE)
                assert not read["result"].get("isError"), read
                _, written = gateway.call(task, "desk__write_note", **NOTE)
                assert reason(written) == "policy-denied"
        finally:
            process.terminate()
