from __future__ import annotations

import pytest

from safeconduct.delegation.request import (
    JWT_BEARER,
    JWT_SVID,
    TASK_TOKEN_TYPE,
    Amendment,
    Child,
    HandedOver,
    Renewal,
    Start,
    UserToken,
    parse,
    readable,
)
from safeconduct.ports import TokenRefused
from tests.support.parties import ACCESS, GRANT, ISSUER, JWT, MCP_URL

GATEWAY = frozenset({ISSUER, MCP_URL})
DETAILS = '[{"type": "safeconduct_task", "purpose": "Look"}]'
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


def started(form: dict[str, str]) -> Start:
    request = parse(form, GATEWAY)
    assert isinstance(request, Start)
    return request


def test_the_least_that_is_needed() -> None:
    request = started(GOOD)
    assert (request.user, request.svids) == (UserToken("user"), ("agent",))
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
    request = started(form)
    assert request.scopes == frozenset({"a:b", "c:d"})
    assert (request.purpose, request.attestation) == ("", "signed")
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


SVID = {"client_assertion": "client", "client_assertion_type": JWT_SVID}
TASK = {"subject_token": "task", "subject_token_type": TASK_TOKEN_TYPE}


def test_an_svid_is_shown_as_the_client_as_well_as_the_actor() -> None:
    alone = {name: value for name, value in GOOD.items() if not name.startswith("actor")}
    assert parse({**alone, **SVID}, GATEWAY).svids == ("client",)
    assert parse({**GOOD, **SVID}, GATEWAY).svids == ("client", "agent")
    assert parse({**GOOD, **SVID, "actor_token": "client"}, GATEWAY).svids == ("client",)
    assert error(client_assertion="client") == "invalid_client"
    assert error(**{**SVID, "client_assertion_type": "other"}) == "invalid_client"


def test_what_is_asked_for_is_what_is_shown() -> None:
    renewal = parse({**GOOD, "task": "t_1"}, GATEWAY)
    assert isinstance(renewal, Renewal)
    assert (renewal.task, renewal.subject) == ("t_1", UserToken("user"))
    amendment = parse({**GOOD, **TASK, "purpose_attestation": "signed"}, GATEWAY)
    assert isinstance(amendment, Amendment)
    assert (amendment.token, amendment.attestation) == ("task", "signed")
    child = parse({**GOOD, **TASK, "subject_token_proof": "proof"}, GATEWAY)
    assert isinstance(child, Child)
    assert (child.parent, child.purpose) == (HandedOver("task", "proof"), "Answer case C-1")
    renewal = parse({**GOOD, **TASK, "subject_token_proof": "proof", "task": "t_2"}, GATEWAY)
    assert isinstance(renewal, Renewal)
    assert renewal.subject == HandedOver("task", "proof")


def test_details_are_fixed_at_the_start() -> None:
    later = {"authorization_details": '[{"type": "safeconduct_task"}]'}
    assert error(**later, task="t_1") == "invalid_authorization_details"
    assert error(**later, **TASK, purpose_attestation="x") == "invalid_authorization_details"


def test_an_assertion_needs_a_client() -> None:
    grant = {"grant_type": JWT_BEARER, "assertion": "id-jag"}
    assert started({**GOOD, **grant, **SVID}).user == UserToken("id-jag", grant=True)
    assert error(**grant) == "invalid_client"
    assert error(**{**grant, **SVID, "assertion": ""}) == "invalid_request"


def test_a_child_task_has_no_attestation_of_its_own() -> None:
    handed = {**TASK, "subject_token_proof": "proof"}
    assert error(**handed, purpose_attestation="signed") == "invalid_request"
    assert error(**handed, authorization_details=DETAILS) == "invalid_request"
    assert error(**TASK) == "invalid_request"


def test_details_may_hold_the_purpose() -> None:
    assert started({**GOOD, "purpose": "", "authorization_details": DETAILS}).purpose == "Look"
    assert error(authorization_details=DETAILS) == "invalid_request"
    assert error(authorization_details="[]") == "invalid_authorization_details"


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
