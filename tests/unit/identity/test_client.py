from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.entrypoints.oauth import parse_form, token_endpoint
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.identity.client import NotStarted, StartedTask, proof, start_task
from safeconduct.identity.dev import DevIdentityRefused
from safeconduct.ports import Caller
from tests.support.parties import BOB, Parties, configuration
from tests.support.worlds import AGENT, SCOPES, USER

Answer = Callable[[bytes, str], tuple[int, bytes]]


@contextmanager
def served(answer: Answer) -> Generator[str]:
    """The URL of a server that answers every POST with a function of body and proof."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, told = answer(body, self.headers["DPoP"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _always(status: int, body: bytes, _form: bytes, _proof: str) -> tuple[int, bytes]:
    return status, body


def at(config: Config, issuer: str) -> Config:
    """The configuration of a gateway with this issuer."""
    gateway = replace(config.root.gateway, issuer=issuer)
    return replace(config, root=replace(config.root, gateway=gateway))


@pytest.fixture
def parties(tmp_path: Path) -> Generator[Parties]:
    """A token service that listens."""
    holder: list[Parties] = []

    def answer(body: bytes, dpop: str) -> tuple[int, bytes]:
        there = holder[0]
        there.now_ms = time.time_ns() // 1_000_000
        caller = Caller(
            http_method="POST",
            url=f"{there.config.root.gateway.issuer}/oauth/token",
            authorization=None,
            dpop=(dpop,),
        )
        status, _, told = asyncio.run(
            token_endpoint(there.exchange, parse_form(body), caller, Refusals(lambda: 0))
        )
        return status, orjson.dumps(told)

    with served(answer) as url:
        holder.append(Parties(tmp_path, at(configuration(tmp_path), url)))
        yield holder[0]


def start(config: Config, **changes: Any) -> StartedTask:
    given: dict[str, Any] = {
        "agent": AGENT,
        "user": USER,
        "profile": "triage",
        "purpose": "Answer case C-1",
        "source": "app",
        **changes,
    }
    return start_task(config, **given)


@pytest.mark.parametrize("source", ["user", "app", "agent"])
def test_a_task_starts_and_its_token_works(parties: Parties, source: str) -> None:
    started = start(parties.config, source=source)
    assert parties.ledger.records[-1]["purpose_source"] == source
    url = f"{parties.config.root.gateway.issuer}/mcp"
    caller = Caller(
        http_method="POST",
        url=url,
        authorization=f"DPoP {started.token}",
        dpop=(proof(started.key, "POST", f"{url}?x#y", started.token),),
    )
    bearer = parties.tokens.verify(caller, time.time_ns() // 1_000_000)
    assert (bearer.task, bearer.key) == (started.task, started.key.public.thumbprint)
    assert bearer.scopes == started.scopes == frozenset(SCOPES)


def test_scopes_are_asked_for(parties: Parties) -> None:
    assert start(parties.config, scopes=["case:read"]).scopes == {"case:read"}


def test_a_refusal_keeps_its_code(parties: Parties) -> None:
    with pytest.raises(NotStarted, match="unauthorized_client") as refused:
        start(parties.config, user=BOB, source="agent")
    assert refused.value.error == "unauthorized_client"


def test_needs_the_development_identity(tmp_path: Path) -> None:
    with pytest.raises(DevIdentityRefused):
        start(configuration(tmp_path, unsafe_dev_identity=False))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"access_token": 1}'])
def test_an_answer_that_makes_no_sense(tmp_path: Path, body: bytes) -> None:
    for status in (200, 500):
        with served(partial(_always, status, body)) as url:
            config = at(configuration(tmp_path), url)
            Parties(tmp_path, config)
            with pytest.raises(NotStarted, match="makes no sense"):
                start(config)


def test_nobody_listens(tmp_path: Path) -> None:
    with served(partial(_always, 200, b"")) as url:
        pass
    config = at(configuration(tmp_path), url)
    Parties(tmp_path, config)
    with pytest.raises(OSError, match="refused"):
        start(config)


def test_somebody_else_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"220 mail.example ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        config = at(configuration(tmp_path), f"http://127.0.0.1:{server.getsockname()[1]}")
        Parties(tmp_path, config)
        with pytest.raises(ConnectionError, match="BadStatusLine"):
            start(config)
        thread.join()
