"""The schema of a configuration: an action for each tool, told what that tool's calls have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, cast

import msgspec
from cedarpy import Schema as Compiled

from safeconduct.core.manifest import Manifest, Resolver
from safeconduct.policy.cedar.contracted import contract
from safeconduct.policy.cedar.schema import (
    AGENT,
    TOOL,
    Action,
    Field,
    Record,
    Scalar,
    Schema,
    SetOf,
    Type,
    write,
    written,
)

JSON = dict[str, Any]

HEAD: Final = "// Written by `safeconduct policy schema`, to be reviewed like the rules.\n\n"

_DIFFERENT: Final = frozenset({"facts", "provenance"})
_LONG: Final = Scalar("Long")
_STRINGS: Final = SetOf(Scalar("String"))
_STUB: Final = "namespace S { @mcp_principal entity Agent; @mcp_resource entity Tool; }"
# Every number in a fact is an integer.
_NUMBERS: Final = frozenset({"Long", "Number", "decimal"})
_CHOICE: Final = re.compile(r"typeChoice\d+")


class NoGenerator(Exception):
    """The package that reads JSON Schemas is not installed."""


class Generated(msgspec.Struct, frozen=True):
    """A schema as text, and the facts (`<tool>: <fact>`) whose type nothing says."""

    text: str
    untyped: tuple[str, ...]


def generate(
    manifests: Mapping[str, Manifest],
    definitions: Mapping[str, Iterable[JSON]],
    counts: Collection[str],
    before: Schema | None,
) -> Generated:
    """The schema for these manifests, and for what upstreams define.

    `counts` are the names of budgets. A fact whose type nothing says has the one of `before`, if it
    is there.

    Raises:
        NoGenerator: a definition has an output schema, and nothing can read it.
    """
    known = {
        f"{where}.{tool['name']}": tool for where, tools in definitions.items() for tool in tools
    }
    said = {
        f"{where}.{name}": (where, name)
        for where, manifest in manifests.items()
        for name in manifest.tools
    }
    untyped: list[str] = []
    actions: dict[str, Action] = {}
    for tool in sorted(known.keys() | said.keys()):
        where, _, name = tool.partition(".")
        manifest = manifests[where].tools.get(name) if where in manifests else None
        facts: dict[str, Field] = {}
        arguments = set(_member(_member(known.get(tool, {}), "inputSchema"), "properties"))
        if manifest is not None:
            arguments |= manifest.arguments.keys()
            for fact, resolver in manifest.resolvers.items():
                found = _fact(resolver, where, known) or _of_before(before, tool, fact)
                if found is None:
                    untyped.append(f"{tool}: {fact}")
                else:
                    facts[fact] = Field(found, required=False)
            if any(one.role == "amount" for one in manifest.arguments.values()):
                facts |= {
                    fact: Field(_LONG, required=False) for fact in ("delta_bps", "task_delta_bps")
                }
        places = {name: Field(_STRINGS, required=False) for name in arguments}
        effect = "execute" if manifest is None else manifest.effect.value
        actions[tool] = Action(
            frozenset({f"effect:{effect}", f"upstream:{where}"}),
            ((AGENT,), (TOOL,)),
            Record(
                {
                    "facts": Field(Record(facts), required=True),
                    "provenance": Field(Record(places), required=True),
                }
            ),
        )
    return Generated(_text(actions, _told(counts)), tuple(untyped))


def _told(counts: Iterable[str]) -> dict[str, Field]:
    """What each call is told, without what differs from tool to tool."""
    whole = contract().actions["any"].context.fields
    task = whole["task"].type
    counted = {name: Field(_LONG, required=False) for name in counts}
    if isinstance(task, Record):
        counting = {**task.fields, "counts": Field(Record(counted), required=True)}
        whole = {**whole, "task": Field(Record(counting), required=True)}
    return {name: whole[name] for name in whole if name not in _DIFFERENT}


def _text(actions: Mapping[str, Action], told: Mapping[str, Field]) -> str:
    """A schema in which what is the same for all is written once."""
    named = {name: name.capitalize() for name, one in told.items() if isinstance(one.type, Record)}
    shared = {
        name: Field(Scalar(named[name]), one.required) if name in named else one
        for name, one in told.items()
    }
    entities = {name: found for name, found in contract().entities.items() if found is not None}
    groups = {group for action in actions.values() for group in action.parents}
    short = {
        name: Action(action.parents, action.applies, Record({**shared, **action.context.fields}))
        for name, action in actions.items()
    }
    types = [f"type {name} = {written(told[member].type)};" for member, name in named.items()]
    text = str(Compiled.from_str("\n".join([*types, write(entities, short, groups)])))
    return HEAD + text.replace("{    }", "{}").rstrip() + "\n"


def _member(value: JSON, name: str) -> JSON:
    """A member that should be an object, of what an upstream wrote."""
    found = value.get(name)
    return cast("JSON", found) if isinstance(found, dict) else {}


def _fact(resolver: Resolver, where: str, known: Mapping[str, JSON]) -> Type | None:
    """The type at the end of a resolver's path into what its tool returns."""
    upstream, _, name = resolver.tool.rpartition(".")
    output = _member(known.get(f"{upstream or where}.{name}", {}), "outputSchema")
    found = returned(output) if output else None
    for part in resolver.take.removeprefix("$").removeprefix(".").split("."):
        match found:
            case Record(fields) if part in fields:
                found = fields[part].type
            case SetOf(inner) if part == "*":
                found = inner
            case _:
                return None
    return found


