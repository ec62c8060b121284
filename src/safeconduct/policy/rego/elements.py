"""The rules that answer: those that add an element to a set of the contract."""

from __future__ import annotations

from typing import Final

from safeconduct.core.policy import Said
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.rego.syntax import Node, Path, Rule, rules, string

SETS: Final[dict[Said, tuple[str, ...]]] = {
    "permit": ("id",),
    "deny": ("id",),
    "elevate": ("id", "template", "ttl_s"),
}
"""The sets of the contract, and the keys that their elements have."""

MORE: Final[dict[Said, tuple[str, ...]]] = {
    "permit": ("obligations",),
    "deny": (),
    "elevate": ("obligations", "group", "count"),
}
"""The keys that they may have besides."""


def targets(entrypoint: str) -> dict[Path, Said]:
    """The paths of the sets, and which set each is."""
    return {(*entrypoint.split("."), name): name for name in SETS}


def fields(rule: Rule) -> list[tuple[str | None, Node]]:
    """Keys and values of the object that a rule adds to a set."""
    element: Node = rule.head.get("key") or {}
    found: list[tuple[object, Node, Node]] = element.get("Object", {}).get("fields", [])
    return [(string(key), value) for _, key, value in found]


def identity(rule: Rule) -> str | None:
    """The id of a rule that answers; None where it is no literal."""
    return next((string(value) for key, value in fields(rule) if key == "id"), None)


def answering(modules: list[Node], entrypoint: str) -> tuple[RuleAt, ...]:
    """All rules that answer, in the order of their text."""
    return tuple(
        RuleAt(named, said, rule.file, rule.line)
        for rule in rules(modules)
        for path, said in targets(entrypoint).items()
        if rule.path == path and (named := identity(rule)) is not None
    )
