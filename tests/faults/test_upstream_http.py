"""HTTP upstreams that are dead, late, confused or hostile: every one of them ends in a fault."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from safeconduct.ports import JSON, Credential, UpstreamError, UpstreamFault
from safeconduct.upstreams import Limits, negotiation, open_upstream
from tests.faults.upstream_servers import (
    Handler,
    Raw,
    Request,
    ask,
    connected,
    echo,
    handshaking,
    raw_server,
    stateless,
)


async def fault_of(handler: Handler, *, timeout_s: float = 20) -> UpstreamFault:
    async with connected(handler) as (upstream, _):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, timeout_s=timeout_s)
        return caught.value


def verdict(fault: UpstreamFault) -> tuple[str, bool]:
    return fault.reason, fault.may_have_happened


JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
MALFORMED = ("upstream-malformed", True)


WARM_UP = "warm-up"


async def silent(request: Request) -> None:
    """Answer only what brings a test past the negotiation."""
    if request.method == WARM_UP:
        await echo(request)
    else:
        await asyncio.Event().wait()


# --- dead, late, drip -----------------------------------------------------------------------------


async def test_dead_is_unreachable_and_nothing_happened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    upstream = open_upstream("dead", url=f"http://127.0.0.1:{port}/mcp")
    with pytest.raises(UpstreamFault) as caught:
        await ask(upstream)
    assert verdict(caught.value) == ("upstream-unreachable", False)
    await upstream.close()


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    upstream = open_upstream("nowhere", url="http://localhost.invalid:1/mcp")
    with pytest.raises((UpstreamFault, PermissionError)) as caught:
        await ask(upstream)
    # The suite's guard against looking up foreign names may answer before the resolver does.
    if isinstance(caught.value, UpstreamFault):
        assert verdict(caught.value) == ("upstream-unreachable", False)
    await upstream.close()


async def test_an_upstream_that_never_negotiates_is_late_and_nothing_happened() -> None:
    async def deaf(request: Request) -> None:
        await asyncio.Event().wait()

    fault = await fault_of(deaf, timeout_s=0.3)
    assert verdict(fault) == ("upstream-timeout", False)


async def test_an_older_server_that_ignores_discovery_is_still_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(negotiation, "_PROBE_S", 0.1)

    async def ignoring(request: Request) -> None:
        if request.method == "server/discover":
            await asyncio.Event().wait()
        await handshaking(echo)(request)

    async with connected(ignoring) as (upstream, raw):
        assert await ask(upstream)
        assert raw.methods == [
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/call",
        ]


async def test_a_late_stateless_call_is_cancelled_by_closing_its_connection() -> None:
    async with connected(stateless(silent)) as (upstream, raw):
        await ask(upstream, WARM_UP)
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, timeout_s=0.5)
        assert verdict(caught.value) == ("upstream-timeout", True)
        assert await raw.gone.get() == 1
        assert raw.methods == ["server/discover", WARM_UP, "tools/call"]


@pytest.mark.parametrize("how", ["late", "cancelled", "deaf"])
async def test_a_call_given_up_is_cancelled_with_a_notice_in_the_older_era(how: str) -> None:
    called = asyncio.Event()
    noticed: asyncio.Queue[Request] = asyncio.Queue()

    async def reporting(request: Request) -> None:
        if request.method == WARM_UP:
            await echo(request)
            return
        if request.method == "notifications/cancelled":
            request.respond(status=202)
            noticed.put_nowait(request)
            return
        called.set()
        request.start_stream()
        token = request.message["params"].get("_meta", {}).get("progressToken")
        params = {"progressToken": token, "progress": 1}
        notice = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
        request.event(json.dumps(notice).encode())
        await asyncio.Event().wait()

    async def deaf(_: JSON) -> None:
        raise RuntimeError("nobody can be told")

    async with connected(handshaking(reporting, session=lambda: "s1")) as (upstream, raw):
        await ask(upstream, WARM_UP)
        asking = asyncio.create_task(
            ask(
                upstream,
                timeout_s=0.5 if how == "late" else 20,
                on_progress=deaf if how == "deaf" else None,
            )
        )
        await called.wait()
        if how == "cancelled":
            asking.cancel()
        expected = {"late": UpstreamFault, "cancelled": asyncio.CancelledError}
        with pytest.raises(expected.get(how, RuntimeError)):
            await asking
        notice = await noticed.get()
        call = next(request for request in raw.requests if request.method == "tools/call")
        assert notice.message["params"]["requestId"] == call.message["id"]
        assert notice.headers["mcp-session-id"] == "s1"


async def test_a_body_that_stops_halfway_is_late() -> None:
    async def half(request: Request) -> None:
        if request.method != WARM_UP:
            request.write(JSON_HEAD + b'content-length: 99\r\n\r\n{"jsonrpc"')
        await silent(request)

    async with connected(stateless(half)) as (upstream, _):
        await ask(upstream, WARM_UP)
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, timeout_s=0.5)
        assert verdict(caught.value) == ("upstream-timeout", True)


@pytest.mark.parametrize("content_type", [b"application/json", b"text/event-stream"])
@pytest.mark.parametrize("drop", [b" ", b"data: x\n", b": still here\n\n"])
async def test_endless_drips_end_at_the_bound(content_type: bytes, drop: bytes) -> None:
    async def drip(request: Request) -> None:
        request.write(b"HTTP/1.1 200 OK\r\ncontent-type: " + content_type)
        request.write(b"\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            for _ in range(100):
                request.raw_chunk(drop)
            await request.writer.drain()
            await asyncio.sleep(0)

    async with connected(stateless(drip), Limits(max_answer_bytes=20_000)) as (upstream, _):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
    assert verdict(caught.value) == MALFORMED


async def test_a_huge_answer_is_refused() -> None:
    async def huge(request: Request) -> None:
        request.answer({"text": "x" * 50_000})

    async with connected(stateless(huge), Limits(max_answer_bytes=20_000)) as (upstream, _):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
    assert verdict(caught.value) == MALFORMED


# --- connections ----------------------------------------------------------------------------------


async def test_a_kept_alive_connection_that_dies_unanswered_is_not_tried_again() -> None:
    async def once(request: Request) -> None:
        if len(raw_of[0].requests) > 2:
            request.hang_up()
        else:
            await echo(request)

    raw_of: list[Raw] = []
    async with connected(stateless(once)) as (upstream, raw):
        raw_of.append(raw)
        await ask(upstream)
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
        assert verdict(caught.value) == ("upstream-unreachable", True)
        assert raw.connections == 1
        assert raw.methods == ["server/discover", "tools/call", "tools/call"]


async def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    async def closing(request: Request) -> None:
        request.respond(request.reply(result={}), headers=("connection: close",))
        request.hang_up()

    async with connected(stateless(closing)) as (upstream, raw):
        await ask(upstream)
        await ask(upstream)
        assert raw.connections == 2


async def test_a_half_closed_connection_is_replaced_once_its_end_was_seen() -> None:
    async def half(request: Request) -> None:
        await echo(request)
        await request.writer.drain()
        request.writer.write_eof()

    async with connected(stateless(half)) as (upstream, raw):
        await ask(upstream)
        assert await raw.gone.get() == 1
        await ask(upstream)
        assert raw.connections == 2


@pytest.mark.parametrize("where", ["head", "body", "chunk"])
async def test_an_answer_that_breaks_off_is_a_fault(where: str) -> None:
    async def breaking(request: Request) -> None:
        request.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        if where == "body":
            request.write(b'content-length: 99\r\n\r\n{"jsonrpc"')
        elif where == "chunk":
            request.write(b'transfer-encoding: chunked\r\n\r\n50\r\n{"jsonrpc"')
        request.hang_up()

    assert verdict(await fault_of(stateless(breaking))) == ("upstream-unreachable", True)


@pytest.mark.parametrize(
    "junk",
    [
        b"220 mail.example ESMTP\r\n\r\n",
        b"\x16\x03\x01\x00\x00",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
        JSON_HEAD + b"transfer-encoding: chunked\r\n\r\nnot-hex\r\n",
    ],
)
async def test_what_is_not_http_is_a_fault(junk: bytes) -> None:
    async def speak(request: Request) -> None:
        request.write(junk)
        await request.writer.drain()
        request.hang_up()

    fault = await fault_of(stateless(speak))
    assert fault.reason in {"upstream-malformed", "upstream-unreachable"}
    assert fault.may_have_happened


async def test_a_stream_that_ends_without_an_answer_is_unreachable() -> None:
    async def ending(request: Request) -> None:
        request.start_stream()
        request.event(b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}')
        request.end_stream()

    assert verdict(await fault_of(stateless(ending))) == ("upstream-unreachable", True)


async def test_a_stream_left_open_after_its_answer_costs_the_connection_only() -> None:
    async def open_ended(request: Request) -> None:
        request.start_stream()
        request.event(request.reply(result={"ok": True}))
        await asyncio.Event().wait()

    async with connected(stateless(open_ended)) as (upstream, raw):
        assert await ask(upstream) == {"ok": True}
        assert await raw.gone.get() == 1


async def test_connections_are_reused_for_streams_too() -> None:
    async def streaming(request: Request) -> None:
        request.start_stream()
        request.event(request.reply(result={}))
        request.end_stream()

    async with connected(stateless(streaming)) as (upstream, raw):
        for _ in range(5):
            await ask(upstream)
        assert raw.connections == 1


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>It works!</html>",
        b"[]",
        b'"text"',
        b'{"jsonrpc":"2.0","id":ID}',
        b'{"jsonrpc":"2.0","id":ID,"result":{},"error":{"code":1,"message":""}}',
        b'{"jsonrpc":"1.0","id":ID,"result":{}}',
        b'{"id":ID,"result":{}}',
        b'{"jsonrpc":"2.0","result":{}}',
        b'{"jsonrpc":"2.0","id":ID,"result":[]}',
        b'{"jsonrpc":"2.0","id":ID,"error":"no"}',
        b'{"jsonrpc":"2.0","id":ID,"error":{"code":"1","message":""}}',
        b'{"jsonrpc":"2.0","id":ID,"error":{"code":true,"message":""}}',
        b'{"jsonrpc":"2.0","id":999999,"result":{}}',
        b'{"jsonrpc":"2.0","id":"ID","result":{}}',
        b'{"jsonrpc":"2.0","id":ID.0,"result":{}}',
        b'{"jsonrpc":"2.0","id":null,"result":{}}',
        b'{"jsonrpc":"2.0","id":true,"result":{}}',
        b'[{"jsonrpc":"2.0","id":ID,"result":{}}]',
        b'{"jsonrpc":"2.0","id":ID,"result":{}}{"jsonrpc":"2.0","id":ID,"result":{}}',
        b'{"jsonrpc":"2.0","id":ID,"result":{"a":1},"result":{"a":2}}',
        b'{"jsonrpc":"2.0","id":ID,"result":{"a":9007199254740992}}',
        b'{"jsonrpc":"2.0","id":ID,"result":{"a":NaN}}',
        b'{"jsonrpc":"2.0","id":ID,"result":{"a":1e999}}',
        b'{"jsonrpc":"2.0","id":ID,"result":{"a":"\\ud800"}}',
        b'{"jsonrpc":"2.0","id":ID,"result":{"a":"\xff"}}',
        b'\xef\xbb\xbf{"jsonrpc":"2.0","id":ID,"result":{}}',
        b'{"jsonrpc":"2.0","id":ID,"result":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}',
        b'{"jsonrpc":"2.0","id":ID,"method":"x","result":{}}',
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_anything_but_the_one_answer_is_malformed(body: bytes, stream: bool) -> None:
    async def answer(request: Request) -> None:
        data = body.replace(b"ID", str(request.message["id"]).encode())
        if stream:
            request.start_stream()
            request.event(data)
            request.end_stream()
        else:
            request.respond(data)

    fault = await fault_of(stateless(answer))
    assert fault.may_have_happened
    if not stream or (body and not body.startswith(b'{"jsonrpc":"2.0","method"')):
        assert fault.reason == "upstream-malformed"


@pytest.mark.parametrize("together", [True, False])
async def test_two_answers_are_malformed(together: bool) -> None:
    async def twice(request: Request) -> None:
        first, second = request.reply(result={"a": 1}), request.reply(result={"a": 2})
        request.start_stream()
        if together:
            request.raw_chunk(b"data: " + first + b"\n\ndata: " + second + b"\n\n")
        else:
            request.event(first)
            await request.writer.drain()
            request.event(second)
        request.end_stream()

    assert verdict(await fault_of(stateless(twice))) == MALFORMED


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
async def test_junk_around_an_answer_is_ignored(newline: bytes) -> None:
    async def chatty(request: Request) -> None:
        reply = request.reply(result={"ok": True})
        half = reply.index(b",") + 1
        lines = [
            b"\xef\xbb\xbf: welcome",
            b"retry: 10",
            b"id: 7",
            b"data:",
            b"",
            b"event: advertisement",
            b"data: not json at all",
            b"",
            b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}',
            b"",
            b'data: {"jsonrpc":"2.0","method":"notifications/made/up"}',
            b"",
            b"unknown: field",
            b"event: message",
            b"data: " + reply[:half],
            b"data:" + reply[half:],
            b"",
            b"",
        ]
        request.start_stream()
        for byte in newline.join(lines):
            request.raw_chunk(bytes([byte]))
        request.end_stream()

    async with connected(stateless(chatty)) as (upstream, raw):
        assert await ask(upstream) == {"ok": True}
        assert await ask(upstream) == {"ok": True}
        assert raw.connections == 1


async def test_only_progress_with_our_token_is_passed_on_and_without_it() -> None:
    heard: list[JSON] = []

    async def on_progress(progress: JSON) -> None:
        heard.append(progress)

    async def reporting(request: Request) -> None:
        token = request.message["params"]["_meta"]["progressToken"]
        request.start_stream()
        reports: list[JSON] = [
            {"progressToken": token, "progress": 1, "total": 2, "message": "one", "_meta": {}},
            {"progressToken": str(token), "progress": 2},
            {"progressToken": 999_999, "progress": 3},
            {"progressToken": token, "progress": "4"},
            {"progress": 5},
            {"progressToken": token, "progress": 6.5, "total": "many", "message": 7},
        ]
        for params in reports:
            notice = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
            request.event(json.dumps(notice).encode())
        request.event(request.reply(result={}))
        request.end_stream()

    async with connected(stateless(reporting)) as (upstream, _):
        await ask(upstream, on_progress=on_progress)
    assert heard == [{"progress": 1, "total": 2, "message": "one"}, {"progress": 6.5}]


async def test_requests_of_the_upstream_are_refused_and_pings_answered_in_the_older_era() -> None:
    replies: asyncio.Queue[JSON] = asyncio.Queue()

    async def asking(request: Request) -> None:
        if not request.method:
            replies.put_nowait(request.message)
            request.respond(status=202)
            return
        request.start_stream()
        for number, method in enumerate(["sampling/createMessage", "roots/list", "ping"]):
            question = {"jsonrpc": "2.0", "id": f"q{number}", "method": method}
            request.event(json.dumps(question).encode())
        got = {reply["id"]: reply for reply in [await replies.get() for _ in range(3)]}
        assert got["q0"]["error"]["code"] == got["q1"]["error"]["code"] == -32601
        assert got["q2"]["result"] == {}
        request.event(request.reply(result={"ok": True}))
        request.end_stream()

    async with connected(handshaking(asking, session=lambda: "s1")) as (upstream, raw):
        assert await ask(upstream) == {"ok": True}
        assert {r.headers.get("mcp-session-id") for r in raw.requests if not r.method} == {"s1"}


@pytest.mark.parametrize("era", [stateless, handshaking])
async def test_floods_of_requests_from_the_upstream_are_malformed(
    era: Callable[[Handler], Handler],
) -> None:
    async def flooding(request: Request) -> None:
        if not request.method:
            request.respond(status=202)
            return
        request.start_stream()
        for number in range(100):
            request.event(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % number)
        request.event(request.reply(result={}))
        request.end_stream()

    assert verdict(await fault_of(era(flooding))) == MALFORMED


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/html", ()),
        ("application/json; charset=utf-16", ()),
        ("application/json-seq", ()),
        ("application/json", ("content-encoding: gzip",)),
        ("", ()),
    ],
)
async def test_other_types_of_answers_are_malformed(
    content_type: str, headers: tuple[str, ...]
) -> None:
    async def other(request: Request) -> None:
        request.respond(request.reply(result={}), content_type=content_type, headers=headers)

    assert verdict(await fault_of(stateless(other))) == MALFORMED


# --- statuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "may_have_happened"),
    [
        (201, "upstream-rejected", True),
        (202, "upstream-rejected", True),
        (204, "upstream-rejected", True),
        (301, "upstream-rejected", False),
        (302, "upstream-rejected", True),
        (303, "upstream-rejected", True),
        (307, "upstream-rejected", False),
        (308, "upstream-rejected", False),
        (400, "upstream-rejected", True),
        (401, "upstream-rejected", False),
        (403, "upstream-rejected", False),
        (404, "upstream-rejected", False),
        (405, "upstream-rejected", False),
        (408, "upstream-rejected", True),
        (409, "upstream-rejected", True),
        (413, "upstream-rejected", False),
        (429, "upstream-busy", False),
        (500, "upstream-rejected", True),
        (502, "upstream-unreachable", True),
        (503, "upstream-busy", True),
        (504, "upstream-unreachable", True),
    ],
)
async def test_a_status_decides_what_may_have_happened(
    status: int, reason: str, may_have_happened: bool
) -> None:
    async def refusing(request: Request) -> None:
        request.respond(status=status, content_type="text/plain")

    assert verdict(await fault_of(stateless(refusing))) == (reason, may_have_happened)


async def test_redirects_are_not_followed() -> None:
    async with raw_server(stateless(echo)) as elsewhere:

        async def redirecting(request: Request) -> None:
            request.respond(status=307, headers=(f"location: {elsewhere.url}",))

        assert (await fault_of(redirecting)).reason == "upstream-rejected"
        fault = await fault_of(stateless(redirecting))
        assert verdict(fault) == ("upstream-rejected", False)
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_an_error_answer_counts_under_an_error_status_too(status: int) -> None:
    async def refusing(request: Request) -> None:
        error = {"code": -32601, "message": "Method not found", "data": [1]}
        request.respond(request.reply(error=error), status=status)

    async with connected(stateless(refusing)) as (upstream, _):
        with pytest.raises(UpstreamError) as caught:
            await ask(upstream)
    assert (caught.value.code, caught.value.message) == (-32601, "Method not found")
    assert caught.value.data == [1]


@pytest.mark.parametrize(
    ("status", "answered", "may_have_happened"),
    [(400, "null", False), (400, "77", True), (500, "null", True), (400, "{", True)],
)
async def test_a_refusal_that_never_read_the_request_says_that_nothing_happened(
    status: int, answered: str, may_have_happened: bool
) -> None:
    async def refusing(request: Request) -> None:
        error = f'{{"jsonrpc":"2.0","id":{answered},"error":{{"code":-32700,"message":"?"}}}}'
        request.respond(error.encode(), status=status)

    fault = await fault_of(stateless(refusing))
    assert verdict(fault) == ("upstream-rejected", may_have_happened)


@pytest.mark.parametrize("status", [301, 401, 403, 429, 503])
async def test_no_access_is_no_verdict_about_the_era(status: int) -> None:
    async def refusing(request: Request) -> None:
        request.respond(status=status)

    async with connected(refusing) as (upstream, raw):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
        assert not caught.value.may_have_happened
        assert raw.methods == ["server/discover"]


async def test_no_more_than_the_allowed_number_is_in_flight() -> None:
    arrived = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(request: Request) -> None:
        arrived.set()
        await go_on.wait()
        await echo(request)

    async with connected(stateless(slow), Limits(max_in_flight=1)) as (upstream, _):
        first = asyncio.create_task(ask(upstream))
        await arrived.wait()
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
        assert verdict(caught.value) == ("upstream-busy", False)
        go_on.set()
        assert await first


async def test_a_closed_upstream_refuses_and_fails_what_is_under_way() -> None:
    arrived = asyncio.Event()

    async def arriving(request: Request) -> None:
        arrived.set()
        await silent(request)

    async with connected(stateless(arriving)) as (upstream, _):
        waiting = asyncio.create_task(ask(upstream))
        await arrived.wait()
        await upstream.close()
        with pytest.raises(UpstreamFault) as caught:
            await waiting
        assert verdict(caught.value) == ("upstream-unreachable", True)
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
        assert verdict(caught.value) == ("upstream-unreachable", False)


async def test_a_credential_that_cannot_be_written_never_leaves() -> None:
    bad = Credential("brokered", {"authorization": "Bearer a\r\nmcp-method: tools/list"})
    async with connected(stateless(echo)) as (upstream, raw):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, credential=bad)
        assert verdict(caught.value) == ("upstream-rejected", False)
        assert "Bearer" not in str(caught.value)
        assert raw.requests == []


async def test_a_certificate_that_nobody_vouches_for_is_unreachable(tmp_path: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(_self_signed(tmp_path))
    seen: list[object] = []

    def connected_to(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)

    server = await asyncio.start_server(connected_to, "127.0.0.1", 0, ssl=served)
    upstream = open_upstream("tls", url=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    with pytest.raises(UpstreamFault) as caught:
        await ask(upstream)
    assert verdict(caught.value) == ("upstream-unreachable", False)
    assert seen == []
    await upstream.close()
    server.close()


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("era", [stateless, handshaking])
async def test_a_failure_of_the_listener_is_its_own_and_no_time_out(
    era: Callable[[Handler], Handler],
) -> None:
    async def reporting(request: Request) -> None:
        if request.method == "notifications/cancelled":
            request.respond(status=202)
            return
        token = request.message["params"]["_meta"]["progressToken"]
        params = {"progressToken": token, "progress": 1}
        notice = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
        request.start_stream()
        request.event(json.dumps(notice).encode())

    async def on_progress(_: JSON) -> None:
        raise TimeoutError("of the listener")

    async with connected(era(reporting)) as (upstream, _):
        with pytest.raises(TimeoutError, match="of the listener"):
            await ask(upstream, on_progress=on_progress)


async def test_a_status_without_a_session_is_a_rejection_in_the_older_era_too() -> None:
    async def refusing(request: Request) -> None:
        request.respond(status=404)

    fault = await fault_of(handshaking(refusing))
    assert verdict(fault) == ("upstream-rejected", False)
