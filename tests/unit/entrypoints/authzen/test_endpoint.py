"""The Authorization API over HTTP: who may ask, in which form, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.config.authzen import Drafts
from safeconduct.delegation.enforcers import Enforcers
from safeconduct.entrypoints.authzen.shape import MAX_BYTES, MAX_EVALUATIONS
from safeconduct.ports import JSON, LedgerFault, TokenRefused
from tests.support.enforcing import OTHER_PEP, PEP, READS, Deciding
from tests.support.parties import ISSUER
from tests.support.worlds import AGENT

ONE = "/access/v1/evaluation"
SEVERAL = "/access/v1/evaluations"
SEARCHES = tuple(f"/access/v1/search/{name}" for name in ("subject", "resource", "action"))


async def test_who_shows_nothing_is_told_how(fixture: Deciding) -> None:
    fixture.comes(None)
    for path in (ONE, SEVERAL, *SEARCHES, "/access/v1/requests"):
        reply = await fixture.post(path, READS, ("x-request-id", "r-1"))
        assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer realm="authzen"')
        assert reply.headers["x-request-id"] == "r-1"
    assert (await fixture.get("/access/v1/requests/r_0")).status == 401


async def test_a_certificate_is_good_for_many_questions(fixture: Deciding) -> None:
    for pep in (PEP, PEP, OTHER_PEP):
        fixture.comes(pep)
        assert (await fixture.asked(READS))["decision"] is True


async def test_a_jwt_svid_is_good_for_one(fixture: Deciding) -> None:
    fixture.comes(None)
    shown = ("authorization", f"Bearer {fixture.parties.svid(PEP)}")
    assert (await fixture.post(ONE, READS, shown)).json["decision"] is True
    assert (await fixture.post(ONE, READS, shown)).status == 401
    assert fixture.records("client")[0]["phase"] == "decision"


@pytest.mark.parametrize("given", ["Bearer", "Basic eDp5", "DPoP abc", "Bearer a b", "Bearer x"])
async def test_what_proves_nobody(deciding: Deciding, given: str) -> None:
    assert (await deciding.post(ONE, READS, ("authorization", given))).status == 401


async def test_an_agent_asks_for_no_decisions_about_itself(deciding: Deciding) -> None:
    deciding.comes(AGENT)
    reply = await deciding.post(ONE, deciding.message())
    assert reply.status == 401
    assert deciding.records("decision") == []
    (kept,) = deciding.refusals.last()
    assert (kept.path, kept.why) == (ONE, f"{AGENT} is not in authzen.callers")


async def test_the_name_of_a_request_comes_back_whatever_the_answer(fixture: Deciding) -> None:
    named = ("x-request-id", "bfe9eb29 ab87")
    for body, status in ((READS, 200), ({}, 400)):
        reply = await fixture.post(ONE, body, named)
        assert (reply.status, reply.headers["x-request-id"]) == (status, "bfe9eb29 ab87")
    fixture.fault = LedgerFault("no space")
    reply = await fixture.post(ONE, READS, named)
    assert (reply.status, reply.headers["x-request-id"]) == (500, "bfe9eb29 ab87")
    fixture.fault = None
    assert "x-request-id" not in (await fixture.post(ONE, READS)).headers


@pytest.mark.parametrize(
    "fields", [[("x-request-id", "x" * 257)], [("x-request-id", "a"), ("x-request-id", "b")]]
)
async def test_a_name_that_is_none(deciding: Deciding, fields: Any) -> None:
    assert (await deciding.post(ONE, READS, *fields)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"alice"',
        b'{"subject": {}, "subject": {}}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
        {**READS, "subject": "alice"},
        {**READS, "subject": {"id": "alice"}},
        {**READS, "subject": {"type": "user"}},
        {**READS, "subject": {"type": "user", "id": ""}},
        {**READS, "subject": {"type": "user", "id": "x" * 513}},
        {**READS, "action": {}},
        {**READS, "action": {"name": 123}},
        {**READS, "resource": {"type": "record"}},
        {**READS, "resource": {"type": "record", "id": "1", "properties": None}},
        {**READS, "context": []},
        *({name: READS[name] for name in READS if name != left} for left in READS),
    ],
)
@pytest.mark.parametrize("path", [ONE, SEVERAL])
async def test_what_is_no_question(deciding: Deciding, path: str, body: Any) -> None:
    reply = await deciding.post(path, body)
    assert (reply.status, reply.headers["content-type"]) == (400, "application/problem+json")
    assert deciding.records("evaluation") == []


async def test_the_body_is_json(deciding: Deciding) -> None:
    for given in ("text/plain", "application/jsonl", "application/x-www-form-urlencoded"):
        assert (await deciding.post(ONE, READS, ("content-type", given))).status == 400
    typed = ("content-type", "Application/JSON; charset=utf-8")
    assert (await deciding.post(ONE, READS, typed)).status == 200


async def test_a_body_that_is_too_long_is_not_read(deciding: Deciding) -> None:
    assert (await deciding.post(ONE, b" " * (MAX_BYTES + 1))).status == 413


async def test_unknown_members_are_ignored(fixture: Deciding) -> None:
    more = {**READS, "foo": "bar", "subject": {**READS["subject"], "later": {"nested": True}}}
    assert (await fixture.asked(more))["decision"] is True


def batch(*resources: str, **more: object) -> JSON:
    evaluations = [{"resource": {"type": "record", "id": one}} for one in resources]
    return {
        "subject": READS["subject"],
        "action": READS["action"],
        "evaluations": evaluations,
        **more,
    }


async def decided(deciding: Deciding, body: JSON) -> list[bool]:
    told = await deciding.asked(body, SEVERAL)
    assert set(told) == {"evaluations"}
    return [one["decision"] for one in told["evaluations"]]


@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        (None, [True, False, True, False]),
        ("execute_all", [True, False, True, False]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_the_three_ways_to_ask_several_questions(
    fixture: Deciding, semantic: str | None, decisions: list[bool]
) -> None:
    options = {} if semantic is None else {"options": {"evaluations_semantic": semantic}}
    asked = batch("record-1", "nowhere", "record-2", "nowhere", **options)
    assert await decided(fixture, asked) == decisions
    assert len(fixture.records("evaluation")) == len(decisions)


async def test_an_entity_is_taken_over_whole_or_not_at_all(fixture: Deciding) -> None:
    asked = batch("record-1", resource={"type": "record", "id": "nowhere"})
    asked["evaluations"] += [{}, {"resource": {"id": "record-1"}}, {"context": {"a": 1}}]
    assert await decided(fixture, asked) == [True, False, False, False]


async def test_a_question_that_makes_no_sense_spoils_no_other(fixture: Deciding) -> None:
    asked = batch("record-1")
    asked["evaluations"] += [{}, 7, {"resource": "record-1"}]
    told = (await fixture.asked(asked, SEVERAL))["evaluations"]
    assert [one["decision"] for one in told] == [True, False, False, False]
    assert [one["context"]["error"]["message"] for one in told[1:]] == [
        "`resource` is missing.",
        "Not an object.",
        "`resource` has not the form that it must have.",
    ]


async def test_no_questions_are_one(fixture: Deciding) -> None:
    for body in (READS, {**READS, "evaluations": []}):
        assert (await fixture.asked(body, SEVERAL))["decision"] is True


@pytest.mark.parametrize(
    "body",
    [
        batch(*["record-1"] * (MAX_EVALUATIONS + 1)),
        batch("record-1", options={"evaluations_semantic": "first"}),
        batch("record-1", options=[]),
        batch("record-1", subject={"type": "user"}),
        {**READS, "evaluations": {}},
    ],
)
async def test_a_batch_that_is_none(deciding: Deciding, body: JSON) -> None:
    assert (await deciding.post(SEVERAL, body)).status == 400
    assert deciding.records("evaluation") == []


async def test_messages_and_other_things_in_one_batch(fixture: Deciding) -> None:
    asked = {"evaluations": [READS, fixture.message(), fixture.message(task="t_0")]}
    assert await decided(fixture, asked) == [True, True, False]
    assert len(fixture.records("decision")) == 1


@pytest.mark.parametrize("path", SEARCHES)
async def test_a_search_that_is_none(fixture: Deciding, path: str) -> None:
    for body in ({}, {**READS, "subject": 1}, {**READS, "resource": {}}, {**READS, "page": 1}):
        assert (await fixture.post(path, body)).status == 400


async def test_the_document_says_what_is_served(fixture: Deciding) -> None:
    fixture.comes(None)
    reply = await fixture.get("/.well-known/authzen-configuration")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json == {
        "policy_decision_point": ISSUER,
        "access_evaluation_endpoint": ISSUER + ONE,
        "access_evaluations_endpoint": ISSUER + SEVERAL,
        "search_subject_endpoint": ISSUER + SEARCHES[0],
        "search_resource_endpoint": ISSUER + SEARCHES[1],
        "search_action_endpoint": ISSUER + SEARCHES[2],
        "access_request_endpoint": f"{ISSUER}/access/v1/requests",
        "capabilities": ["urn:openid:authzen:capability:access-request"],
        "supported_obligations": ["custom"],
    }


async def test_the_document_says_nothing_else(tmp_path: Any) -> None:
    async with Deciding(tmp_path, drafts=Drafts(coaz_mcp="draft-1"), bundle=None) as deciding:
        assert (await deciding.get("/.well-known/authzen-configuration")).json == {
            "policy_decision_point": ISSUER,
            "access_evaluation_endpoint": ISSUER + ONE,
            "access_evaluations_endpoint": ISSUER + SEVERAL,
        }


async def test_a_proof_may_have_to_be_new(
    deciding: Deciding, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enforcer(*_: object) -> str:
        raise TokenRefused("invalid_client", "No.", status=401, nonce="n-1")

    monkeypatch.setattr(Enforcers, "enforcer", enforcer)
    reply = await deciding.post(ONE, READS)
    assert (reply.status, reply.headers["dpop-nonce"]) == (401, "n-1")

    async def fails(*_: object) -> str:
        raise TokenRefused("temporarily_unavailable", "Nothing can be recorded: i_0", status=503)

    monkeypatch.setattr(Enforcers, "enforcer", fails)
    reply = await deciding.post(ONE, READS)
    assert reply.status == 503
    assert "www-authenticate" not in reply.headers
