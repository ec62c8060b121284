"""Giving a log its next key, while the gateway does not run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from safeconduct.app.noting import opened
from safeconduct.audit.notes import Key
from safeconduct.audit.signer.rotation import Rotation
from safeconduct.config.schema import Config
from safeconduct.rooms import clock_ms


def rotate(config: Config) -> tuple[Key, Path]:
    """Replaces the key that signs the log; the new one, and the log.

    Raises:
        LogFault: the gateway runs, or the log cannot be opened.
        Refused, OSError: a key cannot be used. Doing it again finishes what was begun.
    """
    root, directory = config.root, Path(config.directory)
    rotation = Rotation(directory / root.gateway.state)
    log = (directory / root.audit.directory).absolute()
    try:
        with opened(config, rotation.signer) as (ledger, _, _):
            asyncio.run(ledger.append(rotation.record(ledger.head, clock_ms())))
        return rotation.finish(log), log
    finally:
        rotation.close()
