"""Task state: each record of the log, applied in order, once.

A record that the state refuses (a version that moved on, a budget that would overspend, a token
that was consumed) is not written to the log either: decision and reservation are one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from safeconduct.core.admit import QUARANTINED
from safeconduct.core.labels import BOTTOM, Label
from safeconduct.core.pins import Accepted
from safeconduct.core.provenance import VOUCHES, Origin, Vouch, value_digest
from safeconduct.core.release import MAX_RELEASES, Kept
from safeconduct.core.writing import written_digest
from safeconduct.tasks import kin
from safeconduct.tasks.kin import Kin
from safeconduct.tasks.plans import given
from safeconduct.tasks.revoking import Revoking
from safeconduct.tasks.rows import OpenCall, StartRow, label_of
from safeconduct.tasks.tables import Table, Tables

Record = Mapping[str, Any]

SIZE: Final = "size"
LATEST: Final = "latest"


class TaskState(Revoking):
    """The state behind all decisions (`safeconduct.ports.Projection` and `TaskState`).

    `apply` and what belongs to it are for who writes the log, one at a time; everything else reads
    what was committed, from any thread.
    """

    def __init__(self, path: Path) -> None:
        """Opens the state's file. Raises sqlite3.Error, msgspec.DecodeError."""
        super().__init__()
        self._log = Table("log", int)
        # By task, role and value, where trusted fields held it, and whether the request chose it.
        self._vouched = Table("vouching", dict[str, Vouch])
        self._ceilings = Table("ceilings", str)
        # By tenant, system and value or object, what agents wrote without a voucher.
        self._written = Table("written", bool)
        self._objects = Table("objects", Label)
        self._baselines = Table("baselines", int)
        self._consumed = Table("consumed", str)
        self._open = Table("open", OpenCall)
        self._locked = Table("locked", str)
        # By task, what was withheld from it, and is sealed.
        self._kept = Table("kept", tuple[Kept, ...])
        self._pins = Table("pins", str)
        # By target, the definition that an operator accepted last.
        self._accepted = Table("accepted", Accepted)
        # By memory, how many results it has read whose fingerprints are kept.
        self._prints = Table("prints", int)
        tables: list[Any] = [one for one in vars(self).values() if isinstance(one, Table)]
        self._tables = Tables(path, tables)
        self._handlers: Final[dict[str, Callable[[Record], str | None]]] = {
            "task": self._task,
            "decision": self._decision,
            "outcome": self._outcome,
            "memory": self._memory,
            "approval": self._approval,
            "elevation": self._elevation,
            "passkey": self._passkey,
            "bypass": self._bypass,
            "revocation": self._revocation,
            "svid": self._svid,
            "pin": self._pin,
            "release": self._release,
            "resumption": self._resumed,
            "config": self._config,
            "hold": self._hold,
            "retention": self._retention,
            "erasure": self._erasure,
        }

    # --- the writer -------------------------------------------------------------------------------

    def applied(self) -> int:
        """How many records of the log are in the state."""
        return self._log.get(SIZE) or 0

    def begin(self) -> None:
        """A group of records begins: there is nothing to open."""

    def apply(self, seq: int, record: Record, *, replay: bool) -> str | None:
        """Applies one record, or says why not and changes nothing.

        Every handler checks before it changes, so on replay, when what stands in the log has
        happened, nothing conflicts but counters that were tampered with.
        """
        if replay and not self._counts_on(record):
            return "counters"
        used: list[str] = record.get("consumes", [])
        for key in used:
            if self._consumed.peek(key):
                return "consumed"
        handler = self._handlers.get(record["kind"])
        conflict = None if handler is None else handler(record)
        if conflict is None:
            self._count(record)
            for key in used:
                self._consumed.put(key, record.get("task", record["kind"]))
            at_ms = record.get("at_ms") or record.get("started_ms", 0)
            if at_ms > (self._log.peek(LATEST) or 0):
                self._log.put(LATEST, at_ms)
            self._log.put(SIZE, seq + 1)
        return conflict

    def commit(self) -> None:
        """Writes the group and shows it to readers."""
        self._tables.commit()

    def rollback(self) -> None:
        """Forgets the group."""
        self._tables.rollback()

    def close(self) -> None:
        """Closes the file."""
        self._tables.close()

    def _task(self, record: Record) -> str | None:
        user = record["user"]
        signed_in_ms = user.get("signed_in_ms", user["auth_time_s"] * 1000)
        if signed_in_ms <= (self._signed_out.peek(user["id"]) or -1):
            return "signed-out"
        return self._started(record) if record["phase"] == "started" else self._continued(record)

    def _decision(self, record: Record) -> str | None:
        task: str = record["task"]
        line = self._writers_line(task)
        if not line:
            return "task-unknown"
        if record["verdict"] == "deny":
            return self._denied(record, task, line)
        if record["verdict"] != "permit":
            return None
        if self._circles(*line[0], record):
            return "loop"
        if (conflict := self._reserve(record, task, line)) is not None:
            return conflict
        uppermost = _uppermost(task, line[0].start)
        for key, value in record.get("baselines", {}).items():
            if self._baselines.peek(f"{uppermost} {key}") is None:
                self._baselines.put(f"{uppermost} {key}", value)
        call = OpenCall(task, record["digest"], record["tool"], record["changes_state"])
        self._open.put(record["decision"], call)
        if call.changes_state:
            self._locked.put(f"{task} {call.digest}", record["decision"])
        return None

    def _reserve(self, record: Record, task: str, line: list[Kin]) -> str | None:
        """Takes what a permit uses up, or says what is not there to be taken and takes nothing."""
        spends, touches = record["spends"], record.get("touches", {})
        if not self._stands(line, record):
            return "version"
        if not self._affords(line, spends, touches):
            return "budget"
        following: list[int] = record.get("subgrants", [])
        if following and not _open(line[0], following, record["at_ms"]):
            return "sub-grant"
        releases: list[str] = record.get("releases", [])
        if releases and not _good(line[0], releases, record):
            return "release"
        followed = self._following(record)
        if followed is None and record.get("follows"):
            return "followed"
        if (missing := self._consumable(record)) is not None:
            return missing
        self._consume(record)
        if followed is not None:
            self._followed.put(task, followed)
        self._spend(task, line, spends, touches)
        self._again(*line[0], record)
        if following:
            self._follow(task, line[0], following)
        if releases:
            self._unlock(task, line[0], releases)
        return None

    def _outcome(self, record: Record) -> str | None:
        call = self._open.peek(record["decision"])
        if call is None:
            return "no-open-call"
        if record.get("reason") == QUARANTINED and not self._keep(call, record):
            return "kept"
        self._open.put(record["decision"], None)
        known = record["status"] in ("ok", "error", "withheld") or not record["may_have_happened"]
        if call.changes_state and known:
            self._locked.put(f"{call.task} {call.digest}", None)
        return None

    def _keep(self, call: OpenCall, record: Record) -> bool:
        """Takes in what was withheld; False where a task has had more withheld than a person may
        release to it. What went before to the same call is kept no more, nor what ended tasks had.
        """
        known = self._kept.peek(call.task) or ()
        others = tuple([one for one in known if one.digest != call.digest])
        if len(others) >= MAX_RELEASES:
            return False
        for task, _ in self._kept.current():
            if not self._lives(task, record["at_ms"]):
                self._kept.put(task, None)
        one = Kept(
            decision=record["decision"],
            digest=call.digest,
            tool=call.tool,
            content=record["result"],
            payload=record["payload"],
            at_ms=record["at_ms"],
            findings=tuple(record.get("findings", ())),
        )
        self._kept.put(call.task, (*others, one))
        return True

    def _lives(self, task: str, now_ms: int) -> bool:
        line = self._writers_line(task)
        return kin.state_of(line) == "active" and now_ms < line[0].start.expires_ms

    def _memory(self, record: Record) -> str | None:
        task: str = record["task"]
        start = self._starts.peek(task)
        if start is None:
            return "task-unknown"
        self._remember(start, label_of(record["labels"]), record["at_ms"])
        for one in record["vouched"]:
            where, place = one["where"], _vouch(one)
            for value in one["values"]:
                key = f"{task} {one['key']} {value}"
                places = self._vouched.peek(key) or {}
                if where not in places or VOUCHES.index(place) > VOUCHES.index(places[where]):
                    self._vouched.put(key, {**places, where: place})
        if (ceiling := record.get("ceilings")) is not None:
            for key, most in ceiling.items():
                known = self._ceilings.peek(f"{task} {key}")
                if known is None or Decimal(known) < Decimal(most):
                    self._ceilings.put(f"{task} {key}", most)
        for memory in record.get("prints", ()):
            self._prints.put(memory, (self._prints.peek(memory) or 0) + 1)
        if (wrote := record.get("wrote")) is not None:
            self._wrote(f"{start.tenant} {wrote['system']}", wrote)
        return None

    def _wrote(self, where: str, wrote: Record) -> None:
        """What was written comes back some day: as what it was, whoever reads it then."""
        for value in wrote["values"]:
            self._written.put(where, value=True)
            self._written.put(f"{where} {value}", value=True)
        label = label_of(wrote["labels"])
        for name in wrote["objects"]:
            known = self._objects.peek(f"{where} {name}") or BOTTOM
            self._objects.put(f"{where} {name}", known.join(label))

    def _config(self, record: Record) -> str | None:
        """A start: what a person had not answered was only in memory, and must be asked anew."""
        if record["phase"] == "loaded":
            self._lapse()
        return None

    def _svid(self, record: Record) -> str | None:
        """Evidence belongs to the key that it is first shown with."""
        key: str = record["jkt"]
        names = (f"agent {record['agent']}", f"key {key}")
        if any(self._revoked.peek(name) is not None for name in names):
            return "revoked"
        spent = f"evidence:{record['evidence']}"
        if (self._consumed.peek(spent) or key) != key:
            return "consumed"
        self._consumed.put(spent, key)
        return None

    def _erasure(self, record: Record) -> str | None:
        conflict = super()._erasure(record)
        if conflict is None:
            for target, one in self._accepted.current():
                if one.by == record["user"]:
                    self._accepted.put(target, replace(one, by=record["pseudonym"]))
        return conflict

    def _pin(self, record: Record) -> str | None:
        """A definition that was seen first, or one that an operator accepts in its place."""
        target: str = record["target"]
        if "by" in record:
            self._accepted.put(target, msgspec.convert(record, Accepted))
        elif self._pins.peek(target) is None:
            self._pins.put(target, record["pin"])
        return None

    # --- readers ----------------------------------------------------------------------------------

    def latest_ms(self) -> int:
        """The highest time on record: the clock was there once."""
        return self._log.get(LATEST) or 0

    def vouched(self, task: str, key: str, value: str) -> tuple[Origin, ...]:
        """Where trusted fields vouched for a value in this task; `key`: `vouching_key`."""
        places = self._vouched.get(f"{task} {key} {value_digest(value)}")
        if places is None:
            return ()
        return tuple([Origin(place, where) for where, place in places.items()])

    def ceiling(self, task: str, key: str) -> str | None:
        """The largest amount that trusted fields vouched for in this task, as a decimal."""
        return self._ceilings.get(f"{task} {key}")

    def written(self, tenant: str, system: str, value: str) -> bool:
        """Whether an agent wrote this value to a system, and nobody vouched for it."""
        where = f"{tenant} {system}"
        if self._written.get(where) is None:  # nothing was: no digest needs to be worked out
            return False
        return self._written.get(f"{where} {written_digest(value)}") is not None

    def object_label(self, tenant: str, system: str, name: str) -> Label:
        """The label of what agents wrote to an object; `name`: `object_name`."""
        return self._objects.get(f"{tenant} {system} {name}") or BOTTOM

    def baseline(self, task: str, key: str) -> int | None:
        """The amount an object had before a task of this one's line first changed it. To be read
        after the amount that it has now: whoever has changed that has left this before.
        """
        start = self._starts.get(task)
        return None if start is None else self._baselines.get(f"{_uppermost(task, start)} {key}")

    def outcome_unknown(self, task: str, digest: str) -> bool:
        """Whether this very call was permitted and nobody knows (yet) whether it took effect."""
        return self._locked.get(f"{task} {digest}") is not None

    def kept(self, task: str) -> tuple[Kept, ...]:
        """The results that were withheld from a task, and are sealed; the latest last."""
        return self._kept.get(task) or ()

    def withheld(self) -> list[tuple[str, Kept]]:
        """All that was withheld from tasks that live, by task."""
        tasks = [(task, of_task) for task, of_task in self._kept.items() if self.active(task)]
        return [(task, one) for task, of_task in tasks for one in of_task]

    def memories(self, task: str) -> tuple[str, ...]:
        """What a task remembers with: its own, and those of the tasks above it."""
        start = self._starts.get(task)
        return () if start is None else (start.memory, *start.shared)

    def hearing(self, task: str, at_ms: int) -> tuple[str, ...]:
        """The memories that get to know what a task reads now."""
        return self._hearing(self.memories(task), at_ms, self._hearers.get)

    def printed(self, memory: str) -> int:
        """How many results a memory has read whose fingerprints are kept."""
        return self._prints.get(memory) or 0

    def open_calls(self) -> list[tuple[str, OpenCall]]:
        """Every permitted call without an outcome: after a start, those a crash left behind."""
        return sorted(self._open.items())

    def pin(self, target: str) -> str | None:
        """The digest under which a definition was first seen."""
        return self._pins.get(target)

    def accepted(self, target: str) -> Accepted | None:
        """The definition that an operator accepted last."""
        return self._accepted.get(target)


def _uppermost(task: str, start: StartRow) -> str:
    """The first task of a line: what is kept there holds for all that were passed on from it."""
    return start.elders[-1] if start.elders else task


def _open(own: Kin, following: list[int], now_ms: int) -> bool:
    """Whether each of these sub-grants has a call left."""
    left = {one.number for one in given(*own) if one.left > 0 and now_ms < one.until_ms}
    return left.issuperset(following)


def _good(own: Kin, releases: list[str], record: Record) -> bool:
    """Whether each of these releases has a call of this tool left."""
    left = {one.id for one in own.row.releases if one.lets(record["tool"], record["at_ms"])}
    return left.issuperset(releases)


def _vouch(one: Record) -> Vouch:
    """As what a field of a memory record vouches."""
    if one.get("named", False):
        return "named-field"
    return "picked" if one.get("picked", False) else "trusted-field"
