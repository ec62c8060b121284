"""Answers of the older era that come on more than one stream.

An upstream may end a stream before the answer and have its client come back for the rest, which is
also how a stream is mended that broke off (MCP 2025-11-25, transports, "Resumability and
Redelivery"). The request itself is never sent again.
"""

from __future__ import annotations

import asyncio
from typing import Final

from safeconduct.ports import Listener, UpstreamFault
from safeconduct.upstreams.conversation import Conversation, Parted, is_stream
from safeconduct.upstreams.messages import Answer
from safeconduct.upstreams.outbound import Return
from safeconduct.upstreams.wire import MALFORMED, UNREACHABLE

MAX_PARTINGS: Final = 32
"""How often an upstream may part within one request."""

MAX_RETRY_MS: Final = 10_000
RETRY_MS: Final = 1_000
"""How long to stay away at most, and where the upstream does not say, in milliseconds."""

_LAST_EVENT: Final = "last-event-id"


async def hear(conversation: Conversation, back: Return, listener: Listener | None) -> Answer:
    """Send the request that `back` is for, and hear its answer to the end, on however many streams.

    Raises:
        UpstreamFault: like `Conversation.hear`; once the request was received, it may have
            happened, whatever becomes of a stream afterwards.
    """
    try:
        async with back.exchange as exchange:
            return await conversation.hear(exchange)
    except Parted as fault:
        parted = fault
    try:
        for _ in range(MAX_PARTINGS):
            try:
                return await _on(conversation, back, parted, listener)
            except Parted as fault:
                parted = fault
    except UpstreamFault as fault:
        # A status is not the request's own here, and what did not leave is not the request.
        reason = MALFORMED if fault.reason == MALFORMED else UNREACHABLE
        raise UpstreamFault(reason, fault.detail, may_have_happened=True) from None
    raise UpstreamFault(UNREACHABLE, "it parts without end", may_have_happened=True)


async def _on(
    conversation: Conversation, back: Return, parted: Parted, listener: Listener | None
) -> Answer:
    said = RETRY_MS if parted.retry_ms is None else parted.retry_ms
    retry_ms = min(said, MAX_RETRY_MS)
    exchange = back.resume({_LAST_EVENT: parted.event_id})
    if listener is not None:
        await listener.parted(retry_ms)
    await asyncio.sleep(retry_ms / 1000)
    async with exchange:
        if not is_stream(exchange):
            detail = f"no stream to go on with, but HTTP status {exchange.status}"
            raise UpstreamFault(UNREACHABLE, detail, may_have_happened=True)
        return await conversation.hear(exchange)
