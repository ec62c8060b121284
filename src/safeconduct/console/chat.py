"""Where a chat brings the clicks of its users: no page, and nobody's session."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.app.notifying import wire
from safeconduct.approvals.notifying.clicks import Clicks, Forged, Said
from safeconduct.approvals.notifying.notifier import Undelivered
from safeconduct.approvals.notifying.slack import Slack
from safeconduct.ports import CredentialUnavailable, LedgerFault
from safeconduct.rooms import Rooms

SLACK: Final = "/chat/slack"
"""The request URL of interactivity in Slack's app."""

_log = logging.getLogger(__name__)


def clicking(rooms: Rooms, clicks: Clicks) -> Callable[[Request], Awaitable[Response]]:
    """Takes clicks; what cannot be done is said to the person alone, after Slack has its answer."""

    async def clicked(request: Request) -> Response:
        try:
            said = await clicks.clicked(request.headers, await request.body())
        except Forged:
            return Response(status_code=401)
        except (LedgerFault, CredentialUnavailable):
            return Response(status_code=503)
        if said is None or not said.sentence:
            return Response()
        return Response(background=BackgroundTask(_tell, rooms, said))

    return clicked


async def _tell(rooms: Rooms, said: Said) -> None:
    told = wire(rooms, rooms.config.root.approvals.notify[said.notifier])
    try:
        if isinstance(told, Slack):
            await told.whisper(said.channel, said.user, said.sentence)
    except (Undelivered, CredentialUnavailable) as fault:
        _log.warning("notifier %s: somebody was not told: %s", said.notifier, fault)
