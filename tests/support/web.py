"""A small web server that answers as a test says, and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import msgspec


class Asked(msgspec.Struct, frozen=True):
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as a form in which nothing stands twice."""
        fields = parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=True)
        assert all(len(values) == 1 for values in fields.values())
        return {name: values[0] for name, values in fields.items()}


class Answer(msgspec.Struct, frozen=True):
    """One response."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}


def document(value: object, status: int = 200, **headers: str) -> Answer:
    """A response with a JSON document."""
    fields = {"Content-Type": "application/json", **headers}
    return Answer(status, json.dumps(value).encode(), fields)


Page = Callable[[Asked], Answer]


def _published(answer: Answer, _: Asked) -> Answer:
    return answer


class Web:
    """The server: pages by path, which may be changed meanwhile."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []

    def publish(self, documents: Mapping[str, Any]) -> None:
        """Serves JSON documents by path."""
        for path, value in documents.items():
            self.pages[path] = partial(_published, document(value))

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(one.path.partition("?")[0] == path for one in self.asked)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Generator[Web]:
    """Serves from threads of its own, over TLS if there is a context for it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(length))
            web.asked.append(asked)
            page = web.pages.get(self.path.partition("?")[0])
            answer = Answer(404) if page is None else page(asked)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET  # noqa: N815  a name that http.server looks for

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Says nothing of who went away in the middle of an answer."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        web = Web(f"http{'' if tls is None else 's'}://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()
