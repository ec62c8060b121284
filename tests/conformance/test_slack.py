"""Slack's own SDK and framework judge: what we send is what their client sends and their models
hold valid, and whoever clicks on it is believed where their framework believes it, and once.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from slack_bolt import Ack, App, BoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware import RequestVerification
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from slack_sdk.signature import Clock, SignatureVerifier

from tests.support.chatting import FORM, SIGNING, Chat
from tests.support.consoling import Browser
from tests.support.web import Web, serving

WINDOW_S: Final = 300


class Stopped(Clock):
    """The time of the company."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def now(self) -> float:
        return float(self._chat.now_s)


class Bolt:
    """Another app behind the same request URL, written with Slack's framework."""

    def __init__(self, chat: Chat) -> None:
        self.clicked: list[dict[str, Any]] = []
        verification = RequestVerification(SIGNING)
        verification.verifier.clock = Stopped(chat)
        # Its own verification knows the time of this machine alone.
        app = App(
            authorize=lambda: AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-1"),
            request_verification_enabled=False,
            process_before_response=True,
        )
        app.use(verification)
        for name in ("answer-Approve once", "answer-Deny", "look"):
            app.action(name)(self._take)
        self._app = app

    def _take(self, ack: Ack, action: dict[str, Any]) -> None:
        ack()
        self.clicked.append(action)

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        """The status that Slack would get."""
        request = BoltRequest(body=body.decode(), headers=headers)
        return int(self._app.dispatch(request).status)


def payload(chat: Chat, message: dict[str, Any], button: dict[str, Any]) -> bytes:
    """The body that Slack sends when this button of a message is clicked, with all that its
    documentation lists (https://docs.slack.dev/reference/interaction-payloads/block_actions-payload).
    """
    user, ts = message["channel"], "17.5"
    said: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": user, "username": "kim", "name": "kim", "team_id": "T1"},
        "api_app_id": "A1",
        "token": "verification-token-that-nobody-uses",
        "container": {
            "type": "message",
            "message_ts": ts,
            "channel_id": f"D{user}",
            "is_ephemeral": False,
        },
        "trigger_id": "12466734323.1395872398",
        "team": {"id": "T1", "domain": "crm"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": f"D{user}", "name": "directmessage"},
        "message": {
            "bot_id": "B1",
            "app_id": "A1",
            "type": "message",
            "text": message["text"],
            "user": "UB1",
            "ts": ts,
            "team": "T1",
            "blocks": [
                {**block, "block_id": f"b{at}"} for at, block in enumerate(message["blocks"])
            ],
        },
        "state": {"values": {}},
        "response_url": "https://hooks.slack.com/actions/T1/1/x",
        "actions": [{**button, "block_id": "b2", "action_ts": str(chat.now_s)}],
    }
    return urlencode({"payload": json.dumps(said)}).encode()


def signed(body: bytes, at_s: int, secret: str = SIGNING) -> dict[str, str]:
    """The headers that Slack sends."""
    made = SignatureVerifier(secret).generate_signature(timestamp=str(at_s), body=body)
    assert made is not None
    return {
        "content-type": FORM,
        "x-slack-request-timestamp": str(at_s),
        "x-slack-signature": made,
    }


