"""What a command of the operator's puts on record, while the gateway runs and while it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from safeconduct.audit.checkpointing import OpenSigner
from safeconduct.audit.log import Log
from safeconduct.audit.payloads import keystore
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.payloads.keystore import Keystore
from safeconduct.audit.reads import noted
from safeconduct.audit.retention.holding import Holds, named, resolved
from safeconduct.audit.retention.pruning import Plan, plan, require
from safeconduct.audit.signer.notary import Notary
from safeconduct.config.schema import Config
from safeconduct.kit.accounts import operator
from safeconduct.rooms import STATE_FILE, clock_ms
from safeconduct.tasks.state import TaskState


def append(config: Config, value: Mapping[str, Any]) -> int:
    """Opens the log of a gateway that does not run, and appends a note; its number.

    Raises:
        ValueError: the note does not have the shape of its kind.
        LogFault, OSError: as `opened`.
        LedgerConflict: what is on record says otherwise.
    """
    record = noted(value, clock_ms(), operator())
    with opened(config) as (log, keys, tasks):
        if record["kind"] == "retention":
            require(record, allowed(config, keys, tasks, clock_ms()))
        return asyncio.run(log.append(resolved(record, keys)))


def allowed(config: Config, keys: Keystore, tasks: TaskState, now_ms: int) -> Plan:
    """What of the log may go. Raises Damaged, ValueError, LogFault, OSError."""
    root = config.root
    holds = Holds(named(tasks.held(), root.gateway.tenant, keys))
    directory = Path(config.directory) / root.audit.directory
    return plan(directory, root.audit.retention, holds, now_ms)


@contextmanager
def opened(
    config: Config, signer: OpenSigner | None = None
) -> Generator[tuple[Log, Keystore, TaskState]]:
    """The log, the keys and the state of a gateway that does not run; its key signs the log, if
    no other signer does.

    Raises:
        LogFault: the log is open elsewhere, damaged, or cannot be written.
        OSError: a directory or file cannot be used.
    """
    root, directory = config.root, Path(config.directory)
    state = directory / root.gateway.state
    with ExitStack() as held:
        tasks = TaskState(state / STATE_FILE)
        held.callback(tasks.close)
        keys = Keystore(state / keystore.DIRECTORY)
        held.callback(keys.close)
        log = Log.open(
            directory / root.audit.directory,
            tasks,
            origin=root.audit.origin or f"{root.gateway.tenant}/audit",
            boundary=Boundary(keys, root.gateway.tenant, ()),
            signer=signer or (lambda log, name: Notary(log, state, name)),
        )
        held.callback(log.close)
        yield log, keys, tasks
