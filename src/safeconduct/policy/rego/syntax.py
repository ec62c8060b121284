"""The engine's syntax tree as plain JSON values: nodes, references, rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec

from safeconduct.policy.refusal import PolicyRefused

Node = dict[str, Any]

Path = tuple[str | None, ...]
"""A reference, name by name; None stands for a part that is only known when a rule runs."""

_REFERENCES: Final = frozenset({"Var", "RefDot", "RefBrack"})
_HEADS: Final = {"Set": "set", "Compr": "value", "Func": "function"}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `path` is absolute, without `data`; `kind` is set, value, function or default."""

    path: Path
    kind: str
    file: str
    line: int
    column: int
    head: Node
    bodies: list[Node]
    imports: dict[str, Path]
    package: Path

    def refused(self, sentence: str, fix: str, *, line: int | None = None) -> PolicyRefused:
        """A refusal of the bundle for this rule."""
        return PolicyRefused(sentence, file=self.file, line=line or self.line, fix=fix)

    @property
    def parts(self) -> list[object]:
        """All expressions of the rule but its own name; what stands in brackets there is one."""
        named = list(_indices(self.head["refr"]))
        return [*(value for key, value in self.head.items() if key != "refr"), named, self.bodies]


def decode(text: str) -> list[Node]:
    """The modules of a tree. Raises RecursionError for one that is nested too deep to be read."""
    return msgspec.json.decode(text, type=list[dict[str, Any]])


def depth(root: object) -> int:
    """How deep objects and arrays are nested."""
    deepest = 0
    stack: list[tuple[object, int]] = [(root, 1)]
    while stack:
        value, level = stack.pop()
        deepest = max(deepest, level)
        stack.extend((child, level + 1) for child in _children(value))
    return deepest


def nodes(root: object) -> Iterator[tuple[str, Node]]:
    """Every object below the root with the key that it, or the array around it, stands under."""
    stack: list[tuple[str, object]] = [("", root)]
    while stack:
        key, value = stack.pop()
        if isinstance(value, dict):
            node = cast("Node", value)
            yield key, node
            stack.extend(node.items())
        elif isinstance(value, list):
            stack.extend((key, item) for item in cast("list[object]", value))


def references(root: object) -> Iterator[Path]:
    """Every reference below the root, whole: `a.b.c` is one, and `x` in `a[x]` another."""
    stack: list[object] = [root]
    while stack:
        value = stack.pop()
        node = _object(value)
        if _REFERENCES.isdisjoint(node):
            stack.extend(_children(value))
        else:
            yield reference(node)
            stack.extend(_indices(node))


def reference(expression: Node) -> Path:
    """The names of a reference; `(None,)` for what is none."""
    names: list[str | None] = []
    while True:
        if "Var" in expression:
            names.append(expression["Var"]["value"])
            return tuple(reversed(names))
        if "RefDot" in expression:
            names.append(expression["RefDot"]["field"][1])
            expression = expression["RefDot"]["refr"]
        elif "RefBrack" in expression:
            names.append(string(expression["RefBrack"]["index"]))
            expression = expression["RefBrack"]["refr"]
        else:
            return (None,)


def dotted(path: Path) -> str:
    """A reference as a person writes it."""
    return ".".join(name or "[…]" for name in path)


def static(path: Path) -> tuple[str, ...]:
    """The part of a reference that is known before a rule runs."""
    names: list[str] = []
    for name in path:
        if name is None:
            break
        names.append(name)
    return tuple(names)


def string(expression: Node) -> str | None:
    """The value of a literal string, None for any other expression."""
    for kind in ("String", "RawString"):
        if kind in expression:
            return cast("str", expression[kind]["value"])
    return None


def rules(modules: list[Node]) -> list[Rule]:
    """All rules of all modules, in the order of their text."""
    return [_rule(module, node) for module in modules for node in module["ast"]["rules"]]


def resolve(path: Path, rule: Rule) -> Path | None:
    """Where a reference inside a rule leads; None when it leads to no rule."""
    first = path[0]
    if first is None or first == "input":
        return None
    if first == "data":
        return path[1:]
    if first in rule.imports:
        return rule.imports[first] + path[1:]
    return rule.package + path


def _rule(module: Node, node: Node) -> Rule:
    package = reference(module["ast"]["package"]["refr"])
    kind, inner = next(iter(node.items()))
    if kind == "Default":
        kind, head = "default", inner
    else:
        form, head = next(iter(inner["head"].items()))
        kind = _HEADS[form]
    return Rule(
        path=package + reference(head["refr"]),
        kind=kind,
        file=module["source"]["file"],
        line=inner["span"]["line"],
        column=inner["span"]["col"],
        head=head,
        bodies=inner.get("bodies", []),
        imports=_imports(module),
        package=package,
    )


def imports(module: Node) -> Iterator[tuple[str, Path, int]]:
    """What a module imports: the name that it has there, the reference, and the line."""
    for item in module["ast"]["imports"]:
        path = reference(item["refr"])
        name = _alias(module, item) or path[-1]
        if name is not None:
            yield name, path, item["span"]["line"]


def _imports(module: Node) -> dict[str, Path]:
    return {name: path[1:] for name, path, _ in imports(module) if path[0] == "data"}


def _alias(module: Node, item: Node) -> str | None:
    span = item.get("as")
    if span is None:
        return None
    text = module["source"]["contents"].encode()[span["start"] : span["end"]]
    return cast("str", text.decode())


def _indices(expression: Node) -> Iterator[Node]:
    while "Var" not in expression:
        kind = "RefDot" if "RefDot" in expression else "RefBrack"
        if kind not in expression:
            yield expression
            return
        if kind == "RefBrack":
            yield expression[kind]["index"]
        expression = expression[kind]["refr"]


def _object(value: object) -> Node:
    return cast("Node", value) if isinstance(value, dict) else {}


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("Node", value).values())
    if isinstance(value, list):
        return cast("list[object]", value)
    return []