def _of_before(before: Schema | None, tool: str, fact: str) -> Type | None:
    action = None if before is None else before.actions.get(tool)
    facts = None if action is None else action.context.fields.get("facts")
    if facts is None or not isinstance(facts.type, Record) or fact not in facts.type.fields:
        return None
    return facts.type.fields[fact].type


def returned(schema: JSON) -> Type | None:
    """What a JSON Schema of results is in Cedar; None for what has no type there.

    Raises:
        NoGenerator: the package is not installed.
    """
    try:
        from cedar_mcp_schema_generator import generate_schema  # noqa: PLC0415 an extra
    except ImportError:
        raise NoGenerator from None
    tool = {"name": "t", "inputSchema": {"type": "object"}, "outputSchema": schema}
    config = {"includeOutputs": True, "objectsAsRecords": True, "flattenNamespaces": True}
    made = generate_schema(_STUB, [tool], config=config)
    if not made["isOk"]:
        return None
    read: JSON = msgspec.json.decode(made["schemaJson"])["S"]
    return _type({"type": "EntityOrCommon", "name": "tOutput"}, read)


def _type(given: JSON, read: JSON) -> Type | None:
    """A type of Cedar's JSON schema as ours."""
    match given:
        case {"type": "Record", "attributes": {**attributes}}:
            return _record(cast("dict[str, JSON]", attributes), read)
        case {"type": "Set", "element": element}:
            inner = _type(element, read)
            return None if inner is None else SetOf(inner)
        case {"type": "EntityOrCommon" | "Entity", "name": str(qualified)}:
            name = qualified.rpartition("::")[2]
            if name in read["commonTypes"]:
                return _type(read["commonTypes"][name], read)
            if name in _NUMBERS:
                return _LONG
            if name in read["entityTypes"]:
                return Scalar("String") if "enum" in read["entityTypes"][name] else None
            return Scalar(name)
        case _:
            return None


def _record(attributes: Mapping[str, JSON], read: JSON) -> Type | None:
    found = {name: _type(one, read) for name, one in attributes.items()}
    if attributes and all(_CHOICE.fullmatch(name) for name in attributes):
        # One of several types, such as a string or null: told only where one is left.
        left = [type_ for type_ in found.values() if type_ is not None]
        return left[0] if len(left) == 1 else None
    return Record(
        {
            name: Field(type_, attributes[name].get("required", True))
            for name, type_ in found.items()
            if type_ is not None
        }
    )
