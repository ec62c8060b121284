"""Waiting for the answer to one request on a child's pipes."""

from __future__ import annotations

import asyncio
import json
from typing import cast

from safeconduct.ports import JSON, Listener, UpstreamFault
from safeconduct.upstreams.asks import Asking
from safeconduct.upstreams.messages import Answer, Notice
from safeconduct.upstreams.wire import MALFORMED


class Waiting:
    """Who waits for the answer to one request: what has come in for it, who listens, and who takes
    the child's asks. `sent` is set before a byte of the request may leave.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self.listener = listener
        self.sent = False
        self.events: asyncio.Queue[Answer | Notice | UpstreamFault] = asyncio.Queue()
        self.asking: Asking | None = None


def check_only(events: asyncio.Queue[Answer | Notice | UpstreamFault]) -> None:
    """Refuse two answers at once: to take the first would let the child choose which one counts.

    Raises:
        UpstreamFault: there are two.
    """
    while not events.empty():
        if isinstance(events.get_nowait(), Answer):
            raise UpstreamFault(MALFORMED, "a second answer", may_have_happened=True)


def loose_id(line: bytes) -> int:
    """The id that a bad answer seems to carry, or 0, which is no request's."""
    try:
        value = json.loads(line, parse_int=lambda digits: int(digits) if len(digits) < 16 else 0)
    except (ValueError, RecursionError):
        return 0
    answered = cast("JSON", value).get("id") if isinstance(value, dict) else 0
    return answered if type(answered) is int else 0
