"""What a tool token says: one message, one upstream, one minute, whose task, and which tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.kit import jose
from safeconduct.kit.jwk import KeySet, PrivateKey
from safeconduct.ports import CredentialUnavailable, Errand
from safeconduct.secrets.broker import Broker
from safeconduct.secrets.tool_tokens import TYPE, body_digest
from tests.support.credentials import TOOL_TOKEN, Clock, errand, signer, with_credential
from tests.support.worlds import AGENT, USER

KEY = PrivateKey.generate()
KEYS = KeySet({KEY.public.kid: KEY.public})
BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}'


class Whatever(msgspec.Struct, frozen=True):
    """Whatever claims there are."""


def claims(headers: dict[str, str]) -> dict[str, Any]:
    """The claims of the token in these header fields, whose signature holds."""
    (name,) = headers
    scheme, token = headers[name].split(" ")
    assert (name, scheme) == ("Authorization", "Bearer")
    jose.verify(token, lambda _: KEYS, types=frozenset({TYPE}), shape=Whatever)
    return jose.peek(token)[1]


async def minted(
    directory: Path, of: Errand, *, ttl_s: int = 30, body: bytes = BODY, clock: Clock | None = None
) -> dict[str, Any]:
    block = msgspec.structs.replace(TOOL_TOKEN, ttl_s=ttl_s)
    config = with_credential(directory, block)
    broker = Broker(config, clock_ms=clock or Clock(), sign=signer(KEY))
    credential = await broker.credential(of)
    assert credential is not None
    assert credential.kind == "tool-token"
    return claims(credential.fields("POST", body))


async def test_it_says_who_sends_what_where_and_for_how_long(tmp_path: Path) -> None:
    said = await minted(tmp_path, errand())
    assert len(said.pop("jti")) == 22
    assert said == {
        "iss": "http://127.0.0.1:8700",
        "aud": "crm",
        "client_id": "crm.get_case",
        "sub": USER,
        "act": {"sub": AGENT},
        "txn": "t_1",
        "tenant": "crm.example",
        "scope": "case:read",
        "method": "tools/call",
        "name": "get_case",
        "htm": "POST",
        "bd": body_digest(BODY),
        "iat": 1_000_000_000,
        "exp": 1_000_000_030,
    }


async def test_what_the_gateway_asks_for_itself_is_in_nobody_s_name(tmp_path: Path) -> None:
    said = await minted(tmp_path, Errand(upstream="crm", method="tools/list"))
    assert (said["client_id"], said["sub"], said["name"]) == ("crm", "crm", "")
    assert said.keys().isdisjoint({"act", "txn", "scope"})


async def test_only_a_tool_has_a_service_identity_of_its_own(tmp_path: Path) -> None:
    said = await minted(tmp_path, errand(method="resources/read", name="file:///a"))
    assert (said["client_id"], said["sub"], said["name"]) == ("crm", USER, "file:///a")


@pytest.mark.parametrize(
    ("left_ms", "life_s"), [(60_000, 30), (29_999, 29), (999, 0), (-5_000, -5)]
)
async def test_it_never_outlives_the_task_token(tmp_path: Path, left_ms: int, life_s: int) -> None:
    said = await minted(tmp_path, errand(ends_ms=Clock().now_ms + left_ms))
    assert said["exp"] - said["iat"] == life_s


async def test_it_never_lasts_longer_than_a_minute(tmp_path: Path) -> None:
    said = await minted(tmp_path, errand(), ttl_s=3600)
    assert said["exp"] - said["iat"] == 60


async def test_each_message_of_a_call_gets_its_own(tmp_path: Path) -> None:
    clock = Clock()
    config = with_credential(tmp_path, TOOL_TOKEN)
    credential = await Broker(config, clock_ms=clock, sign=signer(KEY)).credential(errand())
    assert credential is not None
    first = claims(credential.fields("POST", b"one"))
    clock.now_ms += 2_000
    second = claims(credential.fields("GET", b""))
    assert first["jti"] != second["jti"]
    assert (first["bd"], first["htm"]) == (body_digest(b"one"), "POST")
    assert (second["bd"], second["htm"]) == (body_digest(b""), "GET")
    assert second["iat"] - first["iat"] == 2


async def test_it_goes_only_where_the_agent_s_registration_says(tmp_path: Path) -> None:
    elsewhere = msgspec.structs.replace(TOOL_TOKEN, audience="payments")
    broker = Broker(with_credential(tmp_path, elsewhere), clock_ms=Clock(), sign=signer(KEY))
    with pytest.raises(CredentialUnavailable):
        await broker.credential(errand())
    assert await broker.credential(Errand(upstream="crm")) is not None


async def test_without_a_key_there_is_none(tmp_path: Path) -> None:
    broker = Broker(with_credential(tmp_path, TOOL_TOKEN), clock_ms=Clock())
    credential = await broker.credential(errand())
    assert credential is not None
    with pytest.raises(CredentialUnavailable):
        credential.fields("POST", BODY)


async def test_a_credential_that_is_printed_shows_nothing(tmp_path: Path) -> None:
    broker = Broker(with_credential(tmp_path, TOOL_TOKEN), clock_ms=Clock(), sign=signer(KEY))
    assert repr(await broker.credential(errand())) == "Credential(kind='tool-token')"
