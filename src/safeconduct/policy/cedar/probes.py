"""Requests that no call makes: whoever is permitted with one of them is permitted too much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson
from cedarpy import Entities, PolicySet, is_authorized, pst

from safeconduct.policy.cedar.rules import Rule
from safeconduct.policy.cedar.schema import (
    ACTION,
    AGENT,
    TOOL,
    Record,
    Scalar,
    Schema,
    SetOf,
    Type,
)

JSON = dict[str, Any]

NOWHERE: Final = "nonsense.tool"

# By type, as Cedar has no value that could stand for all.
_SAME: Final[tuple[tuple[str, JSON], ...]] = (
    ("for a call that does not exist", {"Long": 7_777, "String": "nonsense", "Bool": False}),
    ("when every fact is -1, false or empty", {"Long": -1, "String": "", "Bool": False}),
    ("when every fact is 0, true or some text", {"Long": 0, "String": "nonsense", "Bool": True}),
    ("when every fact is 1, true or empty", {"Long": 1, "String": "", "Bool": True}),
)


def permitted(rules: Sequence[Rule], schema: Schema) -> Iterator[tuple[Rule, str]]:
    """The rules that permit a tool that does not exist, and when.

    Only rules whose head leaves room for any tool can, and those look at it in their conditions.
    """
    able = [
        rule
        for rule in rules
        if rule.at.set == "permit" and isinstance(rule.policy.action, pst.ScopeAny)
    ]
    contexts = [action.context for action in schema.actions.values()]
    for when, values in _SAME:
        entities = [
            _entity(AGENT, "nonsense-agent", schema, values),
            _entity(TOOL, NOWHERE, schema, values),
        ]
        request: JSON = {
            "principal": {"type": AGENT, "id": "nonsense-agent"},
            "action": {"type": ACTION, "id": NOWHERE},
            "resource": {"type": TOOL, "id": NOWHERE},
            "context": orjson.dumps(_filled(contexts, values)).decode(),
        }
        given = Entities.from_json_str(orjson.dumps(entities).decode())
        for rule in able:
            alone = PolicySet.from_pst(pst.PolicySet({}, {rule.at.id: rule.policy}, ()))
            # Without a schema, as none has this tool. What fails is not permitted.
            if is_authorized(request, alone, given).diagnostics.reasons:
                yield rule, when


def _entity(type_: str, name: str, schema: Schema, values: JSON) -> JSON:
    attributes = schema.entities[type_] or Record({})
    return {
        "uid": {"type": type_, "id": name},
        "attrs": _filled([attributes], values),
        "parents": [],
    }


def _filled(records: Iterable[Record], values: JSON) -> JSON:
    """An object with the members of all records."""
    found: JSON = {}
    for record in records:
        for name, field in record.fields.items():
            value = _value(field.type, values)
            if isinstance(field.type, Record):
                found.setdefault(name, {}).update(value)
            elif value is not None:
                found[name] = value
    return found


def _value(type_: Type, values: JSON) -> Any:  # noqa: ANN401 any JSON
    match type_:
        case Scalar(name):
            return values.get(name)
        case SetOf(inner):
            item = _value(inner, values)
            return [] if item is None or item == "" else [item]
        case Record():
            return _filled([type_], values)
