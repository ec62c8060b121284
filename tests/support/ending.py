"""Waits until a process has ended, whosever child it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable


def ended(pid: int) -> Awaitable[None]:
    """Done when a process that is alive now has ended."""
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    over = loop.create_future()

    def noticed() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        over.set_result(None)

    loop.add_reader(descriptor, noticed)
    return over
