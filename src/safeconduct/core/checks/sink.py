"""May data go to this very destination? Channel allowlists, and categories a tool must not get."""

from __future__ import annotations

from typing import Final

from safeconduct.core.aiming import addresses
from safeconduct.core.asking import ADDRESS_SOURCE, asking, covered, plausible
from safeconduct.core.leading import followed
from safeconduct.core.model import Call, Facts
from safeconduct.core.releases import held
from safeconduct.core.verdict import Deny, Elevate

RESOLVER: Final = "resolver"
"""The name under which facts that could not be fetched stand in `Facts.failures`."""


def sink(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses addresses that nobody vouches for and categories the tool refuses."""
    manifest = facts.gathered.tool.manifest
    if manifest is None:
        return Deny("destination-not-allowed")
    # INVARIANT: a list that could not be had refuses by itself, in the check `policy`; here it
    # would only be told as a wrong address.
    to = [] if RESOLVER in facts.failures else addresses(call, facts)
    strange = not all(one.acceptable(facts) for one in to) and not (
        followed(call, facts) or covered(call, facts)
    )
    if strange and not plausible(call, facts):
        return Deny("destination-not-allowed")
    refused = manifest.sink.categories_refused
    if held(call, facts) and not facts.gathered.task.labels.categories.isdisjoint(refused):
        return Deny("category-refused")
    return asking(call, facts, ADDRESS_SOURCE) if strange else None
