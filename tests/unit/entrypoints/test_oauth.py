from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from safeconduct.entrypoints.oauth import (
    parse_form,
    refusal,
    resource_metadata,
    server_metadata,
    token_endpoint,
)
from safeconduct.ports import JSON, Caller, LedgerFault, TokenRefused
from tests.support.parties import ISSUER, Parties, configuration


async def test_a_token_response(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    status, headers, body = await token_endpoint(
        parties.exchange, parties.form(), parties.requester()
    )
    assert (status, body["token_type"]) == (200, "DPoP")
    assert headers == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "pragma": "no-cache",
    }


async def test_an_error_response(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    status, headers, body = await token_endpoint(parties.exchange, {}, parties.requester())
    assert (status, headers["cache-control"]) == (400, "no-store")
    assert body == {
        "error": "unsupported_grant_type",
        "error_description": "Only token exchange is offered.",
    }


async def test_no_record_is_unavailable(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    parties.ledger.fault = LedgerFault("disk full")
    status, _, body = await token_endpoint(parties.exchange, parties.form(), parties.requester())
    assert (status, body["error"]) == (503, "temporarily_unavailable")
    assert "access_token" not in body


async def test_what_nobody_expected_is_not_answered_here(tmp_path: Path) -> None:
    class Broken:
        async def exchange(self, form: Mapping[str, str], caller: Caller) -> JSON:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await token_endpoint(Broken(), {}, Parties(tmp_path).requester())


def test_a_form() -> None:
    assert parse_form(b"") == {}
    assert parse_form(b"a=1&b=two+words&c=%C3%A9&d=") == {
        "a": "1",
        "b": "two words",
        "c": "é",
        "d": "",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"a",
        b"a=1&a=1",
        b"a=1&a=",
        b"a=1&%61=2",
        b"a=%FF",
        "a=é".encode(),
        b"\xff=1",
        b"a=1&&b=2",
        b"&".join(b"k%d=v" % number for number in range(33)),
        b"a=" + b"x" * 65_536,
        b'{"grant_type": "x"}',
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(TokenRefused) as refused:
        parse_form(body)
    assert refusal(refused.value)[0] == 400


def test_the_documents(tmp_path: Path) -> None:
    gateway = configuration(tmp_path).root.gateway
    server, resource = server_metadata(gateway), resource_metadata(gateway)
    assert server["issuer"] == ISSUER
    assert server["token_endpoint"] == f"{ISSUER}/oauth/token"
    assert resource["resource"] == f"{ISSUER}/mcp"
    assert resource["authorization_servers"] == [ISSUER]
    assert resource["jwks_uri"] == server["jwks_uri"]
    assert resource["dpop_bound_access_tokens_required"] is True
    weak = configuration(tmp_path, unsafe_bearer_tokens=True).root.gateway
    assert resource_metadata(weak)["dpop_bound_access_tokens_required"] is False
