"""Every kind of token where another kind is meant (RFC 8725 sections 2.8 and 3.11).

The attacker has each signer sign whatever a place wants to hear, and cannot choose with which key,
nor as what kind: what tells tokens apart is the key and `typ`, whatever their claims say.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from safeconduct.delegation.request import JWT_BEARER, JWT_SVID
from safeconduct.kit import jose
from safeconduct.ports import TokenRefused, Unauthenticated
from tests.support.parties import DESK, ISSUER, NOW_S, Parties, configuration
from tests.support.worlds import AGENT, USER

DOMAIN, PEOPLE, FRONT_END, GATEWAY = "trust-crm.example", "users-", "front-end-support-desk", ""

KINDS: Final = (
    (DOMAIN, "JWT"),
    (PEOPLE, "JWT"),
    (PEOPLE, "at+jwt"),
    (PEOPLE, "oauth-id-jag+jwt"),
    (PEOPLE, "secevent+jwt"),
    (PEOPLE, "logout+jwt"),
    (FRONT_END, "safeconduct-purpose+jwt"),
    (GATEWAY, "at+jwt"),
    (GATEWAY, "tool-token+jwt"),
    (GATEWAY, "client-authentication+jwt"),
    (GATEWAY, "authorization-grant+jwt"),
    (GATEWAY, "oauth-id-jag+jwt"),
)
"""Who signs what."""

MEANT: Final = {
    "actor": {(DOMAIN, "JWT")},
    "client": {(DOMAIN, "JWT")},
    "subject": {(PEOPLE, "JWT"), (PEOPLE, "at+jwt")},
    "grant": {(PEOPLE, "oauth-id-jag+jwt")},
    "purpose": {(FRONT_END, "safeconduct-purpose+jwt")},
    "call": {(GATEWAY, "at+jwt")},
    "introspection": {(GATEWAY, "at+jwt")},
}
"""What may stand where."""


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    config = configuration(tmp_path)
    users = replace(config.root.users, id_jag=True)
    return Parties(tmp_path, replace(config, root=replace(config.root, users=users)))


def wanted(place: str, task_token: str) -> dict[str, Any]:
    """What a place wants to hear."""
    lasting: dict[str, Any] = {"iat": NOW_S, "exp": NOW_S + 60, "jti": "j-of-a-test"}
    users = "http://127.0.0.1:8701"
    match place:
        case "actor" | "client":
            return {**lasting, "sub": AGENT, "aud": ISSUER}
        case "subject":
            return {**lasting, "iss": users, "sub": USER, "aud": "copilot"}
        case "grant":
            return {**lasting, "iss": users, "sub": USER, "aud": ISSUER, "client_id": AGENT}
        case "purpose":
            return {**lasting, "iss": DESK, "sub": USER, "aud": ISSUER, "purpose": "Answer C-1"}
        case _:
            return jose.peek(task_token)[1]


async def taken(parties: Parties, place: str, token: str) -> bool:
    """Whether a token is taken there."""
    asserted = {"client_assertion_type": JWT_SVID, "client_assertion": parties.svid()}
    nobody = {"actor_token": None, "actor_token_type": None}
    try:
        match place:
            case "actor":
                await parties.started(actor_token=token)
            case "client":
                await parties.started(**nobody, **{**asserted, "client_assertion": token})
            case "subject":
                await parties.started(subject_token=token)
            case "grant":
                await parties.started(
                    **nobody, **asserted, grant_type=JWT_BEARER, assertion=token, subject_token=None
                )
            case "purpose":
                await parties.started(purpose=None, purpose_attestation=token)
            case "call":
                parties.tokens.verify(parties.caller(token), parties.now_ms)
            case _:
                asked = {**asserted, "token": token}
                told = await parties.status.introspect(asked, parties.requester())
                return bool(told["active"])
    except (TokenRefused, Unauthenticated):
        return False
    return True


@pytest.mark.parametrize(("place", "kind"), list(itertools.product(MEANT, KINDS)))
async def test_a_token_is_good_for_what_it_was_made_for_and_nothing_else(
    parties: Parties, place: str, kind: tuple[str, str]
) -> None:
    claims = wanted(place, str((await parties.started())["access_token"]))
    signer, typ = kind
    token = (
        parties.signing.sign(claims, typ)
        if signer == GATEWAY
        else parties.signed(signer, typ, claims)
    )
    assert await taken(parties, place, token) == (kind in MEANT[place])
