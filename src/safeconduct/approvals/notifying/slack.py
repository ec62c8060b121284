"""Slack: Block Kit over the Web API (`chat.postMessage`, `chat.update`).

Texts of others stand in `plain_text`, where Slack makes no links and no mentions of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import msgspec
import orjson

from safeconduct.approvals.notifying.notice import Notice, Settled
from safeconduct.approvals.notifying.notifier import To, Undelivered
from safeconduct.approvals.notifying.posting import post
from safeconduct.kit import strictjson
from safeconduct.ports import JSON

_PASSING: Final = frozenset({"ratelimited", "internal_error", "service_unavailable"})
"""Errors after which the same request may succeed."""

_Word = Annotated[str, msgspec.Meta(max_length=80)]


class _Answer(msgspec.Struct, frozen=True):
    ok: bool
    error: _Word = ""
    channel: _Word = ""
    ts: _Word = ""


class Buttons(Protocol):
    """What can be answered with a click in one message."""

    def offer(self, notice: Notice, to: To) -> Mapping[str, str]:
        """By what stands on a button, what a click brings; empty where a click is no answer."""
        ...

    def placed(self, offered: Mapping[str, str], message: str) -> None:
        """The message with these buttons stands there: channel and time stamp."""
        ...


class Slack:
    """`safeconduct.approvals.notifying.notifier.Wire` over Slack's Web API."""

    def __init__(
        self,
        url: str,
        *,
        channel: str | None,
        token: Callable[[], str],
        buttons: Buttons | None = None,
        ca: Path | None = None,
    ) -> None:
        """`url` is `https://slack.com/api`; `token` reads the bot token anew each time."""
        self._url = url.rstrip("/")
        self._channel = channel
        self._token = token
        self._buttons = buttons
        self._ca = ca

    async def tell(self, notice: Notice, to: To, now_ms: int) -> str | None:
        """The channel and time stamp of the message."""
        offered: Mapping[str, str] = {}
        if self._buttons is not None:
            offered = self._buttons.offer(notice, to)
        said: JSON = {
            "channel": to.address or self._channel,
            "text": notice.subject,
            "blocks": blocks(notice, now_ms, offered),
            "unfurl_links": False,
        }
        answer = await self._call("chat.postMessage", said)
        message = f"{answer.channel} {answer.ts}"
        if self._buttons is not None and offered:
            self._buttons.placed(offered, message)
        return message

    async def settle(self, notice: Notice, to: To, message: str, settled: Settled) -> None:
        """The message says what became of it, and has no buttons any more."""
        channel, _, ts = message.partition(" ")
        text = f"{settled.sentence}: {notice.title or notice.tool}"
        said: JSON = {
            "channel": channel,
            "ts": ts,
            "text": text,
            "blocks": [{"type": "section", "text": _plain(text)}],
        }
        await self._call("chat.update", said)

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """Says something to one person in a channel. Raises Undelivered."""
        await self._call("chat.postEphemeral", {"channel": channel, "user": user, "text": text})

    async def _call(self, method: str, said: JSON) -> _Answer:
        headers = {
            "authorization": f"Bearer {self._token()}",
            "content-type": "application/json; charset=utf-8",
        }
        fetched = await post(f"{self._url}/{method}", headers, orjson.dumps(said), self._ca)
        try:
            value = strictjson.loads(fetched.body, max_depth=32, max_bytes=len(fetched.body))
            answer = msgspec.convert(value, _Answer)
        except (strictjson.StrictJSONError, msgspec.ValidationError):
            raise Undelivered("an answer that is not Slack's", again=False) from None
        if not answer.ok:
            raise Undelivered(f"Slack says {answer.error!r}", again=answer.error in _PASSING)
        return answer


def blocks(notice: Notice, now_ms: int, offered: Mapping[str, str]) -> list[JSON]:
    """The message in Block Kit."""
    fields = [_plain(f"{name}: {value}") for name, value in notice.facts(now_ms)]
    buttons: list[Any] = [
        {"type": "button", "text": _plain(text), "action_id": f"answer-{text}", "value": value}
        for text, value in offered.items()
    ]
    look = {
        "type": "button",
        "text": _plain("Look and answer"),
        "action_id": "look",
        "url": notice.link,
    }
    return [
        {"type": "section", "text": _plain(notice.subject)},
        {"type": "section", "fields": fields},
        {"type": "actions", "elements": [look, *buttons]},
    ]


def _plain(text: str) -> JSON:
    return {"type": "plain_text", "text": text, "emoji": False}
