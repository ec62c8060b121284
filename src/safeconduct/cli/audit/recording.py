"""What verbs put on record, and ask of the state: through the gateway while it runs, else here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from safeconduct.cli import output

if TYPE_CHECKING:
    from safeconduct.config.schema import Config


class Held(NamedTuple):
    """What is held and why, the names it has in the log, and how many records say so."""

    held: Mapping[str, str]
    names: frozenset[str]
    holds: int


def runs(config: Config) -> bool:
    """Whether a gateway has the log open. Raises OSError."""
    from safeconduct.audit import lock

    return lock.is_held(output.log_of(config))


def socket(config: Config) -> Path:
    """Where the gateway listens to its operator."""
    return Path(config.directory) / config.root.gateway.operator_socket


def note(config: Config, value: Mapping[str, Any]) -> int:
    """Appends a note; its number.

    Raises:
        OperatorFault, SaidNo: the gateway does not answer, or does not take it.
        LedgerConflict: the state does not take it.
        LogFault, OSError: the log cannot be written.
    """
    from safeconduct.app.noting import append
    from safeconduct.cli.operator import ask

    if runs(config):
        return int(ask(socket(config), "note", record=value)["n"])
    return append(config, value)


def held(config: Config) -> Held:
    """What is held now. Raises: as `note`."""
    from safeconduct.app.noting import opened
    from safeconduct.audit.payloads import keystore
    from safeconduct.audit.payloads.keystore import Keystore
    from safeconduct.audit.retention.holding import named
    from safeconduct.cli.operator import ask

    if runs(config):
        told = ask(socket(config), "holds")
        found, holds = dict[str, str](told["held"]), int(told["holds"])
    else:
        with opened(config) as (_, _, tasks):
            found, holds = tasks.held(), tasks.holds()
    root = config.root.gateway
    keys = Keystore(Path(config.directory) / root.state / keystore.DIRECTORY, create=False)
    try:
        names = named(found, root.tenant, keys)
    finally:
        keys.close()
    return Held(found, names, holds)


def known(config: Config, what: str, identifier: str) -> bool:
    """Whether a record names a user or a task. Raises LogFault, OSError."""
    from safeconduct.audit.payloads import keystore
    from safeconduct.audit.payloads.keystore import Keystore
    from safeconduct.audit.reading import read

    if what == "task":
        return next(read(output.log_of(config), task=identifier), None) is not None
    root = config.root.gateway
    place = Path(config.directory) / root.state / keystore.DIRECTORY
    if not place.exists():
        return False
    keys = Keystore(place, create=False)
    try:
        return keys.concerning(root.tenant, identifier) is not None
    finally:
        keys.close()
