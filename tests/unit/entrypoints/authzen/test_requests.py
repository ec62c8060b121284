"""From a refusal to a person's yes, and back to a decision."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from safeconduct.approvals.answers import Answer, Approver
from safeconduct.config.approvals import ApprovalsBlock, ConsoleBlock
from safeconduct.config.authzen import Drafts
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.entrypoints.authzen import requests
from safeconduct.ports import JSON, LedgerFault
from tests.support.approving import Signs, say
from tests.support.enforcing import OTHER_PEP, Deciding
from tests.support.front import Reply
from tests.support.parties import ISSUER

PATH = "/access/v1/requests"
URN = "urn:openid:authzen:access-request:error:"


@pytest.fixture(autouse=True)
def asks(deciding: Deciding) -> None:
    deciding.rules.answer = PolicyAnswer(elevate=(PolicyElevate("ask", "ask", 300),))


async def refused(deciding: Deciding, asked: JSON | None = None) -> JSON:
    """The context of a refusal, which has to be one."""
    told = await deciding.asked(asked or deciding.message())
    assert told["decision"] is False
    return dict(told["context"])


def submission(asked: JSON, context: JSON, **changes: Any) -> JSON:
    denial = {
        "evaluation_id": context["evaluation_id"],
        "expires_at": context["access_request"]["expires_at"],
    }
    return {**asked, "denial": denial, **changes}


async def submitted(deciding: Deciding, key: str | None = None) -> JSON:
    """The handle of a request for the one call that these tests make."""
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked))
    reply = await deciding.post(PATH, body, *([] if key is None else [("idempotency-key", key)]))
    assert reply.status == 202
    return dict(reply.json["task"])


async def status(deciding: Deciding, task: JSON) -> JSON:
    reply = await deciding.get(f"{PATH}/{task['id']}")
    assert reply.status == 200
    return reply.json


def approval_of(deciding: Deciding) -> str:
    (pending,) = deciding.rooms.desk.pending()
    return pending.id


def problem(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.json["type"]) == (status, URN + code)
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_refusal_that_a_person_can_undo_says_so(deciding: Deciding) -> None:
    context = await refused(deciding)
    assert context["reason"] == "approval-required"
    assert context["access_request"] == {
        "endpoint": ISSUER + PATH,
        "expires_at": "2026-09-21T14:18:20.000Z",
    }
    assert context["evaluation_id"] == deciding.records("decision")[0]["decision"]
    assert deciding.records("approval")[0]["decision"] == context["evaluation_id"]


async def test_any_other_refusal_does_not(deciding: Deciding) -> None:
    deciding.rules.answer = PolicyAnswer(deny=("no",))
    assert "access_request" not in await refused(deciding)


async def test_without_the_draft_nobody_is_told_and_nothing_is_served(tmp_path: Path) -> None:
    drafts = Drafts(coaz_mcp="draft-1")
    async with Deciding(tmp_path / "other", drafts=drafts, bundle=None) as deciding:
        deciding.rules.answer = PolicyAnswer(elevate=(PolicyElevate("ask", "ask", 300),))
        context = await refused(deciding, deciding.message(approval={"id": "a_1"}))
        assert context["reason"] == "approval-required"
        assert "access_request" not in context
        assert (await deciding.post(PATH, {})).status == 404


async def test_the_way_from_no_to_yes(deciding: Deciding) -> None:
    task = await submitted(deciding)
    assert task["status"] == "pending"
    assert task["status_endpoint"] == f"{ISSUER}{PATH}/{task['id']}"
    assert (await status(deciding, task))["task"] == task
    approval = approval_of(deciding)
    deciding.now_ms += 1_000
    await deciding.rooms.desk.operate(approval, granted=True, by="uid:0")
    told = await status(deciding, task)
    assert told["task"]["status"] == "approved"
    assert told["result"] == {
        "mode": "reevaluate",
        "approval": {
            "id": approval,
            "approved_at": "2026-09-21T14:13:21.000Z",
            "approved_until": "2026-09-21T14:18:21.000Z",
        },
    }
    again = deciding.message(approval=told["result"]["approval"])
    assert (await deciding.asked(again))["decision"] is True
    assert deciding.records("decision")[-1]["approval"] == approval
    assert deciding.records("client") == [
        {
            "kind": "client",
            "n": deciding.records("client")[0]["n"],
            "phase": "access-request",
            "client": "spiffe://crm.example/peps/mesh",
            "at_ms": deciding.now_ms - 1_000,
            "approval": approval,
        }
    ]


async def test_a_yes_is_good_once(deciding: Deciding) -> None:
    await submitted(deciding)
    approval = approval_of(deciding)
    await deciding.rooms.desk.operate(approval, granted=True, by="uid:0")
    again = deciding.message(approval={"id": approval})
    assert (await deciding.asked(again))["decision"] is True
    context = await refused(deciding, again)
    assert (context["reason"], context["next_action"]) == ("approval_expired", "request")
    assert context["access_request"]["endpoint"] == ISSUER + PATH


async def test_a_yes_is_good_for_what_was_asked(deciding: Deciding) -> None:
    await submitted(deciding)
    approval = approval_of(deciding)
    await deciding.rooms.desk.operate(approval, granted=True, by="uid:0")
    other = deciding.message(name="crm__get_deal", arguments={"id": "D-7"})
    other["context"]["approval"] = {"id": approval}
    context = await refused(deciding, other)
    assert (context["reason"], context["next_action"]) == ("out_of_scope", "request")


@pytest.mark.parametrize("given", ["a_0", "", "pending"])
async def test_an_approval_that_is_none_permits_nothing(deciding: Deciding, given: str) -> None:
    await submitted(deciding)
    named = approval_of(deciding) if given == "pending" else given
    context = await refused(deciding, deciding.message(approval={"id": named}))
    assert (context["reason"], context["next_action"]) == ("approval_unverifiable", "request")


async def test_a_yes_does_not_help_against_a_no_of_the_policy(deciding: Deciding) -> None:
    await submitted(deciding)
    approval = approval_of(deciding)
    await deciding.rooms.desk.operate(approval, granted=True, by="uid:0")
    deciding.rules.answer = PolicyAnswer(deny=("no",))
    context = await refused(deciding, deciding.message(approval={"id": approval}))
    assert (context["reason"], context["next_action"]) == ("policy_denied", "none")
    assert "access_request" not in context


async def test_a_no_stays_one(deciding: Deciding) -> None:
    task = await submitted(deciding)
    await deciding.rooms.desk.operate(approval_of(deciding), granted=False, by="uid:0")
    assert await status(deciding, task) == {"task": {**task, "status": "denied"}}


async def test_a_question_that_nobody_answers_is_over(deciding: Deciding) -> None:
    task = await submitted(deciding)
    deciding.now_ms += 300_000
    assert (await status(deciding, task))["task"]["status"] == "expired"


async def test_a_question_that_the_state_does_not_know_failed(
    deciding: Deciding, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await submitted(deciding)
    monkeypatch.setattr(deciding.rooms.state, "question", lambda _: None)
    assert (await status(deciding, task))["task"]["status"] == "failed"


async def test_the_same_again_is_the_same_request(deciding: Deciding) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked))
    tasks = [(await deciding.post(PATH, body)).json["task"]["id"] for _ in range(2)]
    keyed = [
        (await deciding.post(PATH, body, ("idempotency-key", "k"))).json["task"]["id"]
        for _ in range(2)
    ]
    assert len({*tasks, *keyed}) == 1
    assert len(deciding.records("client")) == 1
    other = await deciding.post(PATH, {**body, "x": 1}, ("idempotency-key", "k"))
    problem(other, 409, "duplicate_request")


async def test_the_same_at_once_is_the_same_request(deciding: Deciding) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked))
    replies = await asyncio.gather(*(deciding.post(PATH, body) for _ in range(4)))
    assert len({reply.json["task"]["id"] for reply in replies}) == 1
    assert len(deciding.records("client")) == 1


async def test_a_key_is_that_of_one_enforcement_point(deciding: Deciding) -> None:
    await submitted(deciding, "k")
    deciding.comes(OTHER_PEP)
    asked = deciding.message()
    reply = await deciding.post(
        PATH, submission(asked, await refused(deciding, asked)), ("idempotency-key", "k")
    )
    assert reply.status == 202


async def test_a_request_is_seen_by_who_made_it(deciding: Deciding) -> None:
    task = await submitted(deciding)
    deciding.comes(OTHER_PEP)
    problem(await deciding.get(f"{PATH}/{task['id']}"), 404, "unknown_task")
    problem(await deciding.get(f"{PATH}/r_0"), 404, "unknown_task")


@pytest.mark.parametrize(
    "change",
    [
        {"subject": {"type": "identity", "id": "bob@crm.example"}},
        {"subject": {"type": "identity", "id": "jane@crm.example", "properties": {"x": 1}}},
        {"resource": {"type": "tool", "id": "crm__get_deal"}},
        {"action": {"name": "prompts/get"}},
        {"denial": {"evaluation_id": "d_0", "expires_at": "2026-09-21T14:18:20.000Z"}},
        {"denial": {"expires_at": "2026-09-21T14:18:20.000Z", "evaluation_id": ""}},
    ],
)
async def test_what_was_not_denied_cannot_be_requested(deciding: Deciding, change: JSON) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked), **change)
    problem(await deciding.post(PATH, body), 400, "invalid_denial_binding")


async def test_other_arguments_are_another_call(deciding: Deciding) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked))
    body["context"] = {**asked["context"], "arguments": {"case_id": "C-2"}}
    problem(await deciding.post(PATH, body), 400, "invalid_denial_binding")
    for name in ("arguments", "task", "agent"):
        body["context"] = {one: asked["context"][one] for one in asked["context"] if one != name}
        problem(await deciding.post(PATH, body), 400, "invalid_denial_binding")
    body["context"] = {**asked["context"], "justification": "It is needed."}
    assert (await deciding.post(PATH, body)).status == 202


async def test_a_later_hour_is_not_what_was_told(deciding: Deciding) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked))
    body["denial"]["expires_at"] = "2026-09-22T00:00:00.000Z"
    problem(await deciding.post(PATH, body), 400, "invalid_denial_binding")


async def test_the_denial_of_somebody_else(deciding: Deciding) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked))
    deciding.comes(OTHER_PEP)
    problem(await deciding.post(PATH, body), 400, "invalid_denial_binding")


async def test_a_denial_gets_old(deciding: Deciding) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked))
    deciding.now_ms += 300_000
    problem(await deciding.post(PATH, body), 410, "expired_denial")


@pytest.mark.parametrize(
    "more", [{"items": []}, {"callback": {"endpoint": "https://10.0.0.1/"}}, {"denial": {}}]
)
async def test_what_is_not_understood_is_not_done(deciding: Deciding, more: JSON) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked), **more)
    reply = await deciding.post(PATH, body)
    assert (reply.status, reply.json["type"]) == (400, "about:blank")


async def test_a_request_that_cannot_be_recorded_is_none(deciding: Deciding) -> None:
    asked = deciding.message()
    body = submission(asked, await refused(deciding, asked))
    deciding.fault = LedgerFault("no space")
    assert (await deciding.post(PATH, body)).status == 500
    deciding.fault = None
    assert (await deciding.post(PATH, body)).status == 202


async def test_what_is_kept_is_bounded(deciding: Deciding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_KEPT", 1)
    asked = deciding.message()
    first = submission(asked, await refused(deciding, asked))
    second = submission(asked, await refused(deciding, asked))
    problem(await deciding.post(PATH, first), 400, "invalid_denial_binding")
    assert (await deciding.post(PATH, second)).status == 202


# --- several persons, less, and more --------------------------------------------------------------

CONSOLE = ConsoleBlock(listen="127.0.0.1:8790", url="http://localhost:8790")
KIM = Approver(user="kim@crm.example", tenant="crm.example")
DEAL: JSON = {"id": "D-7", "amount_minor": 900, "next_step": "x"}
ASKED = PolicyAnswer(elevate=(PolicyElevate("ask", "ask", 300),))


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Deciding]:
    """Where a group has to say yes besides the user, and may agree to more."""
    template = {
        "ask": ["user", "desk"],
        "wait_s": 600,
        "offers": {"calls": 2, "minutes": 5, "objects": "same"},
    }
    templates = {"ask": template, "scope": template, "control-argument": template}
    said = {"groups": {"desk": {"users": [KIM.user]}}, "templates": templates}
    block = msgspec.convert(said, ApprovalsBlock)
    async with Deciding(tmp_path / "shop", approvals=block, console=CONSOLE) as made:
        made.rules.answer = ASKED
        made.rooms.desk.verifiers = {"passkey": Signs()}
        yield made


async def says(shop: Deciding, who: Approver, choice: Any, arguments: JSON | None = None) -> None:
    answer = Answer(choice=choice, means="passkey", arguments=arguments)
    await say(shop.rooms.desk, approval_of(shop), who, answer)


def user(shop: Deciding) -> Approver:
    (pending,) = shop.rooms.desk.pending()
    return replace(KIM, user=pending.shown["user"])


async def test_where_and_until_when_people_answer_is_told(shop: Deciding) -> None:
    asked = (await refused(shop))["access_request"]
    assert asked == {
        "endpoint": ISSUER + PATH,
        "expires_at": "2026-09-21T14:23:20.000Z",
        "form_url": f"http://localhost:8790/approvals/{approval_of(shop)}",
    }


async def test_it_is_pending_until_all_have_said_yes(shop: Deciding) -> None:
    task = await submitted(shop)
    await says(shop, user(shop), "granted")
    assert (await status(shop, task))["task"]["status"] == "pending"
    assert (await shop.asked(shop.message()))["decision"] is False
    await says(shop, KIM, "granted")
    told = await status(shop, task)
    assert told["task"]["status"] == "approved"
    assert (await shop.asked(shop.message(approval=told["result"]["approval"])))["decision"] is True


async def test_who_agrees_to_more_permits_the_next_ones_too(shop: Deciding) -> None:
    asked = shop.message(name="crm__update_deal", arguments={**DEAL, "next_step": "w"})
    await refused(shop, asked)
    for who in (user(shop), KIM):
        await says(shop, who, "granted")
    # Nobody here sees what comes of it, so from now on the task may have read whatever it is.
    assert (await shop.asked(asked))["decision"] is True
    asked["context"]["arguments"] = DEAL
    task = (await shop.post(PATH, submission(asked, await refused(shop, asked)))).json["task"]
    for who in (user(shop), KIM):
        await says(shop, who, "elevated")
    told = await status(shop, task)
    assert told["task"]["status"] == "approved"
    asked["context"]["approval"] = told["result"]["approval"]
    came: list[bool] = []
    for step in ("x", "y", "z"):
        asked["context"]["arguments"] = {**DEAL, "next_step": step}
        came.append((await shop.asked(asked))["decision"])
    assert came == [True, True, False]


async def test_a_no_comes_with_the_words_of_who_said_it(shop: Deciding) -> None:
    task = await submitted(shop)
    answer = Answer(choice="denied", means="passkey", said="ring her up first")
    await shop.rooms.desk.answer(approval_of(shop), KIM, answer)
    assert (await status(shop, task))["task"]["status"] == "denied"
    context = await refused(shop)
    assert (context["reason"], context["said"]) == ("approval-denied", "ring her up first")


async def test_less_is_told_as_the_arguments_to_ask_for_instead(shop: Deciding) -> None:
    asked = shop.message(name="crm__update_deal", arguments=DEAL)
    context = await refused(shop, asked)
    task = (await shop.post(PATH, submission(asked, context))).json["task"]
    less = {**DEAL, "amount_minor": 500}
    for who in (user(shop), KIM):
        await says(shop, who, "narrowed", less)
    assert (await status(shop, task))["task"]["status"] == "denied"
    context = await refused(shop, asked)
    assert (context["reason"], context["arguments"]) == ("approval-narrowed", less)
    assert (
        await shop.asked(shop.message(name="crm__update_deal", arguments=context["arguments"]))
    )["decision"] is True
