"""The index of a configuration's log, and what keeps it up to the log."""

from __future__ import annotations

import logging
from pathlib import Path

from safeconduct.audit.index.following import catch_up
from safeconduct.audit.index.port import Index, IndexDamaged, IndexUnavailable
from safeconduct.audit.index.sqlite import DIRECTORY, WeeklyIndex
from safeconduct.config.schema import Config
from safeconduct.secrets import references

_log = logging.getLogger(__name__)


def opened(config: Config) -> Index:
    """The index that is configured.

    Raises:
        IndexUnavailable: PostgreSQL does not answer, refuses, or nothing here speaks to it.
        CredentialUnavailable: the reference to the address leads nowhere.
        OSError: the directory cannot be used.
    """
    root, directory = config.root, Path(config.directory)
    block = root.audit.index
    if block is None or block.kind == "files":
        return WeeklyIndex(directory / root.audit.directory / DIRECTORY)
    try:
        from safeconduct.audit.index.postgres import PostgresIndex
    except ImportError:
        sentence = "psycopg is not installed (fix: pip install 'safeconduct[postgres]')"
        raise IndexUnavailable(sentence) from None
    origin = root.audit.origin or f"{root.gateway.tenant}/audit"
    return PostgresIndex(references.read(directory, block.dsn), origin)


def kept_up(config: Config) -> bool:
    """Whether the index is kept up to the log all the time: where it is configured, or an analyst
    looks at the console, who should not have to wait for it.
    """
    console = config.root.console
    return config.root.audit.index is not None or (
        console is not None and "analyst" in console.roles
    )


class Indexing:
    """Keeps an index up to its log. A part of the follower."""

    def __init__(self, config: Config) -> None:
        """Raises as `opened`."""
        self._directory = Path(config.directory) / config.root.audit.directory
        self._tenant = config.root.gateway.tenant
        self._index = opened(config)

    def advance(self) -> bool:
        """Takes in all that the log has gained. What is damaged is built anew."""
        with self._index.writing():
            try:
                catch_up(self._directory, self._index, tenant=self._tenant)
            except IndexDamaged as damage:
                _log.warning("the index was damaged, and is built anew from the log: %s", damage)
                self._index.clear()
                catch_up(self._directory, self._index, tenant=self._tenant)
        return False
