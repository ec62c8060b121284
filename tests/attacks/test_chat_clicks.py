"""A click in Slack is a yes where that is configured, and in no other way: forged, old, replayed,
of somebody else, of another workspace, under another message.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.support.chatting import FORM, TEMPLATES, Chat, signature
from tests.support.consoling import KIM, Browser
from tests.support.web import Web, serving


def test_the_example_of_slack_s_documentation() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    assert signature(body, 1531420618) == (
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


@pytest.fixture
def web() -> Generator[Web]:
    with serving() as web:
        yield web


@pytest_asyncio.fixture
async def chat(tmp_path: Path, web: Web) -> AsyncGenerator[Chat]:
    chat = Chat(tmp_path, web)
    yield chat
    chat.running.cancel()


async def test_a_click_is_a_yes_and_what_shows_it_is_on_record(chat: Chat) -> None:
    await chat.told()
    value = chat.button("Approve once")
    body = chat.body(value)
    assert (await chat.post(body)).status == 200
    (record,) = chat.answers
    assert (record["phase"], record["means"]) == ("granted", "chat")
    proof = record["proof"]
    assert proof["signature"] == signature(body, chat.now_s)
    assert (proof["user"], proof["workspace"], proof["message"]) == ("U1", "T1", "DU1 17.5")
    assert (await chat.call()).reason is None
    await chat.telling.idle()
    assert {one["channel"] for one in chat.posted("chat.update")} == {"DU1", "DU2"}
    # The very same request again, within the window, and the neighbour of the button.
    assert (await chat.post(body)).status == 200
    assert (await chat.click(chat.button("Deny"))).status == 200
    assert len(chat.answers) == 1
    assert all("not wait for this answer" in one for one in chat.whispers)
    assert len(chat.whispers) == 2


async def test_a_click_is_a_no(chat: Chat) -> None:
    await chat.told()
    await chat.click(chat.button("Deny"))
    assert [one["phase"] for one in chat.answers] == ["denied"]
    assert (await chat.call()).reason == "approval-denied"


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "another"},
        {"at_s": -301},
        {"at_s": 301},
        {"x_slack_signature": ""},
        {"x_slack_signature": "v0=" + "0" * 64},
        {"x_slack_request_timestamp": ""},
        {"x_slack_request_timestamp": "1e9"},
        {"x_slack_request_timestamp": "-1"},
    ],
)
async def test_what_is_forged_or_old_is_not_even_read(chat: Chat, how: dict[str, Any]) -> None:
    await chat.told()
    given = dict(how)
    if "at_s" in given:
        given["at_s"] += chat.now_s
    page = await chat.post(chat.body(chat.button("Approve once")), **given)
    assert (page.status, page.text) == (401, "")
    assert chat.answers == []
    assert chat.whispers == []
    # The button is as good as before.
    await chat.click(chat.button("Approve once"))
    assert len(chat.answers) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"user": "U2", "channel": "DU1"},
        {"user": "U3", "channel": "DU1"},
        {"team": "T2"},
        {"ts": "18.5"},
        {"channel": "C9"},
    ],
)
async def test_what_somebody_else_clicks_or_elsewhere_is_nothing(
    chat: Chat, changed: dict[str, Any]
) -> None:
    await chat.told()
    assert (await chat.click(chat.button("Approve once"), **changed)).status == 200
    assert chat.answers == []
    assert chat.whispers == ["This is not yours to answer. Open the page to look at it and answer."]


async def test_who_is_revoked_clicks_in_vain(chat: Chat) -> None:
    await chat.told()
    await chat.rooms.revoke("user", KIM, "op")
    await chat.click(chat.button("Approve once"))
    assert chat.answers == []


async def test_a_click_that_comes_too_late_is_nothing(chat: Chat) -> None:
    question = await chat.told()
    chat.now_ms = question.expires_ms
    await chat.click(chat.button("Approve once"))
    assert chat.answers == []


async def test_a_link_is_no_answer_and_made_up_ids_are_none(chat: Chat) -> None:
    question = await chat.told()
    await chat.click(chat.button("Approve once"), action="look")
    for value in ("", question.id, "x" * 32):
        await chat.click(value)
    assert chat.answers == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload={}",
        b"payload=[]&payload=[]",
        b"\xff",
        urlencode({"payload": "[" * 40 + "]" * 40}).encode(),
        urlencode({"payload": json.dumps({"type": "view_submission"})}).encode(),
    ],
)
async def test_what_slack_would_not_send_is_refused(chat: Chat, body: bytes) -> None:
    assert (await chat.post(body)).status == 401


async def test_there_are_no_buttons_where_a_click_is_not_enough(tmp_path: Path, web: Web) -> None:
    templates = {"scope": {**TEMPLATES["scope"], "means": ["passkey"]}}
    chat = Chat(tmp_path, web, templates=templates)
    await chat.told()
    chat.running.cancel()
    for message in chat.posted("chat.postMessage"):
        assert [one["action_id"] for one in message["blocks"][2]["elements"]] == ["look"]


async def test_two_persons_click_each_under_their_own_message(tmp_path: Path, web: Web) -> None:
    templates = {"scope": {**TEMPLATES["scope"], "count": 2}}
    chat = Chat(tmp_path, web, templates=templates)
    await chat.told()
    chat.running.cancel()
    await chat.click(chat.button("Approve once", "U2"))
    assert chat.answers == []
    await chat.click(chat.button("Approve once", "U2"), user="U2")
    await chat.click(chat.button("Approve once"))
    assert [one["phase"] for one in chat.answers] == ["agreed", "granted"]


async def test_other_pages_are_shielded_as_before(chat: Chat) -> None:
    body = b"x=1"
    for path in ("/sign-out", "/chat/slack/", "/chat"):
        page = await Browser(chat.app).ask("POST", path, body, {"content-type": FORM})
        assert page.status == 403
    page = await chat.post(body, host="evil.example")
    assert page.status == 421
