"""A server between a browser and the console that lies about some of what it passes on."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

from safeconduct.audit import notes
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.notes import Note, Signer
from safeconduct.audit.tiles import HEIGHT, WIDTH, fold
from safeconduct.core.merkle import Tree, leaf_hash
from tests.support.installation import HOST

Lie = Callable[[str, bytes], bytes]
"""What is passed on instead: of a path, and of what was really answered."""

_TILE: Final = re.compile(r"/log/tile/(\d+)/(\d{3})(?:\.p/(\d+))?")
_PASSED: Final = ("content-type", "location", "set-cookie", "content-security-policy")


def honest(_: str, body: bytes) -> bytes:
    """Everything as it is."""
    return body


class Liar:
    """Passes requests on to a port of this machine."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.lie: Lie = honest

    def passed(self, handler: BaseHTTPRequestHandler) -> None:
        """One request, and what becomes of it."""
        body = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        connection = http.client.HTTPConnection(HOST, self.to, timeout=30)
        try:
            headers = dict(handler.headers.items())
            connection.request(handler.command, handler.path, body, headers)
            response = connection.getresponse()
            told = response.read()
        finally:
            connection.close()
        said = self.lie(handler.path, told)
        handler.send_response(response.status if said == told else http.client.OK)
        for name, value in response.getheaders():
            if name.lower() in _PASSED:
                handler.send_header(name, value)
        handler.send_header("content-length", str(len(said)))
        handler.end_headers()
        handler.wfile.write(said)


@contextmanager
def lying(port: int, to: int) -> Generator[Liar]:
    """One that listens on a port."""
    liar = Liar(to)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            liar.passed(self)

        do_POST = do_GET  # noqa: N815  what http.server calls it

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    with Server((HOST, port), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield liar
        finally:
            server.shutdown()
            thread.join()


def flipped(body: bytes, at: int = 40) -> bytes:
    """One bit is another."""
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


class Fork:
    """Another history, whole in itself and signed."""

    def __init__(self, entries: Sequence[bytes], origin: str, signer: Signer) -> None:
        tree = Tree()
        tree.extend(entries)
        text = Checkpoint(origin, tree.size, tree.root()).text()
        self.note = str(Note(text, (notes.sign(text, signer),))).encode()
        self._rows = [[leaf_hash(entry) for entry in entries]]
        while len(self._rows[-1]) >= WIDTH:
            row = self._rows[-1]
            starts = range(0, len(row) - WIDTH + 1, WIDTH)
            self._rows.append([fold(row[at : at + WIDTH]) for at in starts])

    def __call__(self, path: str, body: bytes) -> bytes:
        """Its checkpoint and its tiles instead of the true ones."""
        if path == "/log/checkpoint":
            return self.note
        if (found := _TILE.fullmatch(path)) is None:
            return body
        start = int(found[2]) << HEIGHT
        return b"".join(self._rows[int(found[1])][start : start + int(found[3] or WIDTH)])
