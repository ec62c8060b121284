"""Which members of the input the rules can see, read off the syntax tree.

Handing a value to the engine costs more than most rules do, so it is not given what no rule names.
"""

from __future__ import annotations

from safeconduct.policy.rego.syntax import Node, references


def members(modules: list[Node]) -> frozenset[str] | None:
    """The members of the input that the rules name; None when they may look at any.

    INVARIANT: no rule can tell an input from one that has only these members. The input is reached
    by its name alone, so a rule that names it without one literal member behind it, in an index, an
    assignment, an import or an argument, may look at all of it.
    """
    named: set[str] = set()
    for module in modules:
        for path in references(module["ast"]):
            if path[0] != "input":
                continue
            name = path[1] if len(path) > 1 else None
            if name is None or not name.isidentifier():
                return None
            named.add(name)
    return frozenset(named)
