"""A shim from its first line to its last."""

from __future__ import annotations

import functools
from collections.abc import Callable

import msgspec

from safeconduct.config.schema import Config
from safeconduct.identity.client import Source, start_task
from safeconduct.shim.carrier import Carrier
from safeconduct.shim.message import MAX_BYTES
from safeconduct.shim.passage import Passage
from safeconduct.shim.relay import Relay
from safeconduct.shim.stdio import Lines, Output

STDIN = 0
STDOUT = 1


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a local client's calls are for: the task to start."""

    agent: str
    user: str
    profile: str
    purpose: str
    source: Source


async def run(
    config: Config, errand: Errand, *, upstream: str | None, say: Callable[[str], None]
) -> None:
    """Carry messages between this process's standard streams and the gateway, until stdin ends.

    `upstream` narrows the endpoint to one of them; `say` gets lines for a person.
    """
    issuer = config.root.gateway.issuer
    url = f"{issuer}/mcp" if upstream is None else f"{issuer}/mcp/{upstream}"
    start = functools.partial(
        start_task,
        config,
        agent=errand.agent,
        user=errand.user,
        profile=errand.profile,
        purpose=errand.purpose,
        source=errand.source,
    )
    passage = Passage(start, issuer=issuer, say=say)
    carrier = Carrier(url, passage, issuer=issuer, say=say)
    try:
        await Relay(Lines(STDIN, MAX_BYTES), Output(STDOUT), carrier, say).run()
    finally:
        await carrier.close()
