"""When an upstream is not even tried: after it could not be reached several times in a row.

What counts is a connection that did not come about, or time that ran out before the request could
be sent. A pause follows, in which requests fail at once; then one of them is let through, and as
long as those fail as well the pauses double.
"""

from __future__ import annotations

import asyncio
from typing import Final

from safeconduct.ports import UpstreamFault
from safeconduct.upstreams.wire import BUSY, TIMEOUT, UNREACHABLE

TRIES: Final = 5
PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 30.0


def reached(fault: UpstreamFault) -> bool | None:
    """Whether the upstream was there, as far as a fault tells; None: it does not."""
    if fault.reason in {UNREACHABLE, TIMEOUT}:
        return None if fault.may_have_happened else False
    return None if fault.reason == BUSY else True


class Breaker:
    """The circuit to one upstream: every `enter` that returns is followed by `leave`."""

    def __init__(self) -> None:
        self._failures = 0
        self._pauses = 0
        self._not_before = 0.0
        self._probing = False

    def enter(self) -> bool:
        """Whether this is the one request that is let through after a pause.

        Raises:
            UpstreamFault: the upstream is not tried now.
        """
        if self._failures < TRIES:
            return False
        if self._probing or asyncio.get_running_loop().time() < self._not_before:
            detail = "not tried, as it could not be reached just now"
            raise UpstreamFault(UNREACHABLE, detail, may_have_happened=False)
        self._probing = True
        return True

    def leave(self, probe: bool, reached: bool | None) -> None:  # noqa: FBT001  on every call's way
        """Take note of how it went; `probe` is what `enter` said."""
        if probe:
            self._probing = False
        if reached:
            self._failures = self._pauses = 0
        elif reached is not None:
            self._failures += 1
            if self._failures == TRIES or probe:
                pause = min(PAUSE_S * 2 ** min(self._pauses, 10), MAX_PAUSE_S)
                self._not_before = asyncio.get_running_loop().time() + pause
                self._pauses += 1
