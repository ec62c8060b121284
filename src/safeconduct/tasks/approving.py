"""What people agreed to, and with which keys: their part of task state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from msgspec.structs import replace

from safeconduct.core.asking import FOLLOWING, MAX_FOLLOWED
from safeconduct.core.elevation import MAX_ELEVATIONS, Bypass, Elevation
from safeconduct.core.model import ApprovalFacts, Followed
from safeconduct.tasks.forgetting import Forgetting
from safeconduct.tasks.rows import (
    ApprovalRow,
    ElevationRow,
    PasskeyRow,
    approval_row,
    bypass_row,
    elevation_row,
    label_of,
    passkey_row,
    signed_with,
)
from safeconduct.tasks.tables import Table

Record = Mapping[str, Any]

MAX_PASSKEYS: Final = 10
"""How many passkeys one user may have."""


class Approving(Forgetting):
    """The tables of questions, elevations and passkeys."""

    def __init__(self) -> None:
        super().__init__()
        self._revoked = Table("revoked", int)
        self._followed = Table("followed", Followed)
        self._approvals = Table("approvals", ApprovalRow)
        self._asked = Table("asked", tuple[str, ...])
        # By task, those that were given.
        self._elevations = Table("elevations", tuple[ElevationRow, ...])
        # By credential id, and the ids of a user.
        self._passkeys = Table("passkeys", PasskeyRow)
        self._keyring = Table("keyring", tuple[str, ...])
        self._bypasses = Table("bypasses", Bypass)

    # --- the writer -------------------------------------------------------------------------------

    def _following(self, record: Record) -> Followed | None:
        """What a task may follow after this permit: one call less, or what was just agreed to."""
        known = self._followed.peek(record["task"])
        if record.get("follows"):
            if known is None or known.left < 1 or known.until_ms <= record["at_ms"]:
                return None
            return replace(known, left=known.left - 1)
        row = self._approvals.peek(record.get("approval", ""))
        if row is None or not row.values or FOLLOWING.isdisjoint(row.facts.sources):
            return None
        until_ms = record["at_ms"] + row.facts.ttl_s * 1000
        wheres, values = frozenset(row.wheres), frozenset(row.values)
        if known is not None and known.until_ms > record["at_ms"]:
            wheres |= known.wheres  # a person has just seen today's labels
            values |= known.values
        labels, by = label_of(record["labels"]), frozenset(row.by)
        if known is not None:
            by |= known.by
        return Followed(wheres, values, MAX_FOLLOWED, until_ms, labels, by)

    def _consumable(self, record: Record) -> str | None:
        """What a permit would use up and is not there to be used."""
        approval, elevation = record.get("approval"), record.get("elevation")
        if approval is not None:
            row = self._approvals.peek(approval)
            if row is None or row.used or row.facts.state != "granted":
                return "approval"
        if elevation is not None and not any(
            one.facts.id == elevation
            and one.facts.left > 0
            and one.facts.until_ms > record["at_ms"]
            and one.facts.tool == record["tool"]
            for one in self._elevations.peek(record["task"]) or ()
        ):
            return "elevation"
        return None

    def _consume(self, record: Record) -> None:
        """Uses up an approval, and one call of an elevation."""
        row = self._approvals.peek(record.get("approval", ""))
        if row is not None:
            self._approvals.put(row.facts.id, replace(row, used=True))
        if (elevation := record.get("elevation")) is not None:
            task: str = record["task"]
            self._elevations.put(
                task,
                tuple(
                    replace(one, facts=replace(one.facts, left=one.facts.left - 1))
                    if one.facts.id == elevation
                    else one
                    for one in self._elevations.peek(task) or ()
                ),
            )

    def _approval(self, record: Record) -> str | None:
        identifier: str = record["approval"]
        row = self._approvals.peek(identifier)
        if record["phase"] == "requested":
            asked = f"{record['task']} {record['digest']}"
            if row is not None or self._pending(asked, record["at_ms"]):
                return "approval"
            self._ask(asked, approval_row(record))
            return None
        if row is None or row.used or row.facts.state != "pending":
            return "approval"
        by: str = record["by"]
        if record["phase"] != "denied":
            # Who is not believed any more, or has said so already, says no more yes.
            if by in row.by or self._revoked.peek(f"user {by}") is not None:
                return "approval"
            key = signed_with(record)
            if self._is_gone(key):
                return "passkey"
            row = replace(row, by={**row.by, by: record["at_ms"]}, keys=row.keys | {key} - {""})
        answered = row
        match record["phase"]:
            case "agreed":
                pass  # others have to say yes as well
            case "narrowed":
                facts = replace(
                    row.facts,
                    id=record["as"],
                    digest=record["narrowed"],
                    state="granted",
                    granted_ms=record["at_ms"],
                )
                # Of what was shown, nobody said what else of it may be followed.
                less = replace(answered, facts=facts, values=(), wheres=())
                self._ask(f"{row.task} {facts.digest}", less)
                answered = replace(answered, facts=replace(row.facts, state="narrowed"))
            case "elevated":
                facts = replace(row.facts, state="granted", granted_ms=record["at_ms"])
                answered = replace(answered, facts=facts, used=True)
            case state:
                facts = replace(row.facts, state=state, granted_ms=record["at_ms"])
                answered = replace(answered, facts=facts)
        self._approvals.put(identifier, answered)
        self._counted_up(record)
        return None

    def _ask(self, asked: str, row: ApprovalRow) -> None:
        self._approvals.put(row.facts.id, row)
        self._asked.put(asked, (*(self._asked.peek(asked) or ()), row.facts.id))

    def _pending(self, asked: str, at_ms: int) -> bool:
        """Whether a question about this very call stands already. One whose time has passed does
        not: nobody can answer it any more.
        """
        rows = (self._approvals.peek(identifier) for identifier in self._asked.peek(asked) or ())
        return any(
            row is not None
            and not row.used
            and row.facts.state == "pending"
            and at_ms < row.until_ms
            for row in rows
        )

    def _lapse(self) -> None:
        """What a person had not answered was only in memory, and must be asked anew."""
        for identifier, row in self._approvals.current():
            if row.facts.state == "pending":
                self._approvals.put(identifier, replace(row, used=True))

    def _elevation(self, record: Record) -> str | None:
        """A person lets an agent do something more than once: in answer to a question, or ends
        that.
        """
        task: str = record["task"]
        known = self._elevations.peek(task) or ()
        if record["phase"] == "ended":
            kept = tuple(one for one in known if one.facts.id != record["elevation"])
            self._elevations.put(task, kept)
            return None if len(kept) < len(known) else "elevation"
        row = self._approvals.peek(record["approval"])
        if row is None or row.task != task or len(known) >= MAX_ELEVATIONS:
            return "elevation"
        self._elevations.put(task, (*known, elevation_row(record, row)))
        return None

    def _bypass(self, record: Record) -> str | None:
        """For a time nobody is asked about questions of these names, or that ends."""
        identifier: str = record["bypass"]
        if record["phase"] == "ended":
            known = self._bypasses.peek(identifier)
            self._bypasses.put(identifier, None)
            return None if known is not None else "bypass"
        if self._is_gone(signed_with(record)):
            return "passkey"
        self._bypasses.put(identifier, bypass_row(record))
        return None

    def _is_gone(self, key: str) -> bool:
        """Whether a passkey was removed since its signature was verified."""
        return bool(key) and self._passkeys.peek(key) is None

    def _passkey(self, record: Record) -> str | None:
        """A passkey is registered, or is not believed any more."""
        identifier, user = record["credential"], record["user"]
        held = self._keyring.peek(user) or ()
        if record["phase"] == "removed":
            if identifier not in held:
                return "passkey"
            self._passkeys.put(identifier, None)
            self._keyring.put(user, tuple(one for one in held if one != identifier))
            # Whoever has it may be the one who said yes with it.
            self._disbelieve(lambda one: identifier in one.keys)
            self._bypassed(lambda one: one.key == identifier)
            self._follow_no_more(user)
            return None
        if self._passkeys.peek(identifier) is not None or len(held) >= MAX_PASSKEYS:
            return "passkey"
        self._passkeys.put(identifier, passkey_row(record))
        self._keyring.put(user, (*held, identifier))
        return None

    def _counted_up(self, record: Record) -> None:
        """A passkey that counts its signatures has made one more."""
        proof: Mapping[str, Any] = record.get("proof") or {}
        row = self._passkeys.peek(proof.get("credential", ""))
        if row is not None and proof.get("sign_count", 0) > row.sign_count:
            self._passkeys.put(row.credential, replace(row, sign_count=proof["sign_count"]))

    def _take_back(self, user: str, before_ms: int | None = None) -> None:
        """What somebody agreed to, until a time, who is not believed any more."""

        def theirs(one: ApprovalRow | ElevationRow) -> bool:
            return user in one.by and (before_ms is None or one.by[user] <= before_ms)

        self._disbelieve(theirs)
        self._bypassed(lambda one: one.by == user)
        self._follow_no_more(user)
        if before_ms is None:
            for identifier in self._keyring.peek(user) or ():
                self._passkeys.put(identifier, None)
            self._keyring.put(user, None)

    def _disbelieve(self, theirs: Callable[[ApprovalRow | ElevationRow], bool]) -> None:
        """Takes back what was agreed to by those of whom this is true, and is not used up."""
        for identifier, row in self._approvals.current():
            if row.facts.state in ("pending", "granted") and theirs(row):
                self._approvals.put(identifier, replace(row, used=True))
        for task, rows in self._elevations.current():
            kept = tuple(one for one in rows if not theirs(one))
            if kept != rows:
                self._elevations.put(task, kept)

    def _bypassed(self, theirs: Callable[[Bypass], bool]) -> None:
        """Takes back the bypasses of which this is true."""
        for identifier, bypass in self._bypasses.current():
            if theirs(bypass):
                self._bypasses.put(identifier, None)

    def _follow_no_more(self, user: str) -> None:
        """Takes back what tasks may follow because this user said so, among others."""
        for task, followed in self._followed.current():
            if user in followed.by:
                self._followed.put(task, None)

    # --- readers ----------------------------------------------------------------------------------

    def approval(self, task: str, digest: str) -> ApprovalFacts | None:
        """The unused approval of exactly this call: a no beats all, then the newest."""
        asked = self._asked.get(f"{task} {digest}")
        if asked is None:
            return None
        rows = (self._approvals.get(identifier) for identifier in asked)
        standing = [row.facts for row in rows if row is not None and not row.used]
        refused = [facts for facts in standing if facts.state in ("denied", "narrowed")]
        return next(iter(refused or standing[-1:]), None)

    def elevations(self, task: str) -> tuple[Elevation, ...]:
        """What persons let this task do more than once, the oldest first."""
        return tuple(one.facts for one in self._elevations.get(task) or ())

    def elevated(self, now_ms: int) -> list[tuple[str, ElevationRow]]:
        """What persons let tasks do more than once and can still be used, by task."""
        return [
            (task, one)
            for task, rows in self._elevations.items()
            for one in rows
            if one.facts.left > 0 and now_ms < one.facts.until_ms
        ]

    def bypasses(self) -> tuple[Bypass, ...]:
        """What nobody is asked about for now, or was not until lately."""
        return () if self._bypasses.empty else tuple(one for _, one in self._bypasses.items())

    def followed(self, task: str, now_ms: int) -> Followed | None:
        """What a person has let a task follow, while that holds."""
        known = self._followed.get(task)
        return known if known is not None and known.left > 0 and now_ms < known.until_ms else None

    def question(self, approval: str) -> tuple[ApprovalFacts, bool] | None:
        """What a person was asked, and whether the answer was used up, or can come no more."""
        row = self._approvals.get(approval)
        return None if row is None else (row.facts, row.used)

    def passkey(self, credential: str) -> PasskeyRow | None:
        """A passkey that is registered, by its id in base64url."""
        return self._passkeys.get(credential)

    def passkeys(self, user: str) -> Collection[PasskeyRow]:
        """The passkeys of a user, the oldest first."""
        known = (self._passkeys.get(one) for one in self._keyring.get(user) or ())
        return [one for one in known if one is not None]
