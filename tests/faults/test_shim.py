"""The shim between a local client and a gateway, when either of them misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from safeconduct.identity import dpop
from safeconduct.identity.client import NotStarted, StartedTask
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey
from safeconduct.shim import carrier, message, relay
from safeconduct.shim.carrier import Carrier
from safeconduct.shim.passage import Passage
from safeconduct.shim.relay import Relay
from safeconduct.shim.stdio import Lines, Output
from tests.faults.upstream_servers import Handler, Raw, Request, raw_server

ISSUER = "http://gateway.example"
SHORT = 4096
"""The longest line here, in bytes."""

FOREVER_MS = 2**52
VERSION = "io.modelcontextprotocol/protocolVersion"


def started(expires_ms: int = FOREVER_MS) -> StartedTask:
    return StartedTask(
        task="t_1",
        token="token",
        key=PrivateKey.generate(),
        scopes=frozenset({"case:read"}),
        expires_ms=expires_ms,
    )


class Proof(msgspec.Struct):
    jti: str
    htm: str
    htu: str


class Shim:
    """A client of a shim: what it writes, what it reads, and what a person was told."""

    def __init__(self, raw: Raw, start: Callable[[], StartedTask]) -> None:
        self.raw = raw
        self.said: list[str] = []
        stdin, self._to = os.pipe()
        self._from, stdout = os.pipe()
        self._ends = [stdin, stdout]
        self._answers = os.fdopen(self._from, "rb")
        say = self.said.append
        passage = Passage(start, issuer=ISSUER, say=say)
        self._carrier = Carrier(raw.url, passage, issuer=ISSUER, say=say)
        self._relay = Relay(Lines(stdin, SHORT), Output(stdout), self._carrier, say)
        self.running = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            await self._relay.run()
        finally:
            await self._carrier.close()

    def write(self, line: bytes) -> None:
        os.write(self._to, line)

    def tell(self, method: str, params: Any = None, **members: Any) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}, **members}
        self.write(json.dumps(message).encode() + b"\n")

    def ask(self, number: int | str, method: str = "tools/list", params: Any = None) -> None:
        self.tell(method, params, id=number)

    async def line(self) -> bytes:
        return await asyncio.to_thread(self._answers.readline)

    async def read(self) -> Any:
        return json.loads(await self.line())

    def end(self) -> None:
        if self._to >= 0:
            os.close(self._to)
            self._to = -1

    def deaf(self) -> None:
        self._answers.close()

    def close(self) -> None:
        self.end()
        for end in self._ends:
            os.close(end)  # first, as it wakes whoever still reads
        self._answers.close()


@asynccontextmanager
async def shim(
    handler: Handler, start: Callable[[], StartedTask] = started
) -> AsyncGenerator[Shim]:
    async with raw_server(handler) as raw:
        running = Shim(raw, start)
        try:
            yield running
            running.end()
            await running.running
        finally:
            running.running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running.running
            running.close()


async def answering(request: Request) -> None:
    """A gateway without sessions, for which all is well."""
    if "id" in request.message and request.method:
        request.answer({"ok": request.method})
    else:
        request.respond(status=202)


def sentence(answer: Any) -> str:
    return str(answer["error"]["message"])


# --- the client misbehaves ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"garbage", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700),
        (b"[" * 1000, -32700),
        (b"3", -32600),
        (b"[]", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32600),
        (b"x" * (SHORT + 1), -32600),
        (b"x" * (20 * SHORT), -32600),
    ],
)
async def test_a_line_that_is_no_message_is_refused_and_the_next_one_is_served(
    line: bytes, code: int
) -> None:
    async with shim(answering) as client:
        client.write(line[:100])
        client.write(line[100:] + b"\n\r\n \n")
        client.ask(2)
        first, second = await client.read(), await client.read()
    assert (first["id"], first["error"]["code"]) == (None, code)
    assert (second["id"], second["result"]) == (2, {"ok": "tools/list"})
    assert client.raw.methods == ["tools/list"]


async def test_a_last_line_needs_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shim(answering) as client:
        client.write(b'{"jsonrpc":"2.0","id":"a","method":"ping"}')
        client.end()
        assert (await client.read())["id"] == "a"
    async with shim(answering) as client:
        client.write(b"x" * (SHORT + 1))
        client.end()
        assert (await client.read())["error"]["code"] == -32600


@pytest.mark.parametrize("revision", ["2026-07-28\r\nevil: yes", "ü"])
async def test_a_revision_cannot_become_another_field(revision: str) -> None:
    async with shim(answering) as client:
        client.ask(1, "ping", {"_meta": {VERSION: revision}})
        assert "fits in no header" in sentence(await client.read())
    assert client.raw.requests == []


async def test_more_calls_than_there_may_be_connections_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrier, "_CONNECTIONS", 1)

    async def never(request: Request) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(relay, "DRAIN_S", 0)
    async with shim(never) as client:
        client.ask(1)
        client.ask(2)
        assert sentence(await client.read()).startswith("Too many calls are under way.")


async def test_an_id_that_is_in_use_is_not_used_twice() -> None:
    let_go = asyncio.Event()

    async def waits(request: Request) -> None:
        await let_go.wait()
        await answering(request)

    async with shim(waits) as client:
        client.ask(1)
        client.ask(1, "prompts/list")
        assert sentence(await client.read()) == "A request with this id is under way."
        let_go.set()
        assert (await client.read())["result"] == {"ok": "tools/list"}
        client.ask(1, "prompts/list")
        assert (await client.read())["result"] == {"ok": "prompts/list"}


async def test_a_client_that_reads_slowly_holds_up_the_gateway_and_loses_nothing() -> None:
    count, padding = 200, "x" * 10_000
    written: list[int] = []

    async def floods(request: Request) -> None:
        request.start_stream()
        for number in range(count):
            told = {"jsonrpc": "2.0", "method": "notifications/progress", "params": [padding]}
            request.event(json.dumps(told | {"number": number}).encode())
            await request.writer.drain()
            written.append(number)
        request.event(request.reply(result={}))
        request.end_stream()

    async with shim(floods) as client:
        client.ask(1)
        assert (await client.read())["number"] == 0
        assert [(await client.read())["number"] for _ in range(1, count)] == list(range(1, count))
        assert (await client.read())["result"] == {}
    assert written == list(range(count))


async def test_a_client_that_never_reads_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "DRAIN_S", 0)

    arrived = asyncio.Event()

    async def large(request: Request) -> None:
        arrived.set()
        request.answer({"text": "x" * 1_000_000})

    async with shim(large) as client:
        client.ask(1)
        await arrived.wait()
        client.end()
        await client.running


async def test_a_client_that_stops_listening_ends_the_shim() -> None:
    async with shim(answering) as client:
        client.deaf()
        client.ask(1)
        await client.running


async def test_the_end_of_input_cuts_off_what_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "DRAIN_S", 0)
    arrived = asyncio.Event()

    async def never(request: Request) -> None:
        arrived.set()
        await asyncio.Event().wait()

    async with shim(never) as client:
        client.ask(1)
        await arrived.wait()
        client.end()
        await client.running
        assert await client.raw.gone.get() == 1


async def test_an_answer_that_is_nearly_there_is_waited_for_at_the_end_of_input() -> None:
    async with shim(answering) as client:
        client.ask(1)
        client.end()
        assert (await client.read())["result"] == {"ok": "tools/list"}


# --- the gateway misbehaves, or refuses -----------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (302, "refused (HTTP 302: Just so.)."),
        (400, "refused (HTTP 400: Just so.)."),
        (401, "Restart this server in your client to start a new task."),
        (403, "Look at what the agent is assigned and registered for."),
        (404, "--upstream"),
        (413, "gateway.max_body_bytes"),
        (421, "gateway.issuer"),
        (429, "Try again later."),
        (500, "failed (HTTP 500: Just so.). Look at its log."),
        (502, "took effect is not known"),
        (503, "Try again later."),
        (202, "makes no sense (HTTP 202 without an answer)"),
    ],
)
async def test_a_refusal_of_http_says_what_to_do(status: int, expected: str) -> None:
    problem = b'{"type": "about:blank", "detail": "Just so.\\u0007"}'

    async def refuses(request: Request) -> None:
        request.respond(problem, status=status, content_type="application/problem+json")

    async with shim(refuses) as client:
        client.ask("one")
        answer = await client.read()
    assert answer["id"] == "one"
    assert answer["error"]["code"] == -32603
    assert expected in sentence(answer)
    told = answer["error"]["data"]
    assert told["may_have_happened"] is (status in {202, 500, 502})
    assert told.get("http_status") == (None if status == 202 else status)


async def test_a_refusal_in_the_words_of_mcp_is_passed_on_as_it_is() -> None:
    async def refuses(request: Request) -> None:
        error = {"code": -32602, "message": "The task was started without a scope."}
        challenge = 'www-authenticate: DPoP error="insufficient_scope", scope="mail:send"'
        request.respond(request.reply(error=error), status=403, headers=(challenge,))

    async with shim(refuses) as client:
        client.ask(1)
        answer = await client.read()
    assert answer["error"] == {"code": -32602, "message": "The task was started without a scope."}
    assert any("mail:send" in line for line in client.said)


async def test_an_error_about_nobodys_request_is_the_one_that_was_sent() -> None:
    async def refuses(request: Request) -> None:
        error = {"code": -32700, "message": "Parse error."}
        body = {"jsonrpc": "2.0", "id": None, "error": error}
        request.respond(json.dumps(body).encode(), status=400)

    async with shim(refuses) as client:
        client.ask(7)
        answer = await client.read()
    assert (answer["id"], answer["error"]) == (7, {"code": -32700, "message": "Parse error."})


def _hangs_up(request: Request) -> None:
    request.hang_up()


def _breaks_off(request: Request) -> None:
    request.start_stream()
    request.event(b'{"jsonrpc":"2.0","method":"notifications/progress"}')
    request.hang_up()


def _ends_early(request: Request) -> None:
    request.start_stream()
    request.event(b'{"jsonrpc":"2.0","method":"notifications/progress"}')
    request.end_stream()


def _streams_garbage(request: Request) -> None:
    request.start_stream()
    request.event(b"garbage")


def _streams_anothers(request: Request) -> None:
    request.start_stream()
    request.event(b'{"jsonrpc":"2.0","id":99,"result":{}}')


def _speaks_ssh(request: Request) -> None:
    request.write(b"SSH-2.0\r\n\r\n")


def _responds(body: bytes, content_type: str = "application/json") -> Callable[[Request], None]:
    def respond(request: Request) -> None:
        request.respond(body, content_type=content_type)

    return respond


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_hangs_up, "The connection to the gateway was lost."),
        (_breaks_off, "The connection to the gateway was lost."),
        (_ends_early, "The gateway ended its answer half-way."),
        (_streams_garbage, "makes no sense (an event of it is no message)"),
        (_streams_anothers, "makes no sense (it answers another request)"),
        (_speaks_ssh, "is no gateway (not HTTP"),
        (_responds(b"garbage"), "makes no sense (HTTP 200 without"),
        (_responds(b'{"id":1,"result":{}}', "text/html"), "makes no sense"),
        (_responds(b'{"id":99,"result":{}}'), "answers another request"),
        (_responds(b"[]"), "makes no sense"),
    ],
)
async def test_an_answer_that_is_none_leaves_nobody_waiting(
    answer: Callable[[Request], None], expected: str
) -> None:
    async def handler(request: Request) -> None:
        answer(request)

    async with shim(handler) as client:
        client.ask(1)
        lines = [await client.read()]
        if "method" in lines[0]:
            lines.append(await client.read())
        assert lines[-1]["id"] == 1
        assert expected in sentence(lines[-1])
        assert lines[-1]["error"]["data"]["may_have_happened"] is True


async def test_nobody_listens() -> None:
    async with shim(answering) as client:
        client.ask(1)
        await client.read()
    raw = Raw(url=client.raw.url)
    alone = Shim(raw, started)
    alone.ask(2)
    answer = await alone.read()
    alone.end()
    await alone.running
    alone.close()
    assert sentence(answer).startswith(f"No gateway answers at {ISSUER} (")
    assert "Start it with `safeconduct serve`" in sentence(answer)
    assert answer["error"]["data"] == {"may_have_happened": False}


async def test_a_gateway_that_is_silent_in_the_handshake_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "DELIVERY_S", 0.01)

    async def never(request: Request) -> None:
        await asyncio.Event().wait()

    async with shim(never) as client:
        client.ask(1, "initialize")
        assert sentence(await client.read()) == "The gateway did not answer within 0.01 s."
        client.tell("notifications/initialized")
        client.write(b"garbage\n")
        await client.read()
    assert client.said[-1] == "The gateway did not answer within 0.01 s."


# --- the task -------------------------------------------------------------------------------------


async def test_every_request_carries_the_token_and_a_proof_of_its_own() -> None:
    task = started()
    async with shim(answering, lambda: task) as client:
        for number in range(3):
            client.ask(number)
            await client.read()
    seen: set[str] = set()
    for request in client.raw.requests:
        assert request.headers["authorization"] == "DPoP token"
        shown = request.headers["dpop"]
        claims, key = jose.verify_embedded(shown, typ=dpop.TYPE, shape=Proof)
        assert key == task.key.public.thumbprint
        assert (claims.htm, claims.htu) == ("POST", client.raw.url)
        seen.add(claims.jti)
    assert len(seen) == 3


async def test_a_task_that_has_ended_is_said_to_have_and_nothing_is_sent() -> None:
    async with shim(answering, lambda: started(expires_ms=1)) as client:
        client.ask(1)
        answer = await client.read()
    assert sentence(answer).startswith("The task ended at ")
    assert sentence(answer).endswith("Restart this server in your client to start a new task.")
    assert answer["error"]["data"] == {"may_have_happened": False}
    assert client.raw.requests == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (NotStarted("invalid_scope", "None."), "The gateway starts no task (invalid_scope: None.)"),
        (ConnectionRefusedError(), f"No gateway answers at {ISSUER} (ConnectionRefusedError)."),
        (TimeoutError(), f"No gateway answers at {ISSUER} (TimeoutError)."),
    ],
)
async def test_a_task_that_could_not_be_started_is_tried_again_with_the_next_request(
    fault: Exception, expected: str
) -> None:
    faults = [fault]

    def start() -> StartedTask:
        if faults:
            raise faults.pop()
        return started()

    async with shim(answering, start) as client:
        client.ask(1)
        assert expected in sentence(await client.read())
        client.ask(2)
        assert (await client.read())["result"] == {"ok": "tools/list"}


async def test_requests_that_come_together_share_one_task() -> None:
    begun: list[StartedTask] = []

    def start() -> StartedTask:
        begun.append(started())
        return begun[-1]

    async with shim(answering, start) as client:
        for number in range(5):
            client.ask(number)
        assert {(await client.read())["id"] for _ in range(5)} == set(range(5))
    assert len(begun) == 1


# --- the protocol ---------------------------------------------------------------------------------


async def test_an_answer_that_is_too_long_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(message, "MAX_BYTES", 1000)

    async def drips(request: Request) -> None:
        if request.method == "streams":
            request.start_stream()
        else:
            request.respond(b" " * 10_000)
        with contextlib.suppress(ConnectionError):
            while True:
                request.raw_chunk(b"data: x" * 100)
                await request.writer.drain()

    async with shim(drips) as client:
        for number, method in enumerate(("streams", "answers")):
            client.ask(number, method)
            answer = await client.read()
            assert sentence(answer) == "The gateway's answer is too long."
            assert answer["error"]["data"] == {"may_have_happened": True}


async def test_a_gateway_that_does_not_end_a_session_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrier, "_FAREWELL_S", 0.01)

    async def handler(request: Request) -> None:
        if request.method == "initialize":
            request.answer({}, headers=("Mcp-Session-Id: s-1",))
        else:
            await asyncio.Event().wait()

    async with shim(handler) as client:
        client.ask(0, "initialize")
        await client.read()
    assert (client.raw.methods[0], client.raw.methods[-1]) == ("initialize", "DELETE")


async def test_bytes_are_passed_on_as_they_are_but_for_line_ends() -> None:
    said = '{ "id":1, "jsonrpc":"2.0",\r\n"result":{"text":"ü\\n", "n":1.50}}'.encode()

    async def handler(request: Request) -> None:
        request.respond(said, content_type="application/json; charset=utf-8")

    line = '{"method":"x",  "jsonrpc":"2.0","id":1,"params":{"a":"ö\\u0000","n":1e2}}'.encode()
    async with shim(handler) as client:
        client.write(line + b"\r\n")
        assert await client.line() == said.replace(b"\r\n", b"  ") + b"\n"
    assert client.raw.requests[0].body == line


async def test_a_handshake_is_remembered_and_a_session_is_ended() -> None:
    async def handler(request: Request) -> None:
        if request.method == "initialize":
            request.answer({"protocolVersion": "2025-11-25"}, headers=("Mcp-Session-Id: s-1",))
        else:
            await answering(request)

    async with shim(handler) as client:
        client.ask(0, "initialize")
        client.tell("notifications/initialized")
        client.ask(1, "tools/call", {"name": "t"})
        assert [(await client.read())["id"] for _ in range(2)] == [0, 1]
    first, *others = client.raw.requests
    assert not {"mcp-protocol-version", "mcp-session-id", "mcp-method"} & first.headers.keys()
    methods = [method for method in client.raw.methods if method != "GET"]
    assert methods == ["initialize", "notifications/initialized", "tools/call", "DELETE"]
    for request in others:
        assert request.headers["mcp-protocol-version"] == "2025-11-25"
        assert request.headers["mcp-session-id"] == "s-1"
        assert "mcp-name" not in request.headers


def _says(request: Request, *data: bytes) -> None:
    request.start_stream()
    for one in data:
        request.event(one)


CHANGED = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'


async def test_what_a_gateway_says_by_itself_is_heard_and_heard_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "PAUSE_S", 0)
    streams = iter(range(3))

    async def handler(request: Request) -> None:
        if request.method == "initialize":
            request.answer({"protocolVersion": "2025-11-25"}, headers=("Mcp-Session-Id: s-1",))
        elif request.verb == "GET":
            if next(streams) < 2:
                _says(request, CHANGED)
                request.end_stream()
            else:
                request.respond(status=404)
        else:
            await answering(request)

    async with shim(handler) as client:
        client.ask(0, "initialize")
        assert (await client.read())["id"] == 0
        assert [await client.line() for _ in range(2)] == [CHANGED + b"\n"] * 2
        client.ask(0, "initialize")  # another session listens no more than once
        assert (await client.read())["id"] == 0
    heard = [request.headers for request in client.raw.requests if request.verb == "GET"]
    assert {headers["mcp-session-id"] for headers in heard} == {"s-1"}
    assert {headers["accept"] for headers in heard} == {"text/event-stream"}
    assert len({headers["dpop"] for headers in heard}) == len(heard)


@pytest.mark.parametrize(
    "answer",
    [
        _responds(b"{}"),
        _responds(b"", "text/html"),
        _hangs_up,
        _streams_garbage,
        _streams_anothers,
    ],
)
async def test_a_stream_that_makes_no_sense_is_not_heard_again(
    answer: Callable[[Request], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PAUSE_S", 0)
    arrived = asyncio.Event()

    async def handler(request: Request) -> None:
        if request.method == "initialize":
            request.answer({"protocolVersion": "2025-11-25"}, headers=("Mcp-Session-Id: s-1",))
        elif request.verb == "GET":
            answer(request)
            arrived.set()
        else:
            await answering(request)

    async with shim(handler) as client:
        client.ask(0, "initialize")
        await arrived.wait()
        for number in range(1, 4):
            client.ask(number)
        assert {(await client.read())["id"] for _ in range(4)} == {0, 1, 2, 3}
    assert client.raw.methods.count("GET") == 1


async def test_a_message_of_the_newer_revision_is_mirrored_in_its_header() -> None:
    schema = {"type": "object", "properties": {"r": {"type": "string", "x-mcp-header": "Region"}}}

    async def handler(request: Request) -> None:
        if request.method == "tools/list":
            request.answer({"tools": [{"name": "tü", "inputSchema": schema}]})
        else:
            await answering(request)

    meta = {"_meta": {VERSION: "2026-07-28"}}
    async with shim(handler) as client:
        client.ask(1, "tools/list", meta)
        await client.read()
        client.ask(2, "tools/call", meta | {"name": "tü", "arguments": {"r": "eu"}})
        await client.read()
    listed, called = (request.headers for request in client.raw.requests)
    assert (listed["mcp-protocol-version"], listed["mcp-method"]) == ("2026-07-28", "tools/list")
    assert called["mcp-method"] == "tools/call"
    assert called["mcp-name"] == "=?base64?dMO8?="
    assert called["mcp-param-region"] == "eu"


async def test_what_a_gateway_asks_in_a_stream_is_answered_over_a_request_of_its_own() -> None:
    answered = asyncio.Event()

    async def handler(request: Request) -> None:
        if request.method:
            request.start_stream()
            request.event(b'{"jsonrpc":"2.0","id":"q","method":"elicitation/create"}')
            await answered.wait()
            request.event(request.reply(result={}))
        else:
            request.respond(status=202)
            answered.set()

    async with shim(handler) as client:
        client.ask(1)
        assert (await client.read())["method"] == "elicitation/create"
        client.write(b'{"jsonrpc":"2.0","id":"q","result":{"action":"decline"}}\n')
        assert (await client.read())["result"] == {}


async def test_a_notification_that_is_refused_is_told_to_a_person_alone() -> None:
    async def handler(request: Request) -> None:
        if "id" in request.message:
            await answering(request)
        else:
            request.respond(status=400)

    async with shim(handler) as client:
        client.tell("notifications/initialized")
        client.ask(1)
        assert (await client.read())["id"] == 1
    assert any("notifications/initialized was not delivered" in line for line in client.said)


@pytest.mark.parametrize("handshake", [True, False])
async def test_a_call_that_is_cancelled_is_hung_up_and_gets_no_answer(
    handshake: bool,
) -> None:
    arrived = asyncio.Event()

    async def handler(request: Request) -> None:
        if request.method == "initialize":
            request.answer({"protocolVersion": "2025-11-25"})
        elif request.method == "slow":
            arrived.set()
            await asyncio.Event().wait()
        else:
            await answering(request)

    async with shim(handler) as client:
        if handshake:
            client.ask(0, "initialize")
            await client.read()
        client.ask(1, "slow")
        await arrived.wait()
        client.tell("notifications/cancelled", {"requestId": 2})
        client.tell("notifications/cancelled", {"requestId": [1]})
        client.tell("notifications/cancelled", {"requestId": 1})
        connection = client.raw.requests[-1].connection
        while await client.raw.gone.get() != connection:
            pass
        client.ask(3)
        assert (await client.read())["id"] == 3
    told = [method for method in client.raw.methods if method == "notifications/cancelled"]
    assert len(told) == int(handshake)
