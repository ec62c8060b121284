"""Clients that others wrote, in front of a gateway: they list, call and are refused unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from typing import Any

import msgspec
import pytest

from conformance.shim import Shim
from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.identity.client import proof
from tests.e2e import servers, workshop
from tests.e2e.parts import AGES, VENV, Part, npm_client, npm_server, python_client
from tests.e2e.servers import NAMES
from tests.support.installation import HOST, Gateway, free_port, running
from tests.support.threads import in_a_thread

pytestmark = pytest.mark.timeout(120)

PURPOSE = "Try the tools."

PLAYED = {
    "sdk": (npm_client("sdk"), {"legacy": HANDSHAKE}),
    "client": (npm_client("client"), {"legacy": HANDSHAKE, "auto": MODERN, "modern": MODERN}),
    "mcp": (
        python_client("mcp", "dev", VENV),
        {"legacy": HANDSHAKE, "auto": MODERN, "modern": MODERN},
    ),
    "fastmcp": (
        python_client("fastmcp", "bench", VENV / "rivals"),
        {"legacy": HANDSHAKE, "auto": MODERN, "modern": MODERN},
    ),
}
"""By client, how it can be told to begin, and the revision that it then agrees on."""

EXPECTED = [
    pytest.param(part, mode, revision, id=f"{name}-{mode}")
    for name, (part, modes) in PLAYED.items()
    for mode, revision in modes.items()
]

LONG = NAMES["new"]["long"]
CALLS: list[dict[str, Any]] = [
    {"name": "everything-new__echo", "arguments": {"message": "grüß"}},
    {"name": f"everything-new__{LONG}", "arguments": {"duration": 0.6, "steps": 3}},
    {"name": "files-new__write_file", "arguments": {"path": "/etc/note", "content": "x"}},
    {"name": "everything-new__get-env", "arguments": {}},
]


def played(part: Part, errand: dict[str, Any]) -> dict[str, Any]:
    """What a client says that it has seen."""
    command = [*part.required().command, json.dumps(errand)]
    environment = os.environ | {"NO_PROXY": HOST, "no_proxy": HOST}
    process = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert process.returncode == 0, process.stderr.decode()
    found: dict[str, Any] = json.loads(process.stdout)
    return found


def nothing(_method: str, _target: str) -> bytes:
    return b""


class Front(msgspec.Struct, frozen=True):
    """The gateway, and the relay through which clients reach it."""

    gateway: Gateway
    shim: Shim

    def prove(self) -> None:
        """Starts a task, and lets the relay show its token and prove whose it is."""
        self.shim.lines = nothing  # starting a task proves for itself
        task = workshop.started(self.gateway, PURPOSE)

        def lines(method: str, target: str) -> bytes:
            signed = proof(task.key, method, self.gateway.issuer + target, task.token)
            return f"Authorization: DPoP {task.token}\r\nDPoP: {signed}\r\n".encode("ascii")

        self.shim.lines = lines


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Generator[Front]:
    for age in AGES:
        for name in ("everything", "filesystem"):
            npm_server(name, age).required()
    directory = tmp_path_factory.mktemp("front")
    root = directory / "root"
    root.mkdir()
    upstreams = [servers.everything("new"), servers.filesystem("new", root)]
    upstreams += [servers.asking(age) for age in AGES]
    listen = free_port()
    shim = Shim(HOST, listen)
    with (
        workshop.everything_over_http("new", directory / "everything.log") as there,
        in_a_thread(shim.listening()) as port,
    ):
        upstreams.append(servers.asking("new", there))
        manifests = workshop.reviewed(upstreams)
        config = workshop.install(
            directory / "gateway",
            upstreams,
            manifests,
            listen=listen,
            issuer=f"http://{HOST}:{port}",
        )
        with running(config) as gateway:
            yield Front(gateway, shim)
            gateway.verified()


def check(answer: dict[str, Any], revision: str) -> None:
    assert answer["revision"] == revision
    assert {"everything-new__echo", "files-new__write_file"} <= set(answer["tools"])
    assert "everything-new__get-env" not in answer["tools"]
    echo, long, refused, unknown = answer["results"]
    assert echo == {
        "text": "Echo: grüß",
        "structured": None,
        "is_error": False,
        "reason": None,
    }
    assert "completed" in long["text"]
    # A client may drop what it reads together with the answer.
    assert answer["progress"] in ([1], [1, 2], [1, 2, 3])
    assert (refused["is_error"], refused["reason"]) == (True, "destination-not-allowed")
    assert unknown == {"error": -32602}


@pytest.mark.parametrize(("part", "mode", "revision"), EXPECTED)
def test_a_client_calls_over_streamable_http(
    front: Front, part: Part, mode: str, revision: str
) -> None:
    """They cannot prove that a token is theirs, so a relay adds the proof, and nothing else."""
    front.prove()
    url = f"{front.gateway.issuer}/mcp"
    check(played(part, {"url": url, "mode": mode, "calls": CALLS}), revision)


@pytest.mark.parametrize(("part", "mode", "revision"), EXPECTED)
def test_a_client_calls_over_stdio(front: Front, part: Part, mode: str, revision: str) -> None:
    front.shim.lines = nothing  # `wrap` proves for itself
    config = front.gateway.config.directory
    wrap = (sys.executable, "-m", "safeconduct", "wrap", "--config", config, "--purpose", PURPOSE)
    check(played(part, {"command": wrap, "mode": mode, "calls": CALLS}), revision)


ASKS: list[dict[str, Any]] = [
    {"name": "asking-old__sampleLLM", "arguments": {"prompt": "Hello", "maxTokens": 9}},
    {"name": "asking-old__startElicitation", "arguments": {}},
    {
        "name": "asking-new__trigger-sampling-request",
        "arguments": {"prompt": "Hello", "maxTokens": 9},
    },
    {
        "name": "asking-http-new__trigger-sampling-request",
        "arguments": {"prompt": "Hello", "maxTokens": 9},
    },
    {"name": "asking-new__trigger-url-elicitation", "arguments": {"url": servers.PAGE}},
    {"name": "asking-new__get-roots-list", "arguments": {}},
    # Its form has a field whose description speaks of a PIN.
    {"name": "asking-new__trigger-elicitation-request", "arguments": {}},
]


@pytest.mark.parametrize(("part", "mode", "revision"), EXPECTED)
def test_a_server_asks_and_a_client_answers(
    front: Front, part: Part, mode: str, revision: str
) -> None:
    front.prove()
    url = f"{front.gateway.issuer}/mcp"
    answer = played(part, {"url": url, "mode": mode, "calls": ASKS})
    assert answer["revision"] == revision
    old, filled, new, over_http, sent, roots, refused = answer["results"]
    assert all("sampled" in sampled["text"] for sampled in (old, new, over_http))
    assert "green" in filled["text"]
    assert "completed the URL elicitation" in sent["text"]
    assert "file:///errand" in roots["text"]
    assert refused["is_error"]
    assert answer["asked"].count("elicitation/create") == 2
