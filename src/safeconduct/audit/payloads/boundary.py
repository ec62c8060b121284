"""What of a record changes where it crosses into the log, and where it is read again.

Users: on disk a record names a user by a pseudonym, whoever derives state from records or reads
them with the keystore at hand sees the user. Credentials: what a caller or an upstream may have put
into a record's own fields is cut out before anybody sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from safeconduct.audit.payloads.keystore import Keystore
from safeconduct.core.redact import redact
from safeconduct.kit.work import AT_ONCE, TooMuch, Work, bounded_by
from safeconduct.ports import Inspector

Record = Mapping[str, Any]

USER: Final = ("user",)
"""Where a record names a user, unless `ELSEWHERE` says that its kind does so elsewhere."""

ELSEWHERE: Final = {
    "task": ("user", "id"),
    "revocation": ("id",),
    "hold": ("id",),
    "evaluation": ("subject", "id"),
}

ACTS: Final = frozenset(
    {"approval", "elevation", "bypass", "passkey", "audit.read", "revocation", "pin"}
)
"""Kinds whose `by` may be a user; what begins as one of `OTHERS` does is none."""

OTHERS: Final = ("uid:", "spiffe://", "signal:", "unsafe_enrolment:", "unsafe_visits:")
"""How accounts of the machine, workloads, transmitters and what a link rests on begin. Users are
called what their issuer likes, also by an address or with a colon.
"""

ERASURE: Final = "erasure"

_ABOUT: Final = frozenset({"revocation", "hold"})
"""Kinds whose `what` says whether their `id` is that of a user."""
_USERS: Final = frozenset({"user", "sign-in"})
_WORKLOAD: Final = "spiffe://"

CLAIMED: Final = (
    *("tool", "provenance", "constrained", "objects", "documents", "purpose", "case"),
    *("subject", "action", "resource"),
)
"""The members of records that hold words of callers or upstreams."""


class Boundary:
    """The edge of one gateway's log."""

    def __init__(self, keystore: Keystore, tenant: str, inspectors: Sequence[Inspector]) -> None:
        """`tenant` is that of records which do not say, `inspectors` find credentials."""
        self._keystore = keystore
        self._tenant = tenant
        self._inspectors = inspectors

    def require_asked(self, record: Record) -> None:
        """Raises ValueError: it is an erasure, and nobody asked this keystore to forget these keys
        of this user; LogFault.
        """
        if record.get("kind") != ERASURE:
            return
        name, kids = record.get("pseudonym"), record.get("kids")
        asked = False
        if isinstance(name, str) and isinstance(kids, list):
            asked = self._keystore.asked(name, map(str, cast("list[object]", kids)))
        if not asked:
            raise ValueError("it forgets a user, and nobody asked this gateway to")

    def clean(self, record: Record) -> Record:
        """The record without credentials in what others said.

        Raises: whatever an inspector does; ValueError, it is too much to look at.
        """
        claims = {name: record[name] for name in CLAIMED if name in record}
        if not claims:
            return record
        try:
            with bounded_by(Work(AT_ONCE)):
                findings = [one for each in self._inspectors for one in each.inspect(claims)]
        except TooMuch as error:
            raise ValueError(error.why) from None
        return {**record, **redact(claims, findings)} if findings else record

    def hidden(self, record: Record) -> Record:
        """The record as it is written: with pseudonyms. Raises LogFault."""
        tenant = record.get("tenant", self._tenant)
        return _renamed(record, lambda user: self._keystore.pseudonym(tenant, user))

    def shown(self, record: Record) -> Record:
        """The record as it was before it was written, as far as anybody still knows. Raises
        LogFault.
        """
        return shown(record, self._keystore)


def shown(record: Record, keystore: Keystore) -> Record:
    """The record with users where it has pseudonyms that the keystore knows. Raises LogFault."""
    return _renamed(record, lambda name: keystore.user(name) or name)


def _renamed(record: Record, rename: Callable[[str], str]) -> Record:
    kind = record.get("kind", "")
    if kind in ACTS and isinstance(by := record.get("by"), str) and not by.startswith(OTHERS):
        record = {**record, "by": rename(by)}
    path = ELSEWHERE.get(kind, USER)
    head = record.get(path[0])
    if len(path) == 1:
        if not isinstance(head, str) or (kind in _ABOUT and record.get("what") not in _USERS):
            return record
        return {**record, path[0]: rename(head)}
    if not isinstance(head, dict):
        return record
    whole = cast("dict[str, Any]", head)
    name = whole.get(path[1])
    if not isinstance(name, str) or name.startswith(_WORKLOAD):
        return record
    return {**record, path[0]: {**whole, path[1]: rename(name)}}
