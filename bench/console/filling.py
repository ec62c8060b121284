"""A day in the log of a configuration directory, before its gateway starts."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import uvloop

from bench.console.traffic import Written, write
from safeconduct.audit.signer.apart import Apart
from safeconduct.config import load
from safeconduct.ports import Caller, Unauthenticated
from safeconduct.rooms import Rooms, engine


class _Nobody:
    """Nobody calls: the day is played by who writes it."""

    def verify(self, caller: Caller, now_ms: int) -> NoReturn:
        """Raises Unauthenticated."""
        del caller, now_ms
        raise Unauthenticated("invalid_token", "Nobody calls here.")


def fill(directory: Path, records: int) -> Written:
    """Writes so many records, or a few more, where no gateway runs."""
    return uvloop.run(_filled(directory, records))


async def _filled(directory: Path, records: int) -> Written:
    config = load(directory)
    rooms = Rooms(config, identity=_Nobody(), upstreams={}, policy=engine(config), signer=Apart)
    try:
        return await write(rooms, records)
    finally:
        await rooms.close()
