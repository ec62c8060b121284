"""A program of the operator's: CloudEvents 1.0 in JSON, signed as Standard Webhooks has it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from safeconduct.approvals.notifying.notice import Notice, Settled
from safeconduct.approvals.notifying.notifier import To
from safeconduct.approvals.notifying.posting import post
from safeconduct.kit.webhooks import key, signed
from safeconduct.ports import JSON

REQUESTED: Final = "dev.safeconduct.approval.requested"
SETTLED: Final = "dev.safeconduct.approval.settled"
_KIND: Final = {"content-type": "application/cloudevents+json; charset=utf-8"}


class Webhook:
    """`safeconduct.approvals.notifying.notifier.Wire` over HTTP."""

    def __init__(
        self,
        url: str,
        source: str,
        *,
        secret: Callable[[], str] | None = None,
        ca: Path | None = None,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        """`source` names the gateway in events; `secret` reads the signing secret anew each time:
        `whsec_` and base64.
        """
        self._url = url
        self._source = source
        self._secret = secret
        self._ca = ca
        self._clock_s = clock_s

    async def tell(self, notice: Notice, to: To, now_ms: int) -> str | None:
        """The name of the event; every try sends the same."""
        name = f"{notice.approval}.requested"
        data: JSON = {
            "approval": notice.approval,
            "title": notice.title,
            "tool": notice.tool,
            "agent": notice.agent,
            "user": notice.user,
            "tenant": notice.tenant,
            "parties": list(notice.parties),
            "link": notice.link,
            "expires_ms": notice.expires_ms,
        }
        await self._send(name, REQUESTED, notice, notice.asked_ms, data)
        return name

    async def settle(self, notice: Notice, to: To, message: str, settled: Settled) -> None:
        """An event of its own: a sent one cannot be changed."""
        data: JSON = {"approval": notice.approval, "choice": settled.choice, "by": settled.by}
        at_ms = int(self._clock_s() * 1000)
        await self._send(f"{notice.approval}.settled", SETTLED, notice, at_ms, data)

    async def _send(self, name: str, kind: str, notice: Notice, at_ms: int, data: JSON) -> None:
        at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        body = orjson.dumps(
            {
                "specversion": "1.0",
                "id": name,
                "source": self._source,
                "type": kind,
                "subject": notice.approval,
                "time": at.replace("+00:00", "Z"),
                "datacontenttype": "application/json",
                "data": data,
            }
        )
        headers = dict(_KIND)
        if self._secret is not None:
            headers |= signed(key(self._secret()), name, int(self._clock_s()), body)
        await post(self._url, headers, body, self._ca)
