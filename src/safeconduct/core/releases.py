"""Releases: a person lets what a decision returned go to a tool, or vouches for a value. Pure.

A label never falls. A release is one task's, for one tool, so often, so long; it is on record with
who gave it and why, and each use with the decision that rests on it. Data of two tenants or regions
goes nowhere all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from safeconduct.core.aiming import addresses, chooses_nothing
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import GRANTED, NAMED, Origin, requested
from safeconduct.core.steering import carries


def held(call: Call, facts: Facts) -> bool:
    """Whether the labels of what the task has read hold for this call: it may carry that out, and
    no person has released all that it says.
    """
    return carries(call, facts) and not released(call, facts)


def released(call: Call, facts: Facts) -> tuple[str, ...]:
    """The releases under which this call goes: each argument is the request's, an address that data
    may go to, or wholly what a released result said. None where one argument is not.
    """
    if not facts.released:
        return ()
    to = {one.name for one in addresses(call, facts) if one.acceptable(facts)}
    found: set[str] = set()
    for name, value in call.arguments.items():
        if chooses_nothing(value) or name in to or requested(facts.provenance.get(name, ())):
            continue
        if name not in facts.released:
            return ()
        found.add(facts.released[name])
    return tuple(sorted(found))


def used(call: Call, facts: Facts) -> tuple[str, ...]:
    """The releases that a permit of this call uses up."""
    found = set(_endorsed(facts.provenance))
    if facts.delivers is not None:
        found.add(facts.delivers)
    if carries(call, facts):
        found.update(released(call, facts))
    return tuple(sorted(found))


def _endorsed(provenance: Mapping[str, tuple[Origin, ...]]) -> set[str]:
    """Those of values that the user did not name anyway."""
    found: set[str] = set()
    for origins in provenance.values():
        places = {one.place for one in origins}
        if "endorsed" in places and places.isdisjoint(NAMED - GRANTED):
            found.update(one.where for one in origins if one.place == "endorsed")
    return found
