"""Requests of the Authorization API, read strictly; members that nobody here knows are ignored."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeVar, cast

import msgspec

from safeconduct.entrypoints.http import Problem
from safeconduct.kit import strictjson
from safeconduct.ports import JSON

MAX_BYTES: Final = 256 * 1024
"""How long a request may be, in bytes."""

MAX_EVALUATIONS: Final = 50
"""How many decisions one request may ask for."""

MAX_DEPTH: Final = 32
MAX_NAME: Final = 128
MAX_ID: Final = 512

_PLACE: Final = re.compile(r"`\$\.?([a-z_.\[\]]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `([a-z_]+)`")
_Shape = TypeVar("_Shape")
_ENTITIES: Final = ("subject", "action", "resource", "context")

_TEXT: Final = r"^[^\x00-\x1f\x7f]+\Z"
"""Text without control characters, which say nothing and take most room in a record."""

Name = Annotated[str, msgspec.Meta(pattern=_TEXT, max_length=MAX_NAME)]
Identifier = Annotated[str, msgspec.Meta(pattern=_TEXT, max_length=MAX_ID)]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of subject or resource; which one is to be found, or does not matter."""

    type: Name


class Entity(Kind, frozen=True, kw_only=True):
    """A subject or a resource."""

    id: Identifier
    properties: dict[str, Any] = {}


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What the subject would do."""

    name: Name
    properties: dict[str, Any] = {}


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """One question (section 5.1)."""

    subject: Entity
    action: Action
    resource: Entity
    context: dict[str, Any] = {}


class _Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """The members that stand for all questions of a request."""

    subject: Entity | None = None
    action: Action | None = None
    resource: Entity | None = None
    context: dict[str, Any] | None = None


Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    evaluations_semantic: Semantic = "execute_all"


class _Several(_Defaults, frozen=True, kw_only=True):
    evaluations: Annotated[list[Any], msgspec.Meta(max_length=MAX_EVALUATIONS)] = []
    options: _Options = _Options()


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Several questions, each as it was asked with what stands for all of them; one that makes no
    sense is the sentence that says so.
    """

    asked: tuple[Evaluation | str, ...]
    semantic: Semantic


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the results is wanted."""

    token: str = ""
    limit: Annotated[int, msgspec.Meta(ge=0)] | None = None


class SubjectSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do this (section 7.4)?"""

    subject: Kind
    action: Action
    resource: Entity
    context: dict[str, Any] = {}
    page: Page = Page()


class ResourceSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What may they do this to (section 7.5)?"""

    subject: Entity
    action: Action
    resource: Kind
    context: dict[str, Any] = {}
    page: Page = Page()


class ActionSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What may they do to this (section 7.6)?"""

    subject: Entity
    resource: Entity
    context: dict[str, Any] = {}
    page: Page = Page()


Search = SubjectSearch | ResourceSearch | ActionSearch


def read(body: bytes) -> JSON:
    """The object that a body holds. Raises Problem (400)."""
    try:
        value = strictjson.loads(body, max_depth=MAX_DEPTH, max_bytes=MAX_BYTES)
    except strictjson.StrictJSONError as error:
        raise Problem(400, f"The body is {error}.") from None
    if not isinstance(value, dict):
        raise Problem(400, "The body is not an object.")
    return cast("JSON", value)


def convert(value: JSON, shape: type[_Shape]) -> _Shape:
    """A request of this shape. Raises Problem (400)."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise Problem(400, _sentence(error)) from None


def batch(value: JSON) -> Batch | None:
    """Several questions, or None: there is one, as `Evaluation` has it. Raises Problem (400)."""
    several = convert(value, _Several)
    if not several.evaluations:
        return None
    defaults: JSON = {name: value[name] for name in _ENTITIES if name in value}
    return Batch(
        asked=tuple(_asked(defaults, one) for one in several.evaluations),
        semantic=several.options.evaluations_semantic,
    )


def _asked(defaults: JSON, one: object) -> Evaluation | str:
    try:
        own = msgspec.convert(one, dict[str, Any])
        return msgspec.convert({**defaults, **own}, Evaluation)
    except msgspec.ValidationError as error:
        return _sentence(error)


def _sentence(error: msgspec.ValidationError) -> str:
    """What is wrong, which quotes nothing but names of members that are known here."""
    missing = _MISSING.search(str(error))
    if missing is not None:
        return f"`{missing[1]}` is missing."
    place = _PLACE.search(str(error))
    return f"`{place[1]}` has not the form that it must have." if place else "Not an object."
