"""What a request tells rules, and whether a schema says so."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final

from cedarpy import Schema as Compiled

from safeconduct.policy.cedar.schema import (
    AGENT,
    FILE,
    KNOWN,
    SCALARS,
    TOOL,
    Field,
    NotUnderstood,
    Path,
    Record,
    Scalar,
    Schema,
    SetOf,
    Type,
    understand,
)
from safeconduct.policy.cedar.text import MAX_NESTING, statements
from safeconduct.policy.refusal import PolicyRefused

CONTRACT: Final = """
entity Agent = { tier: Long, zone: String, attested_at: Long, stateless: Bool };
entity Tool = { upstream: String, effect: String, scopes: Set<String> };
action "any" appliesTo {
  principal: Agent,
  resource: Tool,
  context: {
    call: { digest: String, fields: Set<String>, sizes: { arguments: Long } },
    user: {
      id: String,
      kind: String,
      groups: Set<String>,
      acr?: String,
      amr: Set<String>,
      auth_time: Long,
      device: Set<String>,
    },
    task: {
      id: String,
      purpose_source: String,
      profile: String,
      tenant: String,
      started_at: Long,
      counts: {},
    },
    labels: {
      integrity: String,
      confidentiality: String,
      categories: Set<String>,
      readers?: Set<String>,
      tenants?: Set<String>,
      regions?: Set<String>,
    },
    provenance: {},
    facts: {},
    findings: Set<String>,
    approval?: { digest: String, granted_at_ms: Long },
    now_ms: Long,
    utc: { weekday: Long, minute: Long },
  },
};
"""
"""All that a request has. A schema may declare less of it, and nothing else."""

MAX_MEMBERS: Final = 2048
"""Of the context of one action, once its types are written out: each decision's schema has them."""

_OPEN: Final[dict[Path, Type | None]] = {
    ("task", "counts"): Scalar("Long"),
    ("provenance",): SetOf(Scalar("String")),
    ("facts",): None,
}
"""Records with members that differ from call to call: the type of each; None for any of values."""


@functools.cache
def contract() -> Schema:
    """All that a request has, with `any` as its action."""
    return understand(str(Compiled.from_str(CONTRACT)))


def read_schema(text: str | None) -> Schema:
    """The schema of a bundle, which is part of what requests have.

    Raises:
        PolicyRefused: it is missing, does not parse, or expects what no request has.
    """
    if text is None:
        raise _refused("there is no such file; without it no rule could be checked")
    statements(text, FILE)
    try:
        schema = understand(str(Compiled.from_str(text)))
    except RecursionError:
        raise _refused(f"types deeper than {MAX_NESTING}") from None
    except NotUnderstood as error:
        raise _refused(f"not a schema for this gateway: {error}") from None
    except ValueError as error:
        raise _refused(f"not a schema: {str(error).partition(chr(10))[0]}") from None
    for path, sentence in _differences(schema):
        raise _refused(f"`{'.'.join(path)}` {sentence}", _line(text, path[-1]))
    return schema


def _differences(schema: Schema) -> Iterator[tuple[Path, str]]:
    whole = contract()
    for name in (AGENT, TOOL):
        if name not in schema.entities:
            yield (name,), "is missing: the entity type that requests are made with"
    for name, attributes in schema.entities.items():
        expected = whole.entities.get(name)
        if expected is None or attributes is None:
            yield (name,), f"is no {AGENT} or {TOOL} with nothing but attributes"
        else:
            yield from _within(attributes, expected, (name,))
    groups = {group for action in schema.actions.values() for group in action.parents}
    for name, action in schema.actions.items():
        known = sorted(group for group in action.parents if group.startswith(KNOWN))
        # What the gateway knows of a call replaces the groups of its own action, and of no other.
        if known and (action.applies is None or name in groups):
            yield (name,), f"is no single tool, and only such are members of `{known[0]}`"
        if action.applies not in {None, ((AGENT,), (TOOL,))}:
            yield (name,), f"applies to something else than an {AGENT} and a {TOOL}"
        depths = list(_depths(action.context))
        if len(depths) > MAX_MEMBERS or max(depths) > MAX_NESTING:
            yield (
                (name,),
                f"has more than {MAX_MEMBERS} members, or types deeper than {MAX_NESTING}",
            )
        else:
            yield from _within(action.context, whole.actions["any"].context, ("context",))


def _depths(type_: Type, depth: int = 1) -> Iterator[int]:
    """How deep each type stands in this one."""
    yield depth
    match type_:
        case SetOf(inner):
            yield from _depths(inner, depth + 1)
        case Record(fields):
            for field in fields.values():
                yield from _depths(field.type, depth + 1)
        case _:
            pass


def _within(given: Record, expected: Record, at: Path) -> Iterator[tuple[Path, str]]:
    for name, field in given.fields.items():
        path = (*at, name)
        known = expected.fields.get(name)
        if known is None:
            yield path, "is not in any request"
        elif path[1:] in _OPEN:
            yield from _open(field, path)
        elif isinstance(field.type, Record) and isinstance(known.type, Record):
            yield from _optional(field, known, path)
            yield from _within(field.type, known.type, path)
        elif field.type != known.type:
            yield path, "has another type than in requests"
        else:
            yield from _optional(field, known, path)


def _open(field: Field, at: Path) -> Iterator[tuple[Path, str]]:
    if not isinstance(field.type, Record):
        yield at, "is no record"
        return
    expected = _OPEN[at[1:]]
    for name, member in field.type.fields.items():
        path = (*at, name)
        if member.required:
            yield path, "is not in every request: put `?` behind its name"
        if expected is not None and member.type != expected:
            yield path, "has another type than in requests"
        if not _values(member.type):
            yield path, "is an entity; requests tell values"


def _optional(field: Field, known: Field, path: Path) -> Iterator[tuple[Path, str]]:
    if field.required and not known.required:
        yield path, "is not in every request: put `?` behind its name"


def _values(type_: Type) -> bool:
    """Whether nothing in it is an entity, which a value could then claim to be."""
    match type_:
        case Scalar(name):
            return name in SCALARS
        case SetOf(inner):
            return _values(inner)
        case Record(fields):
            return all(_values(field.type) for field in fields.values())


def _refused(sentence: str, line: int = 1) -> PolicyRefused:
    fix = "write it with `safeconduct policy schema`"
    return PolicyRefused(sentence, file=FILE, line=line, fix=fix)


def _line(text: str, name: str) -> int:
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    return 1 if found is None else text.count("\n", 0, found.start()) + 1
