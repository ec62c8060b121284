"""A Cedar schema, as far as ours goes: two types of entities, actions, and what each is told.

The engine parses and writes schemas, but does not say what is in them. What is read here is what it
wrote, in one spelling: https://docs.cedarpolicy.com/schema/human-readable-schema.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

FILE: Final = "schema.cedarschema"
AGENT: Final = "Agent"
TOOL: Final = "Tool"
ACTION: Final = "Action"

KNOWN: Final = ("effect:", "upstream:")
"""How the names of groups begin that follow from what the gateway knows of a call."""

SCALARS: Final = frozenset({"Long", "String", "Bool", "decimal", "datetime", "duration", "ipaddr"})

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*(?:::\w*)*|\S')
_ESCAPE: Final = re.compile(r"\\(?:u\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})|(.))")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]*")


class Scalar(msgspec.Struct, frozen=True):
    """A type without parts; not always one of `SCALARS`, as it may name an entity."""

    name: str


class SetOf(msgspec.Struct, frozen=True):
    """A set."""

    of: Type


class Record(msgspec.Struct, frozen=True):
    """A record, or the attributes of an entity."""

    fields: dict[str, Field]


class Field(msgspec.Struct, frozen=True):
    """An attribute."""

    type: Type
    required: bool


Type: TypeAlias = Scalar | SetOf | Record

Path = tuple[str, ...]


class Action(msgspec.Struct, frozen=True):
    """What can be asked. One that applies to nothing is a group of others."""

    parents: frozenset[str]
    applies: tuple[tuple[str, ...], tuple[str, ...]] | None
    context: Record


class Schema(msgspec.Struct, frozen=True):
    """`entities` maps the names of types to attributes, None for one that is more than those."""

    entities: dict[str, Record | None]
    actions: dict[str, Action]

    def asked(self, name: str) -> bool:
        """Whether this is an action that can be asked for, and no group."""
        known = self.actions.get(name)
        return known is not None and known.applies is not None

    def above(self, action: str) -> frozenset[str]:
        """The groups that an action is a member of, as the schema has it."""
        return self._closed(self.actions[action].parents)

    def groups(self, action: str, facts: Iterable[str]) -> frozenset[str]:
        """The groups of an action, of which those in `facts` are what is so and no claim.

        A schema says what a tool did when it was written. What it does now comes from the call.
        """
        own = {group for group in self.actions[action].parents if not group.startswith(KNOWN)}
        return self._closed({*own, *facts})

    def _closed(self, groups: Iterable[str]) -> frozenset[str]:
        found = set(groups)
        waiting = list(found)
        while waiting:
            known = self.actions.get(waiting.pop())
            fresh = (known.parents if known is not None else frozenset[str]()) - found
            found |= fresh
            waiting.extend(fresh)
        return frozenset(found)


class NotUnderstood(ValueError):
    """The schema has what ours never need, such as a namespace."""


def understand(text: str) -> Schema:
    """Read what the engine wrote.

    Raises:
        NotUnderstood: for anything beyond types, entities and actions without a namespace.
    """
    types: dict[str, list[str]] = {}
    entities: dict[str, Record | None] = {}
    actions: dict[str, Action] = {}
    waiting: list[tuple[str, _Declaration]] = []
    for tokens in _declarations(text):
        declaration = _Declaration(tokens, types)
        declaration.annotations()
        kind = declaration.next()
        if kind not in {"type", "entity", "action"}:
            raise NotUnderstood(f"`{kind}` where a type, an entity or an action was expected")
        if kind == "type":
            name = declaration.name()
            declaration.expect("=")
            types[name] = declaration.rest()
        else:
            waiting.append((kind, declaration))
    # Names may be used before they are declared.
    for kind, declaration in waiting:
        name = declaration.name()
        if kind == "entity":
            entities[name] = _entity(declaration)
        else:
            actions[name] = _action(declaration)
    return Schema(entities, actions)


def write(
    entities: Mapping[str, Record], actions: Mapping[str, Action], within: Iterable[str]
) -> str:
    """A schema of these entities and actions, with `within` as the groups of the latter."""
    parts = [f"entity {name} = {written(attributes)};" for name, attributes in entities.items()]
    parts += [f"action {quoted(name)};" for name in sorted(within)]
    for name, action in actions.items():
        parents = ", ".join(quoted(parent) for parent in sorted(action.parents))
        above = f" in [{parents}]" if parents else ""
        parts.append(
            f"action {quoted(name)}{above} appliesTo "
            f"{{principal: {AGENT}, resource: {TOOL}, context: {written(action.context)}}};"
        )
    return "\n".join(parts)


def only(type_: Record, paths: Iterable[Path]) -> Record:
    """The part of a record that these paths lead into; the empty path means all of it."""
    below: dict[str, list[Path]] = {}
    for path in paths:
        if not path:
            return type_
        below.setdefault(path[0], []).append(path[1:])
    return Record(
        {
            name: Field(
                only(field.type, below[name]) if isinstance(field.type, Record) else field.type,
                field.required,
            )
            for name, field in type_.fields.items()
            if name in below
        }
    )


def quoted(text: str) -> str:
    """A string literal of Cedar."""
    return '"' + "".join(c if _PLAIN.fullmatch(c) else f"\\u{{{ord(c):x}}}" for c in text) + '"'


def unquoted(literal: str) -> str:
    """What a string literal of Cedar stands for."""

    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _ESCAPED.get(match[3], match[3])

    return _ESCAPE.sub(character, literal[1:-1])


def written(type_: Type) -> str:
    """A type as schemas have it."""
    match type_:
        case Scalar(name):
            return name
        case SetOf(inner):
            return f"Set<{written(inner)}>"
        case Record(fields):
            return (
                "{"
                + ", ".join(
                    f"{quoted(name)}{'' if field.required else '?'}: {written(field.type)}"
                    for name, field in fields.items()
                )
                + "}"
            )


class _Declaration:
    """The tokens of one declaration, with a place in them."""

    def __init__(self, tokens: list[str], types: Mapping[str, list[str]]) -> None:
        self._tokens = tokens
        self._types = types
        self._at = 0

    def next(self) -> str:
        if self._at == len(self._tokens):
            raise NotUnderstood("a declaration that ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def take(self, *tokens: str) -> bool:
        """Whether these come next; they are then passed."""
        found = self._tokens[self._at : self._at + len(tokens)] == [*tokens]
        self._at += len(tokens) if found else 0
        return found

    def expect(self, *tokens: str) -> None:
        if not self.take(*tokens):
            raise NotUnderstood(f"no `{' '.join(tokens)}` where one was expected")

    def rest(self) -> list[str]:
        return self._tokens[self._at :]

    def done(self) -> bool:
        return self._at == len(self._tokens)

    def name(self) -> str:
        token = self.next()
        return unquoted(token) if token.startswith('"') else token

    def annotations(self) -> None:
        while self.take("@"):
            self.next()
            if self.take("("):
                self.next()
                self.expect(")")

    def names(self) -> tuple[str, ...]:
        """`[A, B]`, also where the names are those of actions with their type."""
        found: list[str] = []
        self.expect("[")
        while not self.take("]"):
            self.take(f"{ACTION}::")
            found.append(self.name())
            self.take(",")
        return tuple(found)

    def type(self) -> Type:
        if self.take("{"):
            return self._record()
        name = self.next()
        if name == "Set":
            self.expect("<")
            inner = self.type()
            self.expect(">")
            return SetOf(inner)
        if name in self._types:
            return _Declaration(self._types[name], self._types).type()
        return Scalar(name)

    def record(self) -> Record:
        found = self.type()
        if not isinstance(found, Record):
            raise NotUnderstood("no record where one was expected")
        return found

    def _record(self) -> Record:
        fields: dict[str, Field] = {}
        while not self.take("}"):
            self.annotations()
            name = self.name()
            required = not self.take("?")
            self.expect(":")
            fields[name] = Field(self.type(), required)
            self.take(",")
        return Record(fields)


def _declarations(text: str) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for token in _TOKEN.findall(text):
        if token == ";":
            found.append([])
        else:
            found[-1].append(token)
    return found[:-1]


def _entity(declaration: _Declaration) -> Record | None:
    if declaration.done():
        return Record({})
    attributes = declaration.record() if declaration.take("=") else None
    return attributes if declaration.done() else None


def _action(declaration: _Declaration) -> Action:
    parents = declaration.names() if declaration.take("in") else ()
    applies: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    context = Record({})
    if declaration.take("appliesTo", "{"):
        declaration.expect("principal", ":")
        principals = declaration.names()
        declaration.expect(",", "resource", ":")
        applies = (principals, declaration.names())
        declaration.expect(",", "context", ":")
        context = declaration.record()
        declaration.expect("}")
    if not declaration.done():
        raise NotUnderstood("an action with more than an `appliesTo`")
    return Action(frozenset(parents), applies, context)
