"""Sinks as their makers document them, over real sockets: what they took, and how they fail."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from tests.support.web import Answer, Asked, Page, Web, document

JSON = dict[str, Any]


class Cut(Exception):
    """Ends a connection after the request was taken, without an answer."""


class Faults:
    """What goes wrong, in order, before all goes well: statuses, or pages of their own."""

    def __init__(self, *faults: int | Page, **headers: str) -> None:
        self.left = list(faults)
        self._headers = headers

    def __call__(self, asked: Asked) -> Answer | None:
        if not self.left:
            return None
        fault = self.left.pop(0)
        if isinstance(fault, int):
            return Answer(fault, b"", dict(self._headers))
        return fault(asked)


class Taking:
    """Whatever takes events by their ids: how often each arrived, and what it last was.

    `poison` are ids with which it takes nothing, at the status of `refuses`.
    """

    def __init__(self, web: Web, path: str, *, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.poison: set[str] = set()
        self.refuses = 400
        self.cut_after = 0
        self.arrived: Counter[str] = Counter()
        self.events: dict[str, JSON] = {}
        self.asked: list[Asked] = []
        web.pages[path] = self.page

    def page(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if (fault := self.faults(asked)) is not None:
            return fault
        found = self.read(asked.body)
        if not self.poison.isdisjoint(found):
            return document({"error": "malformed"}, self.refuses)
        self.take(found)
        if self.cut_after:
            self.cut_after -= 1
            raise Cut
        return self.answer(asked)

    def take(self, found: dict[str, JSON]) -> None:
        self.arrived.update(found.keys())
        self.events |= found

    def read(self, body: bytes) -> dict[str, JSON]:
        """The events of a request, by their ids: of a JSON array of OCSF events, unless told."""
        return {event["metadata"]["uid"]: event for event in json.loads(body)}

    def answer(self, asked: Asked) -> Answer:
        del asked
        return document({}, 200)


class FakeDatadog(Taking):
    """Logs intake v2: 202, and limits."""

    def read(self, body: bytes) -> dict[str, JSON]:
        found = json.loads(body)
        assert len(found) <= 1000
        assert len(body) <= 5_000_000
        return {event["evt"]["id"]: event for event in found}

    def answer(self, asked: Asked) -> Answer:
        return document({}, 202 if asked.headers["dd-api-key"] == "key-1" else 403)


class FakeEvents(Taking):
    """A webhook of CloudEvents, in batches or alone."""

    def read(self, body: bytes) -> dict[str, JSON]:
        found = json.loads(body)
        return {one["id"]: one for one in (found if isinstance(found, list) else [found])}


class FakeElastic(Taking):
    """`_bulk` into a data stream: each item has an answer; an `_id` is there once."""

    def __init__(self, web: Web, **more: Any) -> None:
        super().__init__(web, "/_bulk", **more)
        self.busy: Counter[str] = Counter()
        """How often an item is told that there is no room."""

    def page(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if (fault := self.faults(asked)) is not None:
            return fault
        lines = [json.loads(line) for line in asked.body.splitlines()]
        items: list[JSON] = []
        for action, event in zip(lines[::2], lines[1::2], strict=True):
            assert action["create"]["_index"].startswith("logs-")
            items.append({"create": {"status": self._one(action["create"]["_id"], event)}})
        if self.cut_after:
            self.cut_after -= 1
            raise Cut
        return document({"errors": True, "items": items})

    def _one(self, name: str, event: JSON) -> int:
        if name in self.poison:
            return 400
        if self.busy[name] > 0:
            self.busy[name] -= 1
            return 429
        self.arrived[name] += 1
        if name in self.events:
            return 409
        self.events[name] = event
        return 201


class FakeSplunk(Taking):
    """The HTTP event collector with acknowledgements; `lose` batches are never acknowledged."""

    def __init__(self, web: Web, **more: Any) -> None:
        super().__init__(web, "/services/collector/event", **more)
        self.lose = 0
        self._number = 0
        self._held: set[int] = set()
        web.pages["/services/collector/ack"] = self._acks

    def read(self, body: bytes) -> dict[str, JSON]:
        decoder, text, at = json.JSONDecoder(), body.decode(), 0
        found: dict[str, JSON] = {}
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            found[event["fields"]["id"]] = event
        return found

    def answer(self, asked: Asked) -> Answer:
        if asked.headers["authorization"] != "Splunk token-1":
            return document({"text": "Invalid token", "code": 4}, 403)
        assert len(asked.headers["x-splunk-request-channel"]) == 36
        self._number += 1
        if self.lose:
            self.lose -= 1
            self._held.add(self._number)
        return document({"text": "Success", "code": 0, "ackId": self._number})

    def _acks(self, asked: Asked) -> Answer:
        numbers = json.loads(asked.body)["acks"]
        return document({"acks": {str(n): n not in self._held for n in numbers}})


class FakeSyslog:
    """Takes frames of RFC 6587 from one connection after the other; `resets` of them it cuts."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        self.resets = 0
        self.messages: list[bytes] = []
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            with plain:
                if self.resets:
                    self.resets -= 1
                    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    continue
                if self._tls is None:
                    self._take(plain.recv)
                    continue
                try:
                    with self._tls.wrap_socket(plain, server_side=True) as sock:
                        self._take(sock.recv)
                        sock.unwrap()
                except OSError:
                    continue

    def _take(self, recv: Callable[[int], bytes]) -> None:
        data = b""
        while chunk := recv(65_536):
            data += chunk
        while data:
            length, _, rest = data.partition(b" ")
            self.messages.append(rest[: int(length)])
            data = rest[int(length) :]


@contextmanager
def syslog(tls: ssl.SSLContext | None = None) -> Generator[FakeSyslog]:
    server = FakeSyslog(tls)
    try:
        yield server
    finally:
        server.close()
