"""Logs of calls as the gateway writes them, with their counters: what searching is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safeconduct.audit import checkpoint, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.records import encode
from safeconduct.audit.tail import Tail
from safeconduct.core.merkle import Tree
from tests.support.logs import ORIGIN

TENANT = "crm.example"
START_MS = 1_795_000_000_000  # 2026-11-18, a Wednesday
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class Trail:
    """Records of tasks, in the order in which they are asked for; `at_ms` moves by a second."""

    def __init__(self, tenant: str = TENANT, at_ms: int = START_MS) -> None:
        self.records: list[dict[str, Any]] = []
        self.at_ms = at_ms
        self._tenant = tenant
        self._counters: Counter[str] = Counter()
        self._parties: dict[str, tuple[str, str]] = {}
        self._calls = 0
        self.add({"kind": "config", "phase": "loaded", "tenant": tenant, "unsafe": []})

    def add(self, record: dict[str, Any]) -> dict[str, Any]:
        """One record, with its counters if it names a task that has begun."""
        made: dict[str, Any] = {**record, "n": len(self.records)}
        made.setdefault("at_ms", self.at_ms)
        task = made.get("task")
        if task in self._parties:
            for name, key in (("task_n", task), ("pair_n", " ".join(self._parties[task]))):
                self._counters[key] += 1
                made[name] = self._counters[key]
        self.records.append(made)
        self.at_ms += 1000
        return made

    def start(self, task: str, agent: str = "triage", user: str = "jane", **more: str) -> None:
        self._parties[task] = agent, user
        self.add(
            {
                "kind": "task",
                "phase": "started",
                "task": task,
                "tenant": self._tenant,
                "agent": {"id": agent},
                "user": {"id": user},
                "purpose": "Answer C-1",
                **more,
            }
        )

    def call(self, task: str, tool: str = "crm.get_case", **more: Any) -> str:
        """A decision and, of a permit, its outcome; the decision's id."""
        self._calls += 1
        decision = f"d_{self._tenant}_{self._calls}"
        agent, user = self._parties[task]
        labels = {"integrity": "trusted", "confidentiality": "internal", "categories": []}
        record = {
            "kind": "decision",
            "decision": decision,
            "task": task,
            "tenant": self._tenant,
            "agent": agent,
            "user": user,
            "tool": tool,
            "verdict": "permit",
            "labels": labels,
            **more,
        }
        self.add(record)
        if record["verdict"] == "permit":
            self.add({"kind": "outcome", "decision": decision, "task": task, "status": "ok"})
        return decision

    def write(self, directory: Path, group: int = 5) -> None:
        """All records so far as a log, in groups of so many."""
        groups = [self.records[at : at + group] for at in range(0, len(self.records), group)]
        raw(directory, *([encode(record) for record in one] for one in groups))


def raw(directory: Path, *groups: Iterable[bytes], origin: str = ORIGIN) -> None:
    """A log of entries as they are, past what would refuse them; replaces what is there."""
    directory.mkdir(mode=0o700, exist_ok=True)
    for path in segments.listing(directory):
        path.unlink()
    tree = Tree()
    end = Tail(directory, origin, 0, 0)
    for group in groups:
        entries = list(group)
        before = tree.copy()
        tree.extend(entries)
        end.append(segments.group(entries, tree.size, tree.root()), before)
    end.close()
    checkpoint.store(directory, Checkpoint(origin, tree.size, tree.root()))


def numbers(records: Iterable[dict[str, Any]]) -> list[int]:
    return [record["n"] for record in records]
