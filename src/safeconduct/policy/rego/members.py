"""Where in the input the rules can look, read off the syntax tree.

Handing a value to the engine costs more than most rules do, so it is not given what no rule names.
"""

from __future__ import annotations

from typing import Final

from safeconduct.policy.rego.syntax import Node, references, static

_DEPTH: Final = 2
"""How many names tell all parts of the input apart that records can mask."""


def looks(modules: list[Node]) -> frozenset[tuple[str, ...]]:
    """The paths into the input that the rules name, of at most two names; an empty one where they
    may look at any.

    INVARIANT: no rule can tell an input from one that has only what is at these paths. The input is
    reached by its name alone, so a rule that names it without one literal member behind it, in an
    index, an assignment, an import or an argument, may look at all of it; and so it is below.
    """
    return frozenset(
        static(path[1 : 1 + _DEPTH])
        for module in modules
        for path in references(module["ast"])
        if path[0] == "input"
    )


def members(looks: frozenset[tuple[str, ...]]) -> frozenset[str] | None:
    """The members of the input that rules name; None when they may look at any."""
    named = frozenset(path[0] if path else "" for path in looks)
    return named if all(name.isidentifier() for name in named) else None
