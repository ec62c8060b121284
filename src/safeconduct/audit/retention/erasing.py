"""Forgetting a user, so that what is left of the log still proves all that it did.

The keystore hears first what it is asked to forget: whoever can write to the log cannot write
there, so that an erasure that it was never asked for is forged. Then comes the record, which says
which keys go: a crash after it is made good when the gateway starts, and a keystore that somebody
restored from a backup is brought to forget again. Then the keys and the name go, and at last the
sealed bytes, as a copy of the keys may be somewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from safeconduct.audit.payloads import blobs
from safeconduct.audit.payloads.boundary import ERASURE
from safeconduct.audit.payloads.keystore import Erased, Keystore
from safeconduct.audit.reading import read
from safeconduct.audit.retention.covering import await_checkpoint
from safeconduct.ports import Ledger, LedgerConflict

HELD: Final = (
    "a legal hold stands on evidence about this user (fix: when it has ended, "
    "`safeconduct audit hold --release`)"
)
_ZEROS: Final = bytes(1 << 16)


class NobodyToForget(LookupError):
    """The log names nobody of that id, or does not any more."""


async def forget(
    ledger: Ledger, keys: Keystore, *, tenant: str, user: str, by: str, at_ms: int
) -> Erased:
    """Records that a user is forgotten, and forgets the keys.

    Raises:
        NobodyToForget: there are no records of this user.
        LedgerConflict: somebody holds evidence about this user.
        LedgerFault: it is not on record, or, with a record, the keys are still there: do it again.
    """
    found = keys.concerning(tenant, user)
    if found is None:
        raise NobodyToForget(user)
    keys.ask(found)
    try:
        await ledger.append(_record(found, tenant, user, by, at_ms))
    except LedgerConflict:
        keys.withdraw(found.pseudonym)
        raise
    gone = keys.erase(tenant, user) or found
    if gone.kids != found.kids:  # the key of a month was made meanwhile
        await ledger.append(_record(gone, tenant, gone.pseudonym, by, at_ms))
    return gone


def _record(gone: Erased, tenant: str, user: str, by: str, at_ms: int) -> Mapping[str, Any]:
    return {
        "kind": ERASURE,
        "tenant": tenant,
        "user": user,
        "pseudonym": gone.pseudonym,
        "kids": list(gone.kids),
        "by": by,
        "at_ms": at_ms,
    }


def forget_again(keys: Keystore, erased: Iterable[tuple[str, str]]) -> list[str]:
    """Forgets again those whose erasure is on record, by pseudonym and tenant; which of them were
    known again: a crash came in between, or a backup was restored.

    Raises LogFault.
    """
    known: list[str] = []
    for pseudonym, tenant in erased:
        user = keys.user(pseudonym)
        if user is not None and user != pseudonym:
            keys.erase(tenant, user)
            known.append(pseudonym)
    return known


def wipe(directory: Path, kids: frozenset[str]) -> int:
    """Overwrites what was sealed with these keys, once a signed checkpoint covers the record that
    says so: before, what is missing would be missed. How many payloads that were.

    Raises:
        LogFault: the log is damaged, or no checkpoint covers the record in time.
        OSError: a file cannot be read or written.
    """
    places: list[tuple[int, int, int]] = []
    size = 0
    for record in read(directory):
        if record.get("kind") == ERASURE and not kids.isdisjoint(record["kids"]):
            size = record["n"] + 1
        said: Mapping[str, Any] = record.get("payload", {})
        if said.get("kid") in kids and "at" in said:
            places.append((*said["at"], blobs.framed(said["bytes"])))
    await_checkpoint(directory, size)
    with ExitStack() as held:
        opened: dict[int, int] = {}
        for number, offset, length in places:
            if number not in opened:
                path = blobs.path(directory, number)
                opened[number] = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                held.callback(os.close, opened[number])
            _zero(opened[number], offset, length)
        for fd in opened.values():
            os.fdatasync(fd)
    return len(places)


def _zero(fd: int, offset: int, length: int) -> None:
    while length:
        done = os.pwrite(fd, _ZEROS[: min(length, len(_ZEROS))], offset)
        offset, length = offset + done, length - done
