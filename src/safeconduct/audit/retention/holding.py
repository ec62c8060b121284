"""Legal hold: evidence that stays, however old it is and whoever wants it gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta

from safeconduct.audit.payloads.keystore import Keystore

EVERYTHING: Final = "log *"
"""What is held when all of a log is."""

Record = Mapping[str, Any]


class Hold(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True,
    tag_field="kind", tag="hold",
):  # fmt: skip
    """A record of kind `hold`, but for when and by whom: of a task, a user, or all (`log`, `*`)."""

    phase: Literal["placed", "released"]
    what: Literal["task", "user", "log"]
    id: Annotated[str, Meta(min_length=1, max_length=512)]
    reason: Annotated[str, Meta(min_length=1, max_length=512)]


class Retained(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True,
    tag_field="kind", tag="retention",
):  # fmt: skip
    """A record of kind `retention`, but for when and by whom: what goes, and how many records of
    holds were known when it was chosen. The state refuses it where another came meanwhile.
    """

    segments_before: Annotated[int, Meta(ge=0)]
    records_before: Annotated[int, Meta(ge=0)]
    payloads_before: Annotated[int, Meta(ge=0)]
    holds: Annotated[int, Meta(ge=0)]


def resolved(record: Record, keys: Keystore) -> Record:
    """The record of a hold with the user whom it means, where it tells them by their pseudonym.

    Raises LogFault.
    """
    if record["kind"] != "hold" or record["what"] != "user":
        return record
    return {**record, "id": keys.user(record["id"]) or record["id"]}


def named(held: Collection[str], tenant: str, keys: Keystore) -> frozenset[str]:
    """What is held, by the names it has in records. Raises LogFault."""
    return frozenset(_named(name, tenant, keys) for name in held)


def _named(name: str, tenant: str, keys: Keystore) -> str:
    what, _, identifier = name.partition(" ")
    return f"user {keys.known(tenant, identifier) or identifier}" if what == "user" else name


class Holds:
    """What is held, by `task <id>`, `user <pseudonym>` or `log *`; records in their order."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._tasks: set[str] = set()

    def holds(self, record: Record) -> bool:
        """Whether somebody needs this record."""
        if not self._names:
            return False
        if EVERYTHING in self._names:
            return True
        task, user = record.get("task"), record.get("user")
        if isinstance(user, dict):
            user = cast("Record", user).get("id")
        if f"user {user}" in self._names and task is not None:
            self._tasks.add(task)
        return f"task {task}" in self._names or f"user {user}" in self._names or task in self._tasks
