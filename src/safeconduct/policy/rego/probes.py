"""Inputs that no call has: whoever is permitted with one of them is permitted too much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import orjson

from safeconduct.policy.rego.syntax import Node, references, static

Tree = dict[str, Any]

# Every key of the contract, with a value of the right type that means nothing. Facts differ from
# tool to tool; a rule that needs one must be closed without it.
_NONSENSE: Final[Tree] = {
    "call": {
        "tool": "nonsense.tool",
        "upstream": "nonsense",
        "effect": "nonsense-effect",
        "scopes": ["nonsense:scope"],
        "digest": "nonsense-digest",
        "fields": ["nonsense_field"],
        "sizes": {"arguments": 7},
    },
    "agent": {
        "id": "nonsense-agent",
        "tier": 7_777,
        "zone": "nonsense-zone",
        "attested_at": 7,
        "stateless": False,
    },
    "user": {"id": "nonsense-user", "groups": ["nonsense-group"], "acr": None, "auth_time": 7},
    "task": {
        "id": "nonsense-task",
        "purpose_source": "nonsense-source",
        "profile": "nonsense-profile",
        "tenant": "nonsense-tenant",
        "started_at": 7,
        "counts": {},
    },
    "labels": {
        "integrity": "nonsense-integrity",
        "confidentiality": "nonsense-confidentiality",
        "categories": ["nonsense-category"],
        "readers": ["nonsense-reader"],
    },
    "provenance": {"nonsense_field": ["nonsense-origin"]},
    "facts": {},
    "findings": ["nonsense.finding"],
    "now_ms": 7,
}
_SAME: Final[tuple[object, ...]] = (None, False, True, -1, 0, 1, "", "nonsense", [], {})


def typed() -> Iterator[tuple[str, bytes]]:
    """Inputs that every rule must be able to answer, each with what it is."""
    yield "for an empty input", b"{}"
    yield "for a call that does not exist", orjson.dumps(_NONSENSE)


def mistyped(modules: list[Node]) -> Iterator[tuple[str, bytes]]:
    """Inputs in which all that the contract has, and all that rules ask for, is the same value."""
    paths = {*_leaves(_NONSENSE, ()), *_asked(modules)}
    for value in _SAME:
        text = orjson.dumps(value).decode()
        yield f"when every fact is {text}", orjson.dumps(_filled(paths, value))


def _asked(modules: list[Node]) -> set[tuple[str, ...]]:
    """The places in the input that rules look at."""
    found = {static(path) for path in references([module["ast"] for module in modules])}
    return {path[1:] for path in found if path[:1] == ("input",) and path[1:]}


def _leaves(tree: Tree, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(cast("Tree", value), (*above, key))
        else:
            yield (*above, key)


def _filled(paths: set[tuple[str, ...]], value: object) -> Tree:
    """A tree with the value at every path that does not lead to another one."""
    inner = {path[:length] for path in paths for length in range(1, len(path))}
    root: Tree = {}
    for path in paths - inner:
        tree = root
        for key in path[:-1]:
            tree = tree.setdefault(key, {})
        tree[path[-1]] = value
    return root
