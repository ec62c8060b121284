"""A company whose people are asked in Slack, and clicks as Slack sends them."""

from __future__ import annotations

import asyncio
import hmac
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from safeconduct.app.notifying import clicks, notifiers
from safeconduct.approvals.questions import Question
from safeconduct.console.site import site
from tests.support.consoling import KIM, LEE, URL, Browser, House, Page
from tests.support.recorded import recorded
from tests.support.web import Web, document

SIGNING: Final = "8f742231b10e8888abcd99yyyzzz85a5"
TEMPLATES: Final = {"scope": {"title": "Change a deal", "ask": "desk", "means": ["chat"]}}
FORM: Final = "application/x-www-form-urlencoded"


def signature(body: bytes, at_s: int, secret: str = SIGNING) -> str:
    """What stands in `X-Slack-Signature`."""
    base = b"v0:%d:%b" % (at_s, body)
    return "v0=" + hmac.digest(secret.encode(), base, "sha256").hex()


class Chat(House):
    """A company in Slack: Kim is `U1` and Lee `U2` there, and messages have names."""

    def __init__(self, directory: Path, web: Web, **more: Any) -> None:
        (directory / "signing").write_text(SIGNING)
        (directory / "bot").write_text("xoxb-1")
        notify: dict[str, Any] = {
            "wire": "slack",
            "url": f"{web.url}/api",
            "credential": "file:bot",
            "signing": "file:signing",
            "workspace": "T1",
            "people": {KIM: "U1", LEE: "U2"},
            "clicks": True,
        }
        said = {"templates": TEMPLATES, **more}
        super().__init__(directory, approvals={**said, "notify": {"chat": notify}})
        self.web = web
        self.directory = directory
        web.pages["/api/chat.postMessage"] = lambda asked: document(
            {"ok": True, "channel": "D" + json.loads(asked.body)["channel"], "ts": "17.5"}
        )
        for method in ("chat.update", "chat.postEphemeral"):
            web.pages[f"/api/{method}"] = lambda _: document({"ok": True})
        believed = clicks(self.rooms)
        assert believed is not None
        (self.telling,) = notifiers(self.rooms, believed).values()
        self.app = site(self.rooms, self.passkeys, URL, None, believed)
        self.running = asyncio.create_task(self.telling.run())

    async def told(self) -> Question:
        question = await self.asked()
        await self.telling.idle()
        return question

    def posted(self, method: str) -> list[dict[str, Any]]:
        path = f"/api/{method}"
        return [json.loads(one.body) for one in self.web.asked if one.path == path]

    def button(self, text: str, user: str = "U1") -> str:
        """What a button brings under the newest message to somebody."""
        message = [one for one in self.posted("chat.postMessage") if one["channel"] == user][-1]
        (value,) = [
            one["value"] for one in message["blocks"][2]["elements"] if one["text"]["text"] == text
        ]
        return str(value)

    @property
    def now_s(self) -> int:
        return self.now_ms // 1000

    async def click(self, value: str, **changed: Any) -> Page:
        return await self.post(self.body(value, **changed))

    def body(self, value: str, **changed: Any) -> bytes:
        user = changed.get("user", "U1")
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "kim"},
            "team": {"id": changed.get("team", "T1")},
            "container": {
                "type": "message",
                "channel_id": changed.get("channel", f"D{user}"),
                "message_ts": changed.get("ts", "17.5"),
            },
            "response_url": "https://evil.example",
            "actions": [{"action_id": changed.get("action", "answer"), "value": value}],
        }
        return urlencode({"payload": json.dumps(payload)}).encode()

    async def post(
        self, body: bytes, *, at_s: int | None = None, secret: str = SIGNING, **headers: str
    ) -> Page:
        at_s = self.now_s if at_s is None else at_s
        fields = {
            "content-type": FORM,
            "x-slack-request-timestamp": str(at_s),
            "x-slack-signature": signature(body, at_s, secret),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await Browser(self.app).ask("POST", "/chat/slack", body, fields)

    @property
    def answers(self) -> list[dict[str, Any]]:
        found = recorded(self.directory / "audit", "approval")
        return [one for one in found if one["phase"] != "requested"]

    @property
    def whispers(self) -> list[str]:
        return [one["text"] for one in self.posted("chat.postEphemeral")]
