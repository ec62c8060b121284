"""May data go to this very destination? Channel allowlists, and categories a tool must not get."""

from __future__ import annotations

from typing import Final, cast

from safeconduct.core.checks.flow import carries
from safeconduct.core.manifest import Role
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import normalise, vouched_for
from safeconduct.core.verdict import Deny

LISTS: Final[dict[Role, str]] = {"recipient": "recipients", "destination": "destinations"}
"""The allowlist of a manifest's sink that an address argument is judged by."""

RESOLVER: Final = "resolver"
"""The name under which facts that could not be fetched stand in `Facts.failures`."""


def sink(call: Call, facts: Facts) -> Deny | None:
    """Refuses addresses that nobody vouches for and categories the tool refuses."""
    manifest = facts.gathered.tool.manifest
    if manifest is None:
        return Deny("destination-not-allowed")
    # INVARIANT: a list that could not be had refuses by itself, in the check `policy`; here it
    # would only be told as a wrong address.
    listed = {} if RESOLVER in facts.failures else LISTS
    for name, value in call.arguments.items():
        role = manifest.arguments[name].role if name in manifest.arguments else "content"
        if role in listed and not _allowed(name, value, facts, listed[role]):
            return Deny("destination-not-allowed")
    refused = manifest.sink.categories_refused
    mixed = not facts.gathered.task.labels.categories.isdisjoint(refused)
    return Deny("category-refused") if mixed and carries(call, facts) else None


def _allowed(name: str, value: object, facts: Facts, listed: str) -> bool:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    allowed = facts.allowed.get(listed, frozenset())
    return bool(values) and all(
        (text := normalise(item)) is not None
        and (text in allowed or vouched_for(facts.provenance.get(f"{name}={text}", ())))
        for item in values
    )
