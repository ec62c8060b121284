"""What follows the log of a configuration, and the process beside the gateway in which it does.

It is a process of its own, so that nothing it does, and nothing that is done to it, costs a call
anything: the gateway starts it, starts it again, and otherwise knows nothing of it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from safeconduct.app.indexing import Indexing, kept_up
from safeconduct.app.witnessed import trusted
from safeconduct.audit import following
from safeconduct.audit.exports.exporter import Exporter, refused
from safeconduct.audit.exports.opened import opened
from safeconduct.audit.exports.sink import SinkFault, Where
from safeconduct.audit.follower import CURSORS, Open, Part
from safeconduct.audit.witness import asking
from safeconduct.audit.witness.standing import Standing
from safeconduct.config.audit import Export, Witnesses
from safeconduct.config.schema import Config
from safeconduct.ports import CredentialUnavailable
from safeconduct.secrets import references

if TYPE_CHECKING:
    from safeconduct.audit.exports.exporter import Rename

_log = logging.getLogger(__name__)

AGAIN_S: Final = 1.0
"""How long to wait before a follower that ended is started again, in seconds."""

WITNESSES: Final = "@witnesses"
"""The part that asks witnesses; no export can have such a name."""

INDEX: Final = "@index"
"""The part that keeps the index."""

_LEAVE_S: Final = 5.0


def cursors(config: Config) -> Path:
    """Where the cursors of a configuration are."""
    return Path(config.directory) / config.root.gateway.state / CURSORS


def log(config: Config) -> Path:
    """Where its log is."""
    return Path(config.directory) / config.root.audit.directory


def parts(config: Config) -> dict[str, Open]:
    """What a configuration has follow its log, by name."""
    found: dict[str, Open] = {
        name: partial(_exporter, config, name, export)
        for name, export in config.root.audit.exports.items()
    }
    if config.root.audit.witnesses is not None:
        found[WITNESSES] = partial(_witnesses, config, config.root.audit.witnesses)
    if kept_up(config):
        found[INDEX] = partial(_indexing, config)
    return found


def _indexing(config: Config, _stop: Event) -> Part:
    return Indexing(config)


def _witnesses(config: Config, block: Witnesses, _stop: Event) -> Part:
    directory = Path(config.directory)
    said = trusted(directory, block)
    ca = None if block.ca is None else directory / block.ca
    return Standing(log(config), said, asking.Witnesses(said, ca), every_s=block.every_s)


def _exporter(config: Config, name: str, export: Export, stop: Event) -> Part:
    directory = Path(config.directory)
    where = Where(
        url=export.url,
        secret=secret(directory, export.credential),
        ca=None if export.ca is None else directory / export.ca,
        plain=export.unsafe_plaintext,
        timeout_s=export.timeout_s,
    )
    sink = opened(export, where, secret(directory, export.signing_key))
    return Exporter(
        name, log(config), cursors(config), sink, shown=_shown(config, export), stop=stop
    )


def secret(directory: Path, reference: str | None) -> Callable[[], str] | None:
    """What reads a credential, where there is one; without it nothing is sent for now."""
    if reference is None:
        return None

    source, _, place = reference.partition(":")
    named = f"file:{directory / place}" if source == "file" else reference

    def read() -> str:
        try:
            return references.read(directory, reference)
        except CredentialUnavailable as error:
            raise SinkFault(f"no credential at {named}: {error}") from None

    return read


def _shown(config: Config, export: Export) -> Rename:
    """What a sink sees of a record: pseudonyms as they are in the log, or users by their names."""
    if export.users == "pseudonym":
        return lambda record: record
    from safeconduct.audit.payloads.boundary import shown
    from safeconduct.audit.payloads.keystore import DIRECTORY, Keystore

    keys = Path(config.directory) / config.root.gateway.state / DIRECTORY
    return partial(shown, keystore=Keystore(keys, create=False))


def behind(config: Config, now_ms: int) -> dict[str, tuple[int, int, int]]:
    """Of each export: how many records it is behind, for how many milliseconds, and how many its
    sink refused.

    Raises LogFault, OSError.
    """
    found: dict[str, tuple[int, int, int]] = {}
    for name in config.root.audit.exports:
        cursor = following.load(cursors(config) / f"{name}.json")
        records, age_ms = following.lag(log(config), cursor, now_ms)
        found[name] = records, age_ms, refused(cursors(config) / f"{name}.refused")
    return found


async def keep_following(config: Config) -> None:
    """Until cancelled: has a process follow the log, if anything of the configuration does."""
    while parts(config):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "safeconduct", "audit", "follow"),
            *("--config", config.directory, "--attached"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            status = await child.wait()
        finally:
            await _end(child)
        _log.error("the follower of the log ended with status %d and is started again", status)
        await asyncio.sleep(AGAIN_S)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Has a child go, which it does when its input ends, or is made to."""
    if child.returncode is not None:
        return
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(_LEAVE_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
