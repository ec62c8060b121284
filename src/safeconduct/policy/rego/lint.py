"""What the engine accepts and a gate must not: read off the syntax tree, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from safeconduct.core.policy import Said
from safeconduct.policy.bundles.header import FILE, RESERVED
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.calls import arities, miscalled
from safeconduct.policy.rego.elements import MORE, SETS, fields, identity, targets
from safeconduct.policy.rego.graph import check_graph
from safeconduct.policy.rego.negations import unseen
from safeconduct.policy.rego.syntax import (
    Node,
    Path,
    Rule,
    depth,
    rules,
)

MAX_DEPTH: Final = 256
"""Of the syntax tree. The engine recurses with it, on a stack that it shares with the gateway."""

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check(modules: list[Node], entrypoint: str) -> None:
    """Refuse a bundle whose rules are not reviewable or not safe to run.

    Raises:
        PolicyRefused: at the first finding.
    """
    for finding in findings(modules, entrypoint):
        raise finding


def findings(modules: list[Node], entrypoint: str) -> Iterator[PolicyRefused]:
    """All that is not reviewable or not safe to run."""
    deep = [module["source"]["file"] for module in modules if depth(module["ast"]) > MAX_DEPTH]
    for file in deep:
        yield PolicyRefused(
            "an expression is nested too deep, or too long",
            file=file,
            fix="give parts of it a rule of their own",
        )
    if deep:
        return
    found = rules(modules)
    places: dict[str, Rule] = {}
    for rule in found:
        if rule.path[0] == RESERVED:
            yield rule.refused("a package of the gateway's own", "choose another package")
        for target, name in targets(entrypoint).items():
            if _reaches(rule, target):
                yield from _unsound(rule, target, name, places)
    if not any(rule.path[-1] == "permit" for rule in places.values()):
        yield PolicyRefused(
            f"no rule adds to {entrypoint}.permit, so every call would be refused",
            file=FILE,
            fix='add `permit contains {"id": "…"} if { … }`, or name another entrypoint',
        )
    functions = arities(found)
    values = {rule.path for rule in found if rule.kind == "value"}
    for rule in found:
        yield from miscalled(rule, functions)
        yield from unseen(rule, values)
    try:
        check_graph(found)
    except PolicyRefused as refused:
        yield refused


def _reaches(rule: Rule, target: Path) -> bool:
    """Whether a rule adds to a set of the answer, replaces it, or could."""
    return all(name in {None, wanted} for name, wanted in zip(rule.path, target, strict=False))


def _unsound(
    rule: Rule, target: Path, name: Said, places: dict[str, Rule]
) -> Iterator[PolicyRefused]:
    """Whether a rule is one of those that answer, as a reviewer expects them."""
    if rule.path != target or rule.kind != "set":
        example = ", ".join(f'"{key}": …' for key in SETS[name])
        yield rule.refused(
            f"this could change `{name}` in a way that a reviewer does not expect",
            f"write `{name} contains {{{example}}} if {{ … }}` in the entrypoint's package",
        )
        return
    named = identity(rule)
    if named is None or not _ID.fullmatch(named):
        yield rule.refused(
            f"an element of `{name}` without an id",
            'give it an `"id"`: a literal of lower-case letters, digits, `.`, `_` and `-`',
        )
        return
    keys = [key for key, _ in fields(rule) if key not in MORE[name]]
    if sorted(key or "" for key in keys) != sorted(SETS[name]):
        yield rule.refused(f"elements of `{name}` have {_list(SETS[name])}", "add or remove keys")
    first = places.setdefault(named, rule)
    if first is not rule:
        yield rule.refused(
            f"the id `{named}` stands at {first.file}:{first.line} too",
            "name each rule differently, so that a record tells which one it was",
        )


def _list(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
