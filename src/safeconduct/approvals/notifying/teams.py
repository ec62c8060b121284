"""Microsoft Teams: an Adaptive Card to the webhook of a workflow, with the link to the page.

The URL of a workflow ends in a query that is a secret, so the configuration names it apart. What a
workflow has posted cannot be changed, so the card says until when it is worth a look.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from safeconduct.approvals.notifying.notice import Notice, Settled
from safeconduct.approvals.notifying.notifier import To
from safeconduct.approvals.notifying.posting import post
from safeconduct.ports import JSON

CARD: Final = "application/vnd.microsoft.card.adaptive"


class Teams:
    """`safeconduct.approvals.notifying.notifier.Wire` to a workflow."""

    def __init__(
        self, url: str, *, query: Callable[[], str] | None = None, ca: Path | None = None
    ) -> None:
        """`query` reads what follows the `?` of the URL, anew each time."""
        self._url = url
        self._query = query
        self._ca = ca

    async def tell(self, notice: Notice, to: To, now_ms: int) -> str | None:
        """A card, which nothing can change."""
        content = {"contentType": CARD, "contentUrl": None, "content": card(notice, now_ms)}
        body = orjson.dumps({"type": "message", "attachments": [content]})
        url = self._url if self._query is None else f"{self._url}?{self._query().lstrip('?')}"
        await post(url, {"content-type": "application/json; charset=utf-8"}, body, self._ca)
        return None

    async def settle(self, notice: Notice, to: To, message: str, settled: Settled) -> None:
        """Never called: no message has a name."""


def card(notice: Notice, now_ms: int) -> JSON:
    """An Adaptive Card 1.4. Names are `RichTextBlock`s and facts, in which Markdown that would
    make a link is shown as it is written.
    """
    facts = [{"title": name, "value": literal(value)} for name, value in notice.facts(now_ms)]
    headline = {"type": "TextRun", "text": notice.subject, "weight": "Bolder"}
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "RichTextBlock", "inlines": [headline]},
            {"type": "FactSet", "facts": facts},
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Look and answer", "url": notice.link}],
    }


def literal(text: str) -> str:
    """A text that Markdown makes nothing of."""
    return "".join(f"\\{one}" if one in "\\`*_{}[]()<>#+-.!|~" else one for one in text)
