"""A task and those above it: what binds the parent binds the child. Pure.

A child task's scopes, budgets, patience and end are never wider than its parent's are right now,
whatever was granted to it when it started.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from safeconduct.core.model import Reach
from safeconduct.tasks.rows import StartRow, TaskRow


class Kin(NamedTuple):
    """One task of a line: its plan and where it stands."""

    start: StartRow
    row: TaskRow


class Bound(NamedTuple):
    """A limit on what may be used up, by budget, and what has been; and on objects, by scope."""

    budgets: Mapping[str, int]
    counts: Mapping[str, int]
    objects: Mapping[str, int]
    touched: Mapping[str, frozenset[str]]

    def holds(self, spends: Mapping[str, int], touches: Mapping[str, Collection[str]]) -> bool:
        """Whether so much more can be used up, and these objects be touched as well."""
        for name, amount in spends.items():
            most = self.budgets.get(name)
            if most is not None and self.counts.get(name, 0) + amount > most:
                return False
        reaches = self.reaches()
        return all(
            reaches[scope].holds(objects) for scope, objects in touches.items() if scope in reaches
        )

    def reaches(self) -> dict[str, Reach]:
        """The limits on objects, by scope."""
        nothing = frozenset[str]()
        return {
            scope: Reach(most, self.touched.get(scope, nothing))
            for scope, most in self.objects.items()
        }


def state_of(line: Sequence[Kin]) -> Literal["active", "ended", "revoked"]:
    """A task lives while all above it do."""
    for kin in line:
        if kin.row.state != "active":
            return kin.row.state
    return "active"


def scopes_of(line: Sequence[Kin]) -> frozenset[str]:
    """What the task and all above it have."""
    own, *elders = line
    return own.start.scopes.intersection(*(kin.start.scopes for kin in elders))


def version_of(line: Sequence[Kin]) -> int:
    """Grows with the task itself, and with the plans of those above it."""
    version = line[0].row.version
    for kin in line[1:]:
        version += kin.row.changes
    return version


def strictest(bounds: Iterable[int | None]) -> int | None:
    """The least of what the tasks of a line say, if any says something."""
    return min((bound for bound in bounds if bound is not None), default=None)


def patience(line: Sequence[Kin]) -> int:
    """How many refusals the task may have had at most, given what those above it have left."""
    return line[0].row.refusals + min(kin.start.max_refusals - kin.row.refusals for kin in line)


def budgets_of(own: Mapping[str, int], bounds: Iterable[Bound]) -> dict[str, int]:
    """By budget, what a task that has used up `own` may have used up at most."""
    most: dict[str, int] = {}
    for bound in bounds:
        for name, budget in bound.budgets.items():
            left = own.get(name, 0) + budget - bound.counts.get(name, 0)
            most[name] = min(most.get(name, left), left)
    return most


def reaches_of(bounds: Iterable[Bound]) -> dict[str, tuple[Reach, ...]]:
    """By scope, everything that limits the objects that its calls may touch."""
    found: dict[str, tuple[Reach, ...]] = {}
    for bound in bounds:
        for scope, reach in bound.reaches().items():
            found[scope] = (*found.get(scope, ()), reach)
    return found
