"""What a log had been if another policy had decided it, task by task, in the order of the log.

The state that decisions depend on is worked out twice, by the code that works it out for a gateway:
once from what happened, once from what had happened instead. What a flipped decision did, and had
not done then, is left out of the second: what it spent, what the task read through it, what was
asked because of it; what it had done and did not is added, as far as a record tells. So the calls
after it are decided with other facts, and counted apart: nobody knows what the agent had done.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from safeconduct.core.checks.budget import bounded
from safeconduct.core.labels import Label
from safeconduct.core.limits import CALLS
from safeconduct.core.manifest import Effect
from safeconduct.core.model import TaskFacts
from safeconduct.core.provenance import Place
from safeconduct.core.record import label_value
from safeconduct.core.replay import PERMIT, Verdict, recorded
from safeconduct.core.verdict import Deny
from safeconduct.policy.diff.report import Comparison, Report
from safeconduct.policy.loading import LocalEngine
from safeconduct.policy.replay.asked import Bundles
from safeconduct.tasks.rows import label_of
from safeconduct.tasks.state import TaskState

JSON = dict[str, Any]

_IN_MEMORY: Final = Path(":memory:")
_TAUGHT: Final = frozenset[Place]({"named-field", "trusted-field", "bounded", "sub-granted"})
"""The places of values that a result vouched for."""

_READ: Final = frozenset({"flow", "sink"})
"""The checks that hang on what the task has read."""


class Simulated(msgspec.Struct, frozen=True):
    """What had been decided: `straight` of calls up to the first flip of their task, whose facts
    were what they were; `diverged` of those after it, or that a flip elsewhere had reached.
    """

    straight: Report
    diverged: Report

    @property
    def widens(self) -> bool:
        """Whether anything had been refused, asked or demanded less."""
        return bool(self.straight.widened or self.diverged.widened)


class Counterfactual:
    """Takes in all records of a log, in its order, with decisions made whole."""

    def __init__(self, old: Bundles, new: LocalEngine) -> None:
        self._straight, self._diverged = Comparison(old, new), Comparison(old, new)
        self._was, self._would = TaskState(_IN_MEMORY), TaskState(_IN_MEMORY)
        self._flipped: set[str] = set()
        self._undone: set[str] = set()
        self._unasked: set[str] = set()
        self._untaught: set[str] = set()

    def take(self, record: Mapping[str, Any], *, counts: bool = True) -> None:
        """Look at one record; a decision that does not count only moves the tasks on."""
        if record["kind"] == "decision" and counts:
            verdict = self._decided(record)
            self._apply(self._was, record)
            self._lives(record, verdict)
            return
        self._apply(self._was, record)
        if not self._gone(record):
            self._apply(self._would, record)

    def simulated(self) -> Simulated:
        """What was seen until now."""
        return Simulated(self._straight.report(), self._diverged.report())

    def close(self) -> None:
        """Lets go of the state."""
        self._was.close()
        self._would.close()

    def _decided(self, record: Mapping[str, Any]) -> Verdict:
        """The verdict under NEW, or the recorded one where that is not known."""
        was, would = self._was.task(record["task"]), self._would.task(record["task"])
        if was is None or would is None or not self._diverges(record["task"], was, would):
            change = self._straight.take(record)
        else:
            instead = self._instead(record, was, would)
            if instead is None:
                self._diverged.decisions += 1
                self._diverged.leave(record, "hangs on more")
                change = None
            else:
                change = self._diverged.take(record, instead)
        if change is None:
            return recorded(record)
        if change.old != change.new:
            self._flipped.add(record["task"])
        return change.new

    def _diverges(self, task: str, was: TaskFacts, would: TaskFacts) -> bool:
        return task in self._flipped or (
            bool(self._flipped) and replace(was, version=0) != replace(would, version=0)
        )

    def _instead(
        self, record: Mapping[str, Any], was: TaskFacts, would: TaskFacts
    ) -> Mapping[str, Any] | None:
        """The record as it had been by then; None where that cannot be told."""
        task, checks = record["task"], {one["check"]: one for one in record["checks"]}
        spends = _spends(record)
        repeated = Effect(record["effect"]).changes_state and self._would.outcome_unknown(
            task, record["digest"]
        )
        refusal = bounded(
            would,
            spends,
            record.get("touches", {}),
            reply=record.get("spends") == {},
            repeated=repeated,
            circles=self._would.circles(task, record["tool"], record["digest"]),
        )
        stopped = checks.get("budget", {}).get("said") == "deny"
        if "policy" not in record:
            return None if stopped and refusal is None else record
        labels = _labels(record, was, would)
        if labels != label_of(record["labels"]) and any(
            checks[name]["said"] != "nothing against it" for name in _READ & checks.keys()
        ):
            return None
        if task in self._untaught and not all(
            map(_TAUGHT.isdisjoint, record["provenance"].values())
        ):
            return None
        instead: JSON = {**record, "labels": label_value(labels)}
        if refusal is not None:
            instead["checks"] = [_refused(one, refusal) for one in record["checks"]]
        kept = record["policy"].get("input")
        if kept is not None:
            counts = {**kept["task"], "counts": _counts(kept["task"]["counts"], was, would)}
            kept = {**kept, "task": counts}
        if "approved" in record and self._was.approval(
            task, record["digest"]
        ) != self._would.approval(task, record["digest"]):
            del instead["approved"]
            kept = kept and {name: item for name, item in kept.items() if name != "approval"}
        if kept is not None:
            instead["policy"] = {**record["policy"], "input": kept}
        return instead

    def _lives(self, record: Mapping[str, Any], verdict: Verdict) -> None:
        """The decision as it had been, and with it what it had done."""
        would = self._would.task(record["task"])
        if would is None:
            self._apply(self._would, record)
            return
        lived: JSON = {**record, "version": would.version}
        said = recorded(record).said
        if verdict.said != "elevate":
            self._unasked.add(record["decision"])
        if verdict.said == said:
            held = self._would.approval(record["task"], record["digest"])
            if "approval" in lived and (held is None or held.id != lived["approval"]):
                del lived["approval"]
        elif verdict == PERMIT:
            changes_state = Effect(record["effect"]).changes_state
            lived |= {
                "verdict": "permit",
                "spends": _spends(record),
                "changes_state": changes_state,
            }
        else:
            lived |= {"verdict": verdict.said, "reason": verdict.reason}
        if said == "permit" != verdict.said:
            self._undone.add(record["decision"])
        self._apply(self._would, lived)
        if verdict == PERMIT and said != "permit":
            # That it came to something: what, nobody knows.
            self._apply(self._would, _done(record))

    def _gone(self, record: Mapping[str, Any]) -> bool:
        """Whether a record had not come to be."""
        decision = record.get("decision")
        if record["kind"] == "approval":
            return record["phase"] == "requested" and decision in self._unasked
        if decision not in self._undone:
            return False
        if record["kind"] == "memory" and record["vouched"]:
            self._untaught.add(record["task"])
        return True

    @staticmethod
    def _apply(state: TaskState, record: Mapping[str, Any]) -> None:
        # What the state refuses changes nothing: there it did not happen.
        state.apply(record["n"], record, replay=True)
        state.commit()


def _spends(record: Mapping[str, Any]) -> dict[str, int]:
    """What a permit of this call uses up, or had."""
    if "spends" in record:
        spent: dict[str, int] = record["spends"]
        return spent
    kept = record.get("policy", {}).get("input", {}).get("call", {})
    scopes: list[str] = record.get("scopes", kept.get("scopes", []))
    return dict.fromkeys((CALLS, *scopes), 1)


def _labels(record: Mapping[str, Any], was: TaskFacts, would: TaskFacts) -> Label:
    """What the task had read by then; the record of a refusal can be older than its place."""
    told = label_of(record["labels"])
    return would.labels if told == was.labels else told


def _counts(told: Mapping[str, int], was: TaskFacts, would: TaskFacts) -> dict[str, int]:
    names = {*told, *would.counts}
    changed = {
        name: told.get(name, 0) + would.counts.get(name, 0) - was.counts.get(name, 0)
        for name in names
    }
    return {name: number for name, number in changed.items() if number}


def _refused(answer: JSON, refusal: Deny) -> JSON:
    if answer["check"] != "budget":
        return answer
    return {"check": "budget", "said": "deny", "reason": refusal.code}


def _done(record: Mapping[str, Any]) -> JSON:
    return {
        "kind": "outcome",
        "decision": record["decision"],
        "task": record["task"],
        "at_ms": record["at_ms"],
        "n": record["n"],
        "status": "ok",
        "may_have_happened": True,
    }
