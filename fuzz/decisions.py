"""Questions of enforcement points: what ours accepts has the form that AuthZEN 1.0 describes."""

from __future__ import annotations

import json
from typing import Any, Final

from jsonschema import Draft202012Validator

from safeconduct.entrypoints.authzen import shape
from safeconduct.entrypoints.http import Problem

_TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1}
_OBJECT: Final[dict[str, Any]] = {"type": "object"}
_KIND: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": _TEXT, "properties": _OBJECT},
}
_ENTITY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "id"],
    "properties": {"type": _TEXT, "id": _TEXT, "properties": _OBJECT},
}
_ACTION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": _TEXT, "properties": _OBJECT},
}


def _form(**members: dict[str, Any]) -> Draft202012Validator:
    properties = {**members, "context": _OBJECT}
    return Draft202012Validator(
        {"type": "object", "required": [*members], "properties": properties}
    )


_EVALUATION: Final = _form(subject=_ENTITY, action=_ACTION, resource=_ENTITY)
_FORMS: Final = (
    (shape.Evaluation, _EVALUATION),
    (shape.SubjectSearch, _form(subject={"required": ["type"]}, action=_ACTION, resource=_ENTITY)),
    (shape.ResourceSearch, _form(subject=_ENTITY, action=_ACTION, resource={"required": ["type"]})),
    (shape.ActionSearch, _form(subject=_ENTITY, resource=_ENTITY)),
)
_ENTITIES: Final = ("subject", "action", "resource", "context")


def questions(data: bytes) -> None:
    """Raises where a question is accepted that is none, or one of several is put together wrong."""
    try:
        shape.read(data)
    except Problem:
        return
    # A decoder of the standard library, which shares nothing with ours once it was accepted.
    value = json.loads(data)
    for asked, form in _FORMS:
        try:
            shape.convert(value, asked)
        except Problem:
            continue
        form.validate(value)
    try:
        several = shape.batch(value)
    except Problem:
        return
    if several is None:
        assert not value.get("evaluations")
        return
    above = {name: value[name] for name in _ENTITIES if name in value}
    assert len(several.asked) == len(value["evaluations"])
    for one, given in zip(several.asked, value["evaluations"], strict=True):
        if not isinstance(one, str):
            whole = {**above, **given}
            _EVALUATION.validate(whole)
            assert one.subject.id == whole["subject"]["id"]
            assert one.action.name == whole["action"]["name"]
            assert one.resource.id == whole["resource"]["id"]
            assert one.context == whole.get("context", {})
