"""May data go to this very destination? Channel allowlists, and categories a tool must not get."""

from __future__ import annotations

from typing import Final, cast

from safeconduct.core.checks.flow import asking, carries, plausible
from safeconduct.core.manifest import LISTS, Argument
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import normalise, sighted, vouched_for
from safeconduct.core.verdict import Deny, Elevate

RESOLVER: Final = "resolver"
"""The name under which facts that could not be fetched stand in `Facts.failures`."""

ASKED_SOURCE: Final = "sink:destination"
"""What an approval was asked for when nobody vouches for an address."""


def sink(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses addresses that nobody vouches for and categories the tool refuses."""
    manifest = facts.gathered.tool.manifest
    if manifest is None:
        return Deny("destination-not-allowed")
    # INVARIANT: a list that could not be had refuses by itself, in the check `policy`; here it
    # would only be told as a wrong address.
    judged = {} if RESOLVER in facts.failures else manifest.arguments
    strange = not all(
        _allowed(name, value, judged[name], facts)
        for name, value in call.arguments.items()
        if name in judged and judged[name].role in LISTS
    )
    if strange and not plausible(call, facts):
        return Deny("destination-not-allowed")
    refused = manifest.sink.categories_refused
    if carries(call, facts) and not facts.gathered.task.labels.categories.isdisjoint(refused):
        return Deny("category-refused")
    return asking(call, facts, ASKED_SOURCE) if strange else None


def _allowed(name: str, value: object, argument: Argument, facts: Facts) -> bool:
    if argument.needs == "any":
        return True
    enough = sighted if argument.needs == "seen" else vouched_for
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    allowed = facts.allowed.get(LISTS[argument.role], frozenset())
    return bool(values) and all(
        (text := normalise(item, argument.role)) is not None
        and (text in allowed or enough(facts.provenance.get(f"{name}={text}", ())))
        for item in values
    )
