"""The verifier that servers behind a gateway put around themselves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Mapping, MutableMapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct import verifier
from safeconduct.identity.replay import Replays
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import Errand
from safeconduct.secrets.broker import Broker
from safeconduct.secrets.tool_tokens import TYPE, body_digest
from safeconduct.verifier import Refused, ToolTokens, Verifier
from tests.support.credentials import AUDIENCE, TOOL_TOKEN, Clock, errand, signer, with_credential
from tests.support.web import Answer, Web, serving
from tests.support.worlds import AGENT, USER

KEY = PrivateKey.generate()
BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_case"}}'
JWKS = "/oauth/jwks"


@pytest.fixture
def web() -> Generator[Web]:
    with serving() as web:
        web.publish({JWKS: {"keys": [KEY.public.jwk("sig")]}})
        yield web


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(web: Web, clock: Clock) -> Verifier:
    return Verifier(web.url, AUDIENCE, clock_ms=clock)


class Minter:
    """The gateway whose keys the web server publishes."""

    def __init__(self, directory: Path, web: Web, clock: Clock) -> None:
        config = with_credential(directory, TOOL_TOKEN)
        gateway = replace(config.root.gateway, issuer=web.url)
        config = replace(config, root=replace(config.root, gateway=gateway))
        self._clock = clock
        self._broker = Broker(config, clock_ms=clock, sign=signer(KEY))

    async def header(self, of: Errand | None = None, body: bytes = BODY, how: str = "POST") -> str:
        credential = await self._broker.credential(of or errand())
        assert credential is not None
        return credential.fields(how, body)["Authorization"]

    async def changed(
        self, claims: Mapping[str, object] = {}, *, typ: str = TYPE, key: PrivateKey = KEY
    ) -> str:
        """A token whose claims were changed before it was signed."""
        said = jose.peek((await self.header()).removeprefix("Bearer "))[1]
        said = {name: value for name, value in {**said, **claims}.items() if value is not None}
        return f"Bearer {jose.sign(said, key, typ)}"


@pytest.fixture
def gateway(tmp_path: Path, web: Web, clock: Clock) -> Minter:
    return Minter(tmp_path, web, clock)


async def refusal(server: Verifier, header: str, how: str = "POST", body: bytes = BODY) -> str:
    with pytest.raises(Refused) as caught:
        await server.verify(header, how, body)
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_a_request_tells_its_errand(server: Verifier, gateway: Minter) -> None:
    assert await server.verify(await gateway.header(), "POST", BODY) == verifier.Errand(
        service="crm.get_case",
        tenant="crm.example",
        method="tools/call",
        name="get_case",
        scopes=frozenset({"case:read"}),
        user=USER,
        agent=AGENT,
        task="t_1",
    )


async def test_what_the_gateway_asks_for_itself_is_nobody_s(
    server: Verifier, gateway: Minter
) -> None:
    header = await gateway.header(Errand(upstream="crm", method="tools/list"), b"", "GET")
    found = await server.verify(header, "GET", b"")
    assert (found.user, found.agent, found.task) == (None, None, None)
    assert (found.service, found.method) == ("crm", "tools/list")


async def test_a_token_is_good_once(server: Verifier, gateway: Minter) -> None:
    header = await gateway.header()
    await server.verify(header, "POST", BODY)
    assert await refusal(server, header) == "a token that was used before"
    await server.verify(await gateway.header(), "POST", BODY)


@pytest.mark.parametrize("place", range(len(BODY)))
async def test_one_changed_byte_of_the_body_is_another_message(
    server: Verifier, gateway: Minter, place: int
) -> None:
    changed = bytearray(BODY)
    changed[place] ^= 1
    header = await gateway.header()
    assert await refusal(server, header, body=bytes(changed)) == "a token for another message"
    await server.verify(header, "POST", BODY)  # it was not used up by that


@pytest.mark.parametrize("how", ["GET", "DELETE", "PUT", "post"])
async def test_another_method_is_another_message(
    server: Verifier, gateway: Minter, how: str
) -> None:
    assert await refusal(server, await gateway.header(), how) == "a token for another message"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "mail"},
        {"aud": [AUDIENCE, "mail"]},
        {"aud": []},
        {"iss": "http://127.0.0.1:1"},
    ],
)
async def test_a_token_for_another_service_is_refused(
    server: Verifier, gateway: Minter, claims: dict[str, object]
) -> None:
    assert await refusal(server, await gateway.changed(claims)) == "a token for another service"


@pytest.mark.parametrize("typ", ["at+jwt", "JWT", "dpop+jwt", "oauth-id-jag+jwt", ""])
async def test_no_other_token_of_the_gateway_passes(
    server: Verifier, gateway: Minter, typ: str
) -> None:
    assert await refusal(server, await gateway.changed(typ=typ)) == "a token of another type"


@pytest.mark.parametrize(
    "claim",
    ["iss", "aud", "jti", "client_id", "sub", "tenant", "method", "name", "htm", "bd", "exp"],
)
async def test_every_claim_is_needed(server: Verifier, gateway: Minter, claim: str) -> None:
    said = await refusal(server, await gateway.changed({claim: None}))
    assert said == "claims that are missing or of the wrong type"


async def test_it_is_not_signed_by_anybody_else(
    server: Verifier, gateway: Minter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.identity.keys.GAP_S", 0.0)  # nobody waits in a test
    other = await gateway.changed(key=PrivateKey.generate())
    assert await refusal(server, other) == "not signed by a key that is trusted for it"


async def test_a_token_lasts_until_its_end_and_no_longer(
    server: Verifier, gateway: Minter, clock: Clock
) -> None:
    first, second = await gateway.header(), await gateway.header()
    clock.now_ms += 29_999
    await server.verify(first, "POST", BODY)
    clock.now_ms += 1
    assert await refusal(server, second) == "expired"


async def test_a_token_for_more_than_a_minute_is_refused(
    server: Verifier, gateway: Minter, clock: Clock
) -> None:
    now_s = clock() // 1000
    await server.verify(await gateway.changed({"exp": now_s + 60}), "POST", BODY)
    too_long: list[dict[str, object]] = [{"exp": now_s + 61}, {"exp": now_s + 60, "iat": None}]
    for claims in too_long:
        header = await gateway.changed(claims)
        assert await refusal(server, header) == "a token that lasts too long"


async def test_a_token_from_the_future_is_refused(
    server: Verifier, gateway: Minter, clock: Clock
) -> None:
    await server.verify(await gateway.changed({"iat": clock() / 1000 + 5}), "POST", BODY)
    header = await gateway.changed({"iat": clock() / 1000 + 5.001})
    assert await refusal(server, header) == "not valid yet"


async def test_what_was_used_before_a_restart_is_refused_by_its_time(
    server: Verifier, gateway: Minter, web: Web, clock: Clock
) -> None:
    header = await gateway.header()
    await server.verify(header, "POST", BODY)
    clock.now_ms += 1
    restarted = Verifier(web.url, AUDIENCE, clock_ms=clock)
    assert await refusal(restarted, header) == "a token from before this process"
    await restarted.verify(await gateway.header(), "POST", BODY)


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
async def test_a_clock_that_steps_makes_nothing_good_again(
    server: Verifier, gateway: Minter, clock: Clock, step_ms: int
) -> None:
    used, unused = await gateway.header(), await gateway.header()
    await server.verify(used, "POST", BODY)
    clock.now_ms += step_ms
    later = await gateway.header()
    if step_ms > 0:
        await server.verify(later, "POST", BODY)  # forgets what was used an hour ago
        assert await refusal(server, unused) == "expired"
    else:
        assert await refusal(server, later) == "expired"
    clock.now_ms -= step_ms
    assert await refusal(server, used) in {"expired", "a token that was used before"}


async def test_more_tokens_than_can_be_remembered_are_refused(
    server: Verifier, gateway: Minter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_used", Replays(keep_ms=1, capacity=1))
    await server.verify(await gateway.header(), "POST", BODY)
    assert await refusal(server, await gateway.header()) == "too many tokens at once"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "DPoP abc", "Bearer a.b"])
async def test_anything_else_is_no_tool_token(server: Verifier, header: str) -> None:
    assert await refusal(server, header)


async def test_a_key_that_is_new_is_fetched(
    server: Verifier, gateway: Minter, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.identity.keys.GAP_S", 0.0)  # nobody waits in a test
    await server.verify(await gateway.header(), "POST", BODY)
    assert web.count(JWKS) == 1
    new = PrivateKey.generate()
    web.publish({JWKS: {"keys": [KEY.public.jwk("sig"), new.public.jwk("sig")]}})
    await server.verify(await gateway.changed({"jti": "another"}, key=new), "POST", BODY)
    await server.verify(await gateway.header(), "POST", BODY)
    assert web.count(JWKS) == 2


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(200, b"not a key"), Answer(302, headers={"Location": "/keys"})]
)
async def test_without_the_gateway_s_keys_everything_is_refused(
    server: Verifier, gateway: Minter, web: Web, answer: Answer
) -> None:
    web.pages[JWKS] = lambda _: answer
    assert await refusal(server, await gateway.header())


# --- around an application ------------------------------------------------------------------------

Event = MutableMapping[str, Any]


class Served:
    """An application behind the verifier, spoken to without a socket."""

    def __init__(self, server: Verifier, *, max_body_bytes: int = 1024) -> None:
        self.app = ToolTokens(self._serve, server, max_body_bytes=max_body_bytes)
        self.bodies: list[bytes] = []
        self.errands: list[verifier.Errand] = []
        self.others: list[str] = []

    async def _serve(self, scope: Event, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            self.others.append(scope["type"])
            return
        self.errands.append(verifier.errand(scope))
        event = await receive()
        assert event == {"type": "http.request", "body": event["body"], "more_body": False}
        self.bodies.append(event["body"])
        assert await receive() == {"type": "http.disconnect"}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, *headers: str, parts: tuple[bytes, ...] = (BODY,), **scope: Any) -> Event:
        """The head of the response to a request in these parts."""
        events: list[Event] = [
            {"type": "http.request", "body": part, "more_body": True} for part in parts
        ]
        events += [{"type": "http.request"}, {"type": "http.disconnect"}]
        sent: list[Event] = []

        async def receive() -> Event:
            return events.pop(0)

        async def send(event: Event) -> None:
            sent.append(event)

        fields = [(b"authorization", header.encode()) for header in headers]
        asked: Event = {
            "type": "http",
            "method": "POST",
            "path": "/mcp",
            "headers": fields,
            **scope,
        }
        await self.app(asked, receive, send)
        return sent[0] if sent else {}


@pytest.mark.parametrize("parts", [(BODY,), (BODY[:9], b"", BODY[9:])])
async def test_an_application_gets_the_request_and_its_errand(
    server: Verifier, gateway: Minter, parts: tuple[bytes, ...]
) -> None:
    served = Served(server)
    assert (await served.ask(await gateway.header(), parts=parts))["status"] == 200
    assert served.bodies == [BODY]
    assert served.errands[0].user == USER


async def test_a_refusal_does_not_say_why_and_the_log_does(
    server: Verifier, gateway: Minter, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served(server)
    used = await gateway.header()
    await served.ask(used)
    told = [
        await served.ask(),
        await served.ask(used),
        await served.ask("Bearer x"),
        await served.ask(await gateway.header(), await gateway.header()),
        await served.ask(await gateway.header(), parts=(b"{}",)),
    ]
    assert all(one == told[0] for one in told)
    assert told[0]["status"] == 401
    assert (b"www-authenticate", b'Bearer error="invalid_token"') in told[0]["headers"]
    assert len(served.bodies) == 1
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        "not one Authorization header field",
        "a token that was used before",
        "not a compact JWS",
        "not one Authorization header field",
        "a token for another message",
    ]


async def test_what_is_too_long_or_broken_off_is_not_looked_at(
    server: Verifier, gateway: Minter
) -> None:
    served = Served(server, max_body_bytes=len(BODY))
    assert (await served.ask(await gateway.header()))["status"] == 200
    assert (await served.ask(await gateway.header(), parts=(BODY, b" ")))["status"] == 413
    assert len(served.bodies) == 1

    async def gone() -> Event:
        return {"type": "http.disconnect"}

    sent: list[Event] = []

    async def send(event: Event) -> None:
        sent.append(event)

    await served.app({"type": "http", "method": "POST", "path": "/", "headers": []}, gone, send)
    assert sent[0]["status"] == 413


async def test_lifespan_passes_and_websockets_do_not(server: Verifier) -> None:
    served = Served(server)
    assert await served.ask(type="lifespan") == {}
    assert await served.ask(type="websocket") == {"type": "websocket.close", "code": 1008}
    assert served.others == ["lifespan"]


@pytest.mark.parametrize(
    "source",
    [
        {},
        None,
        {verifier.SCOPE_KEY: "forged"},
        SimpleNamespace(scope={}),
        SimpleNamespace(request_context=SimpleNamespace(request=None)),
    ],
)
def test_without_the_middleware_there_is_no_errand(source: object) -> None:
    with pytest.raises(LookupError):
        verifier.errand(source)


def test_it_loads_no_web_framework() -> None:
    heavy = "{'mcp', 'starlette', 'pydantic', 'uvicorn', 'httptools', 'uvloop', 'httpx2'}"
    code = f"import sys, safeconduct.verifier; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_digest_of_a_body_is_what_others_compute() -> None:
    # SHA-256 of nothing, in base64url without padding.
    assert body_digest(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
