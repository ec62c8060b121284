"""Whether rules call what they may, with what it takes, and see the facts that there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.builtins import PERMITTED
from safeconduct.policy.rego.patterns import PATTERNS
from safeconduct.policy.rego.syntax import (
    Node,
    Path,
    Rule,
    dotted,
    nodes,
    reference,
    resolve,
    string,
)

_STRINGS: Final = frozenset({"String", "RawString"})
_WANTED: Final = {"s": ("a string", _STRINGS), "n": ("a number", frozenset({"Number"}))}
_LITERALS: Final = _STRINGS | {"Number", "Bool", "Null", "Array", "Object", "Set"}

Arities = Mapping[Path, int]


def arities(rules: list[Rule]) -> Arities:
    """How many arguments each function of the rules takes."""
    return {rule.path: len(rule.head["args"]) for rule in rules if rule.kind == "function"}


def miscalled(rule: Rule, functions: Arities) -> Iterator[PolicyRefused]:
    """The calls of a rule that must not be, or could only fail; and what replaces facts in it."""
    conditions: set[int] = set()
    for kind, node in nodes(rule.parts):
        if kind in {"Expr", "NotExpr"}:
            conditions.add(id(node["expr"].get("Call")))
        if node.get("with_mods"):
            yield rule.refused(
                "`with` replaces facts", "use it in tests only", line=node["span"]["line"]
            )
        if kind == "Call":
            # As a condition of its own, a call may have one argument more, for the result.
            more = 1 if id(node) in conditions else 0
            for sentence, fix in _wrong(node, rule, functions, more):
                yield rule.refused(sentence, fix, line=node["span"]["line"])


def _wrong(call: Node, rule: Rule, functions: Arities, more: int) -> Iterator[tuple[str, str]]:
    path = reference(call["fcn"])
    name = dotted(path)
    given = cast("list[Node]", call["params"])
    takes = PERMITTED.get(name)
    wanted = functions.get(resolve(path, rule) or ()) if takes is None else len(takes)
    if wanted is None:
        yield (
            f"`{name}` is not among the functions that a rule may call",
            "decide with facts of the input; a resolver fetches what is missing",
        )
        return
    if not 0 <= len(given) - wanted <= more:
        sentence = f"`{name}` is called with {len(given)} arguments, and takes {wanted}"
        yield sentence, "add or remove arguments"
        return
    for letter, argument in zip(takes or "", given, strict=False):
        yield from _mistyped(name, letter, argument)
    if name in PATTERNS:
        allowed, fix = PATTERNS[name]
        pattern = string(given[0])
        if pattern is None:
            yield f"the pattern of `{name}` is no literal", "write it here, as a string"
        elif allowed.fullmatch(pattern) is None:
            yield f"`{name}` has a pattern that Open Policy Agent reads in another way", fix


def _mistyped(name: str, letter: str, argument: Node) -> Iterator[tuple[str, str]]:
    what, kinds = _WANTED.get(letter, ("", _LITERALS))
    if not (_LITERALS - kinds).isdisjoint(argument):
        yield f"`{name}` is given a literal where it takes {what}", f"give it {what}"
