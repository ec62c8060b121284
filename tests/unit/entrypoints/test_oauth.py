from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest

from safeconduct.delegation.request import JWT_SVID
from safeconduct.entrypoints.http import Site, doors
from safeconduct.entrypoints.oauth import TokenEndpoints, parse_form, refusal, token_endpoint
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.identity.nonces import Nonces
from safeconduct.ports import JSON, Caller, LedgerFault, TokenRefused
from tests.support.front import Reply, exchange
from tests.support.parties import ISSUER, Parties
from tests.support.worlds import AGENT, USER

REFUSALS = Refusals(lambda: 7)


async def test_a_token_response(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    status, headers, body = await token_endpoint(
        parties.exchange, parties.form(), parties.requester(), REFUSALS
    )
    assert (status, body["token_type"]) == (200, "DPoP")
    assert headers == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "pragma": "no-cache",
    }


async def test_an_error_response(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    status, headers, body = await token_endpoint(
        parties.exchange, {}, parties.requester(), REFUSALS
    )
    assert (status, headers["cache-control"]) == (400, "no-store")
    assert body == {
        "error": "unsupported_grant_type",
        "error_description": "This grant type is not offered.",
    }


async def test_a_refusal_is_explained_to_the_operator_alone(tmp_path: Path) -> None:
    parties, refusals = Parties(tmp_path), Refusals(lambda: 7)
    form = parties.form(task_profile="other")
    _, _, body = await token_endpoint(parties.exchange, form, parties.requester(), refusals)
    (kept,) = refusals.last()
    assert (kept.at_ms, kept.path) == (7, "/oauth/token")
    assert kept.told == body["error_description"]
    assert kept.why == f"{AGENT} is not assigned this profile"
    assert kept.why not in str(body)
    assert kept.claims == {"actor": AGENT, "subject": f"{USER} by http://127.0.0.1:8701"}


async def test_no_record_is_unavailable(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    parties.ledger.fault = LedgerFault("disk full")
    status, _, body = await token_endpoint(
        parties.exchange, parties.form(), parties.requester(), REFUSALS
    )
    assert (status, body["error"]) == (503, "temporarily_unavailable")
    assert "access_token" not in body


async def test_what_nobody_expected_is_not_answered_here(tmp_path: Path) -> None:
    class Broken:
        async def exchange(self, form: Mapping[str, str], caller: Caller) -> JSON:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await token_endpoint(Broken(), {}, Parties(tmp_path).requester(), REFUSALS)


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


# --- over HTTP ------------------------------------------------------------------------------------


def site(parties: Parties) -> Site:
    gateway = parties.config.root.gateway
    keys = parties.signing.jwks
    endpoints = TokenEndpoints(
        gateway, parties.exchange, parties.status, keys, REFUSALS, id_jag=True
    )
    return Site(endpoints.routes(), doors(gateway.issuer, gateway.listen))


async def asked(
    there: Site,
    path: str,
    form: Mapping[str, str] | bytes = b"",
    *proofs: str,
    method: str = "POST",
) -> Reply:
    fields = [("host", "127.0.0.1:8700"), *(("dpop", proof) for proof in proofs)]
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    return await exchange(there, body, fields, path=path, method=method).run()


async def test_a_task_starts_and_its_token_is_asked_about_and_ended(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    there = site(parties)
    started = await asked(there, "/oauth/token", parties.form(), parties.proof())
    assert started.status == 200
    assert started.headers["cache-control"] == "no-store"

    def client() -> dict[str, str]:
        shown = {"client_assertion": parties.svid(), "client_assertion_type": JWT_SVID}
        return {"token": started.json["access_token"], **shown}

    told = await asked(there, "/oauth/introspect", client())
    assert (told.status, told.json["active"]) == (200, True)
    assert told.headers["cache-control"] == "no-store"
    ended = await asked(there, "/oauth/revoke", client())
    assert (ended.status, ended.json) == (200, {})
    told = await asked(there, "/oauth/introspect", client())
    assert told.json == {"active": False}


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
async def test_why_a_client_is_nobody_is_told_to_the_operator(tmp_path: Path, path: str) -> None:
    parties = Parties(tmp_path)
    await parties.revoke("agent", AGENT, "uid:0")
    shown = {"client_assertion": parties.svid(), "client_assertion_type": JWT_SVID}
    reply = await asked(site(parties), path, {"token": "garbage", **shown})
    assert (reply.status, reply.json["error"]) == (401, "invalid_client")
    assert "revoked" not in reply.json["error_description"]
    kept = REFUSALS.last()[-1]
    assert (kept.path, kept.why) == (path, f"{AGENT} or its key was revoked")
    assert kept.claims == {"client": AGENT, "token": "not a token"}


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/introspect", "/oauth/revoke"])
async def test_what_is_no_request_is_told_as_oauth_has_it(tmp_path: Path, path: str) -> None:
    there = site(Parties(tmp_path))
    for body in (b"a=1&a=2", b"a=1"):
        reply = await asked(there, path, body)
        assert reply.status == 400
        assert set(reply.json) == {"error", "error_description"}


async def test_two_proofs_are_not_one(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    reply = await asked(
        site(parties), "/oauth/token", parties.form(), parties.proof(), parties.proof()
    )
    assert (reply.status, reply.json["error"]) == (400, "invalid_dpop_proof")


async def test_a_nonce_is_given_to_who_has_none(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    proofs = Proofs(since_ms=0, nonces=Nonces())
    parties = Parties(tmp_path, evidence=ConfiguredEvidence(parties.config, proofs))
    there, form = site(parties), parties.form()
    refused = await asked(there, "/oauth/token", form, parties.proof())
    assert (refused.status, refused.json["error"]) == (400, "use_dpop_nonce")
    nonce = refused.headers["dpop-nonce"]
    again = await asked(there, "/oauth/token", form, parties.proof(nonce=nonce))
    assert again.status == 200


async def test_the_documents_are_served(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    there = site(parties)
    for path, name, value in (
        ("/.well-known/oauth-authorization-server", "issuer", ISSUER),
        ("/.well-known/oauth-protected-resource/mcp", "resource", f"{ISSUER}/mcp"),
        ("/.well-known/oauth-protected-resource/mcp/crm", "resource", f"{ISSUER}/mcp/crm"),
        ("/oauth/jwks", "keys", parties.signing.jwks()["keys"]),
    ):
        reply = await asked(there, path, method="GET")
        assert (reply.status, reply.json[name]) == (200, value)
    # Whether there is such an upstream is not told here.
    path = "/.well-known/oauth-protected-resource/mcp/"
    assert (await asked(there, f"{path}nobody", method="GET")).status == 200
    assert (await asked(there, f"{path}No%20body", method="GET")).status == 404
