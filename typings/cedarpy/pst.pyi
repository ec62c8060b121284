"""The syntax tree of Cedar policies, as far as it is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

@dataclass(frozen=True, slots=True)
class EntityType:
    basename: str
    namespace: tuple[str, ...] = ()

@dataclass(frozen=True, slots=True)
class EntityUid:
    type: EntityType
    id: str

@dataclass(frozen=True, slots=True)
class Var:
    name: Literal["principal", "action", "resource", "context"]

@dataclass(frozen=True, slots=True)
class BoolLit:
    value: bool

@dataclass(frozen=True, slots=True)
class LongLit:
    value: int

@dataclass(frozen=True, slots=True)
class StringLit:
    value: str

@dataclass(frozen=True, slots=True)
class EntityLit:
    value: EntityUid

@dataclass(frozen=True, slots=True)
class UnaryOp:
    op: str
    arg: object

@dataclass(frozen=True, slots=True)
class BinaryOp:
    op: str
    left: object
    right: object

@dataclass(frozen=True, slots=True)
class GetAttr:
    base: object
    attr: str

@dataclass(frozen=True, slots=True)
class HasAttr:
    base: object
    attrs: tuple[str, ...]

@dataclass(frozen=True, slots=True)
class IfThenElse:
    cond: object
    then_expr: object
    else_expr: object

@dataclass(frozen=True, slots=True)
class Like:
    base: object
    pattern: tuple[object, ...]

@dataclass(frozen=True, slots=True)
class Set:
    elements: tuple[object, ...]

@dataclass(frozen=True, slots=True)
class Record:
    fields: Mapping[str, object]

@dataclass(frozen=True, slots=True)
class When:
    expr: object

@dataclass(frozen=True, slots=True)
class Unless:
    expr: object

@dataclass(frozen=True, slots=True)
class ScopeAny: ...

@dataclass(frozen=True, slots=True)
class ScopeEq:
    entity: object

@dataclass(frozen=True, slots=True)
class ActionEq:
    entity: EntityUid

@dataclass(frozen=True, slots=True)
class ActionIn:
    entities: tuple[EntityUid, ...]

@dataclass(frozen=True, slots=True)
class Template:
    id: str
    effect: Literal["permit", "forbid"]
    principal: object
    action: ScopeAny | ActionEq | ActionIn
    resource: object
    clauses: tuple[When | Unless, ...]
    annotations: Mapping[str, str]

@dataclass(frozen=True, slots=True)
class PolicySet:
    templates: Mapping[str, Template]
    static_policies: Mapping[str, Template]
    template_links: tuple[object, ...]
