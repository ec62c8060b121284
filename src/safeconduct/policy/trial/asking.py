"""Rules that ask a person for ever: a yes ends none of the asking, or nothing permits after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from safeconduct.policy.refusal import PolicyRefused

if TYPE_CHECKING:
    from safeconduct.policy.cedar.rules import Rule as CedarRule
    from safeconduct.policy.rego.syntax import Path, Rule

_DEAF: Final = (
    "this asks for ever: it does not look at the approval, so a yes changes nothing",
    "end it where a fresh approval of this very call is there, and permit the call then",
)
_LONE: Final = (
    "this asks for ever: no rule permits the call after a yes",
    "add a rule that permits it where a fresh approval of this very call is there",
)


def of_rego(
    rules: Sequence[Rule], entrypoint: str, imported: Iterable[str]
) -> Iterator[PolicyRefused]:
    """Those among the rules of a bundle that passed. `imported` are names of parts of the input."""
    from safeconduct.policy.rego.elements import targets  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.rego.guards import Guards  # noqa: PLC0415 loaded where it is needed

    sets, guards, names = targets(entrypoint), Guards(rules), frozenset(imported)
    permits = [guards.of(rule) for rule in rules if sets.get(rule.path) == "permit"]
    for rule in rules:
        if sets.get(rule.path) != "elevate":
            continue
        mine = guards.of(rule)
        if not _looks(rule, rules, names):
            yield rule.refused(*_DEAF)
        elif not any(
            all(mine[fact] & other[fact] for fact in mine.keys() & other.keys())
            for other in permits
        ):
            yield rule.refused(*_LONE)


def of_cedar(
    rules: Sequence[CedarRule], actions: Iterable[tuple[str, frozenset[str]]]
) -> Iterator[PolicyRefused]:
    """Those among the rules of a bundle that passed. `actions` are what can be asked for, with
    their groups.
    """
    from safeconduct.policy.cedar.slices import applies  # noqa: PLC0415 native code

    every = tuple(actions)
    for rule in rules:
        if rule.at.set != "elevate":
            continue
        about = [one for one in every if applies(rule, *one)]
        if not any(
            variable == "context" and path[:1] in {(), ("approval",)}
            for variable, path in rule.reads
        ):
            yield rule.refused(*_DEAF)
        elif not any(
            other.at.set == "permit" and applies(other, *one) for other in rules for one in about
        ):
            yield rule.refused(*_LONE)


def _looks(rule: Rule, rules: Sequence[Rule], imported: frozenset[str]) -> bool:
    """Whether a rule, or one that it needs, looks at the approval, or at what it is part of."""
    from safeconduct.policy.rego.guards import overlap  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.rego.syntax import references, resolve  # noqa: PLC0415 loaded where it is needed

    waiting, seen = [rule], {id(rule)}
    while waiting:
        one = waiting.pop()
        for path in references(one.parts):
            if path[0] in imported or (path[0] == "input" and _around(path[1:])):
                return True
            target = resolve(path, one)
            for other in rules:
                if target is not None and overlap(other.path, target) and id(other) not in seen:
                    seen.add(id(other))
                    waiting.append(other)
    return False


def _around(path: Path) -> bool:
    return path[:1] in {(), (None,), ("approval",)}
