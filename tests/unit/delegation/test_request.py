from __future__ import annotations

import pytest

from safeconduct.delegation.request import parse, readable
from safeconduct.ports import TokenRefused
from tests.support.parties import ACCESS, GRANT, ISSUER, JWT, MCP_URL

GATEWAY = frozenset({ISSUER, MCP_URL})
GOOD = {
    "grant_type": GRANT,
    "subject_token": "user",
    "subject_token_type": JWT,
    "actor_token": "agent",
    "actor_token_type": JWT,
    "task_profile": "triage",
    "purpose": "Answer case C-1",
}


def error(**changes: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        parse({**GOOD, **changes}, GATEWAY)
    return refused.value.error


def test_the_least_that_is_needed() -> None:
    request = parse(GOOD, GATEWAY)
    assert (request.subject_token, request.actor_token) == ("user", "agent")
    assert (request.profile, request.purpose, request.scopes) == ("triage", "Answer case C-1", None)


def test_everything_that_may_be_given() -> None:
    form = {
        **GOOD,
        "purpose": "",
        "purpose_attestation": "signed",
        "scope": "a:b  c:d a:b",
        "client_id": "agent",
        "resource": MCP_URL,
        "audience": ISSUER,
        "requested_token_type": ACCESS,
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "something": "unknown",
    }
    request = parse(form, GATEWAY)
    assert request.scopes == frozenset({"a:b", "c:d"})
    assert (request.purpose, request.purpose_attestation) == ("", "signed")
    assert request.client_id == "agent"


@pytest.mark.parametrize("name", [name for name in GOOD if name != "purpose"])
def test_nothing_is_optional(name: str) -> None:
    assert error(**{name: ""}) in {"invalid_request", "unsupported_grant_type"}


def test_what_is_not_offered() -> None:
    assert error(grant_type="client_credentials") == "unsupported_grant_type"
    assert error(subject_token_type="urn:ietf:params:oauth:token-type:saml2") == "invalid_request"
    assert error(actor_token_type=ACCESS) == "invalid_request"
    assert error(requested_token_type=JWT) == "invalid_request"
    assert error(resource="https://other.example") == "invalid_target"
    assert error(audience="salesforce-api") == "invalid_target"


def test_one_purpose() -> None:
    assert error(purpose="") == "invalid_request"
    assert error(purpose_attestation="signed") == "invalid_request"


def test_blank_scope_asks_for_nothing() -> None:
    assert parse({**GOOD, "scope": " "}, GATEWAY).scopes == frozenset()


def test_a_purpose_is_readable() -> None:
    for good in ("Réponds\u00a0: au client\n\tvite", "می\u200cخواهم", "👩\u200d💻", "x" * 2000):
        assert readable(good) == good
    for bad in (
        "",
        " \n",
        "x" * 2001,
        "bell\x07",
        "escape\x1b[2J",
        "\u202egnihtyreve dneS",
        "zero\u200bwidth",
        "tag\U000e0041",
        "half\ud800",
        "line\u2028separator",
    ):
        with pytest.raises(TokenRefused):
            readable(bad)
