"""Which rule needs which: no circle, and no chain so long that it exhausts the stack."""

from __future__ import annotations

from typing import Final

from safeconduct.policy.rego.syntax import Path, Rule, dotted, references, resolve, static

MAX_CHAIN: Final = 16

Edges = dict[Path, set[Path]]


def check_graph(rules: list[Rule]) -> None:
    """Refuse recursion, which ends the process when it goes through functions.

    A local variable that has the name of a rule counts as that rule: such a bundle may be refused
    although nothing recurs.

    Raises:
        PolicyRefused: at a rule of the circle or of the chain.
    """
    edges = _edges(rules)
    heights: dict[Path, int] = {}
    first: dict[Path, Rule] = {static(rule.path): rule for rule in reversed(rules)}
    for path in edges:
        _climb(path, edges, heights, first)


def _climb(start: Path, edges: Edges, heights: dict[Path, int], first: dict[Path, Rule]) -> None:
    """Depth first, on a stack of its own: the depth is what is in doubt."""
    way = [start]
    on_way = {start}
    while way:
        path = way[-1]
        following = [needed for needed in edges[path] if needed not in heights]
        if not following:
            heights[path] = 1 + max((heights[needed] for needed in edges[path]), default=0)
            on_way.discard(way.pop())
            if heights[path] > MAX_CHAIN:
                raise first[path].refused(
                    f"a chain of more than {MAX_CHAIN} rules", "join some of them"
                )
            continue
        if following[0] in on_way:
            raise first[path].refused(
                f"`{dotted(path)}` needs `{dotted(following[0])}`, which needs it in turn",
                "break the circle; a local variable must not have the name of a rule",
            )
        way.append(following[0])
        on_way.add(following[0])


def _edges(rules: list[Rule]) -> Edges:
    edges: Edges = {static(rule.path): set() for rule in rules}
    below: Edges = {}
    for path in edges:
        for length in range(len(path)):
            below.setdefault(path[:length], set()).add(path)
    for rule in rules:
        for reference in references(rule.parts):
            target = resolve(reference, rule)
            if target is not None:
                edges[static(rule.path)] |= _named(static(target), edges, below)
    return edges


def _named(target: Path, edges: Edges, below: Edges) -> set[Path]:
    """The rules that a reference can mean: the one it goes into, or all below a package."""
    for length in range(len(target), 0, -1):
        if target[:length] in edges:
            return {target[:length]}
    return below.get(target, set())
