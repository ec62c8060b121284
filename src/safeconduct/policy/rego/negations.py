"""`not` of something that is missing: where the engine says true, Open Policy Agent says nothing.

`not f(input.x)` and `not input.x in s` are true here where `input.x` is missing, and would open a
rule that nobody meant to open. A rule that looks at the fact first is closed in both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, cast

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.syntax import Node, Path, Rule, dotted, reference, resolve, static

_REFERENCES: Final = frozenset({"Var", "RefDot", "RefBrack"})
_PLAIN: Final = _REFERENCES | {"String", "RawString", "Number", "True", "False", "Null", "Bool"}


def unseen(rule: Rule, values: Collection[Path]) -> Iterator[PolicyRefused]:
    """Negations of what may be missing and was not looked at before.

    `values` are the rules that are undefined where they do not hold.
    """
    for query, known in _queries([rule.parts], frozenset()):
        seen = set(known)
        for statement in query:
            negated = statement["literal"].get("NotExpr")
            if negated is None:
                seen |= set(_certain(statement))
                continue
            for path in _doubtful(negated["expr"], rule, values):
                if not any(one[: len(static(path))] == static(path) for one in seen):
                    yield rule.refused(
                        f"`not` of something about `{dotted(path)}`, which may be missing: the "
                        "rule would hold then",
                        f"look at it in a line before, such as `x := {dotted(path)}`",
                        line=statement["span"]["line"],
                    )
                    break


def _queries(root: object, known: frozenset[Path]) -> Iterator[tuple[list[Node], frozenset[Path]]]:
    """Every list of statements below the root, with the references that were seen around it."""
    stack: list[tuple[object, frozenset[Path]]] = [(root, known)]
    while stack:
        value, around = stack.pop()
        if isinstance(value, list):
            stack.extend((item, around) for item in cast("list[object]", value))
        elif isinstance(value, dict):
            node = cast("Node", value)
            statements = node.get("stmts")
            if statements is None:
                stack.extend((child, around) for child in node.values())
                continue
            yield statements, around
            for statement in statements:
                stack.append((statement["literal"], around))
                if "NotExpr" not in statement["literal"]:
                    around |= set(_certain(statement))


def _certain(root: object) -> Iterator[Path]:
    """The references without which a statement says nothing: all outside of inner queries."""
    stack: list[object] = [root]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(cast("list[object]", value))
        elif isinstance(value, dict) and "stmts" not in value:
            node = cast("Node", value)
            if not _REFERENCES.isdisjoint(node):
                yield static(reference(node))
            stack.extend(child for name, child in node.items() if name != "fcn")


def _doubtful(expression: Node, rule: Rule, values: Collection[Path]) -> Iterator[Path]:
    """What may be missing in a negated expression that is more than a reference or an equality."""
    if _is_plain(expression):
        return
    both: dict[str, Any] = expression.get("BoolExpr", {})
    if both.get("op") == "Eq" and _is_plain(both["lhs"]) and _is_plain(both["rhs"]):
        return
    for path in _certain(expression):
        leads = resolve(path, rule) if path else None
        if path[:1] == ("data",):
            if leads in values:
                yield path
        elif len(path) > 1 or leads in values:
            yield path


def _is_plain(expression: Node) -> bool:
    return not _PLAIN.isdisjoint(expression)