class Both:
    """The console and the other app, which get the same bytes."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.bolt = Bolt(chat)

    def click(self, text: str) -> bytes:
        """What a click on a button of the message to Kim is."""
        (message,) = [one for one in self.chat.posted("chat.postMessage") if one["channel"] == "U1"]
        (button,) = [one for one in message["blocks"][2]["elements"] if one["text"]["text"] == text]
        return payload(self.chat, message, button)

    async def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, int]:
        """Their status, and ours."""
        page = await Browser(self.chat.app).ask("POST", "/chat/slack", body, headers)
        return self.bolt.post(body, headers), page.status


@pytest.fixture
def web() -> Generator[Web]:
    with serving() as web:
        yield web


@pytest_asyncio.fixture
async def both(tmp_path: Path, web: Web) -> AsyncGenerator[Both]:
    chat = Chat(tmp_path, web)
    await chat.told()
    yield Both(chat)
    chat.running.cancel()


@pytest.mark.parametrize(("text", "phase"), [("Approve once", "granted"), ("Deny", "denied")])
async def test_a_click_on_our_message_reaches_their_handler_and_is_an_answer_here(
    both: Both, text: str, phase: str
) -> None:
    body = both.click(text)
    assert await both.post(body, signed(body, both.chat.now_s)) == (200, 200)
    assert [one["value"] for one in both.bolt.clicked] == [both.chat.button(text)]
    assert [one["phase"] for one in both.chat.answers] == [phase]


async def test_a_click_on_the_link_reaches_their_handler_and_answers_nothing(both: Both) -> None:
    body = both.click("Look and answer")
    assert await both.post(body, signed(body, both.chat.now_s)) == (200, 200)
    assert [one["action_id"] for one in both.bolt.clicked] == ["look"]
    assert both.chat.answers == []
    assert both.chat.whispers == []


async def test_what_is_sent_again_is_slack_s_to_them_and_counts_once_here(both: Both) -> None:
    body = both.click("Approve once")
    headers = signed(body, both.chat.now_s)
    assert await both.post(body, headers) == (200, 200)
    both.chat.now_ms += WINDOW_S * 1000
    assert await both.post(body, headers) == (200, 200)
    assert len(both.bolt.clicked) == 2
    assert len(both.chat.answers) == 1


@pytest.mark.parametrize("off_s", [-WINDOW_S - 1, -WINDOW_S, WINDOW_S, WINDOW_S + 1])
async def test_the_window_is_theirs_to_the_second(both: Both, off_s: int) -> None:
    body = both.click("Approve once")
    good = abs(off_s) <= WINDOW_S
    status = 200 if good else 401
    assert await both.post(body, signed(body, both.chat.now_s + off_s)) == (status, status)
    assert len(both.bolt.clicked) == len(both.chat.answers) == good


async def test_what_is_forged_is_refused_by_both(both: Both) -> None:
    chat, body = both.chat, both.click("Approve once")
    other = both.click("Deny")
    headers = signed(body, chat.now_s)
    forged = [
        (body, signed(body, chat.now_s, "another-secret")),
        (other, headers),
        (body + b"&x=1", headers),
        (body, {**headers, "x-slack-request-timestamp": str(chat.now_s + 1)}),
        (body, {**headers, "x-slack-signature": headers["x-slack-signature"].upper()}),
        (body, {**headers, "x-slack-signature": headers["x-slack-signature"][3:]}),
        (body, {**headers, "x-slack-signature": "v0="}),
        (body, {"content-type": FORM}),
    ]
    for one, given in forged:
        assert await both.post(one, given) == (401, 401)
    assert both.bolt.clicked == []
    assert chat.answers == []


async def test_our_message_is_valid_to_their_models_and_loses_nothing_in_them(both: Both) -> None:
    for message in both.chat.posted("chat.postMessage"):
        parsed = [one.to_dict() for one in Block.parse_all(message["blocks"])]
        assert parsed == message["blocks"]


async def test_their_client_sends_what_we_send(
    both: Both, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    (ours, *_) = [one for one in web.asked if one.path == "/api/chat.postMessage"]
    client = WebClient(token="xoxb-1", base_url=f"{web.url}/api/")
    client.api_call("chat.postMessage", json=json.loads(ours.body))
    theirs = web.asked[-1]
    assert (theirs.method, theirs.path) == (ours.method, ours.path)
    assert json.loads(theirs.body) == json.loads(ours.body)
    assert theirs.headers["authorization"] == ours.headers["authorization"]
    kinds = [one.headers["content-type"].replace(" ", "").lower() for one in (ours, theirs)]
    assert kinds[0] == kinds[1]
