"""The part of a bundle that one action needs: its rules, and what those look at.

Most of what a decision costs is reading the request and checking it against the schema. A rule
cannot tell a request from one that has only what rules look at, so the request is cut down to that,
and the schema with it: each decision is checked against a schema, a small one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from operator import eq
from typing import Any, Final, cast

import orjson
from cedarpy import Decision, Entities, PolicySet, is_authorized, pst
from cedarpy import Schema as Compiled

from safeconduct.policy.cedar.compared import compared
from safeconduct.policy.cedar.flat import lifted, name_of, opened, rewritten
from safeconduct.policy.cedar.looks import reads_without
from safeconduct.policy.cedar.rules import Rule
from safeconduct.policy.cedar.schema import (
    ACTION,
    AGENT,
    TOOL,
    Action,
    Path,
    Record,
    Scalar,
    Schema,
    SetOf,
    Type,
    only,
    write,
)
from safeconduct.policy.cedar.searching import MAX_RULES, MAX_SEARCHED, MAX_SEEN_BYTES
from safeconduct.policy.intervals import alike

JSON = dict[str, Any]
Shape = dict[str, Any] | list[Any] | None
"""What is kept of a value: some members of an object, something of all items of an array, or it."""

UTC: Final = "utc"
"""A member of the context that is worked out of `now_ms`, as Cedar cannot divide."""

APPROVAL: Final = "approval"
"""A member of the context that few requests have."""

_LONG: Final = 2**63
_LONGS: Final = Scalar("Long")
_PLAIN: Final = (Scalar("String"), _LONGS)
_KEPT: Final = 256
_NAMED: Final = re.compile("`([^`]*)`")
_MISFIT: Final = "the request does not fit the schema"


class Failed(Exception):
    """The engine could not decide. The text says where it failed, and nothing of the request."""


class Slice:
    """The rules for one action, which is a member of `groups`, ready to be asked."""

    def __init__(
        self, action: str, groups: AbstractSet[str], schema: Schema, rules: Iterable[Rule]
    ) -> None:
        """Raises PolicyRefused as `chosen` does."""
        known = schema.actions[action]
        self.rules = chosen(rules, action, groups)
        read: dict[str, set[Path]] = {"principal": set(), "resource": set(), "context": set()}
        for rule in self.rules:
            for variable, path in rule.reads:
                read[variable].add(path)
        agent = only(schema.entities[AGENT] or Record({}), read["principal"])
        tool = only(schema.entities[TOOL] or Record({}), read["resource"])
        context = only(known.context, read["context"])
        self._open = opened(context, read["context"])
        members = lifted(context, self._open)
        told = Record({name_of(path): field for path, field in members.items()})
        self._action = action
        self._schema = Compiled.from_str(
            write(
                {AGENT: agent, TOOL: tool},
                {action: Action(frozenset(groups), known.applies, told)},
                groups,
            )
        )
        self._members = [
            (name_of(path), path, _shape(field.type)) for path, field in members.items()
        ]
        self._utc = any(path[0] == UTC for path in members)
        at_rest = {
            path
            for rule in self.rules
            for variable, path in reads_without(rule.policy.clauses, APPROVAL)
            if variable == "context"
        }
        self._unlooked = [
            name_of(path)
            for path, field in members.items()
            if field.type in _PLAIN and not any(_meet(path, one) for one in at_rest)
        ]
        constants = compared(rule.policy.clauses for rule in self.rules)
        self._compared = [
            (name_of(path), constants[path])
            for path, field in members.items()
            if field.type == _LONGS and path in constants
        ]
        self._agent = tuple(agent.fields)
        self._tool = tuple(tool.fields)
        self._entities: dict[bytes, Entities] = {}

    def policies(self, keep: Callable[[Rule], bool] = lambda _: True) -> PolicySet:
        """The engine's form of some of the rules, without what is known before it is asked: that
        their heads fit, and what their annotations say.
        """
        kept = {rule.at.id: _bare(rule.policy, self._open) for rule in self.rules if keep(rule)}
        return PolicySet.from_pst(pst.PolicySet({}, kept, ()))

    def ask(self, policies: PolicySet, value: JSON) -> list[str]:
        """The ids of the rules that decided; `value` is a policy input.

        May raise anything, and `Failed` when a rule failed.
        """
        call, agent = value["call"], value["agent"]
        if self._utc:
            value = {**value, UTC: _utc(value["now_ms"])}
        result = is_authorized(
            {
                "principal": {"type": AGENT, "id": agent["id"]},
                "action": {"type": ACTION, "id": self._action},
                "resource": {"type": TOOL, "id": self._action},
                "context": _limited(orjson.dumps(self._context(value))).decode(),
            },
            policies,
            self._known(agent, call),
            self._schema,
        )
        # INVARIANT: no answer counts that comes with an error: a forbid that fails is skipped.
        errors = result.diagnostics.errors
        if errors or result.decision is Decision.NoDecision:
            raise Failed(_place(errors, self.rules))
        return result.diagnostics.reasons

    def seen(self, value: JSON) -> bytes:
        """What the rules can tell of a policy input. May raise anything, as `ask`.

        INVARIANT: `ask` hands nothing to the engine but these, so inputs of which they are equal
        are the same to it. A text or number that no rule gets to without an approval counts by its
        type alone, which the schema looks at, where there is none: as a rule, digest and time. A
        number that rules only compare with constants counts as any that compares alike.
        """
        call, agent = value["call"], value["agent"]
        if self._utc:
            value = {**value, UTC: _utc(value["now_ms"])}
        context = self._context(value)
        _limited(orjson.dumps(context))
        if APPROVAL not in context:
            for name in self._unlooked:
                member = context.get(name)
                if type(member) is str:
                    context[name] = ""
                elif type(member) is int and abs(member) < _LONG:
                    context[name] = 0
        for name, constants in self._compared:
            member = context.get(name)
            if type(member) is int and abs(member) < _LONG:
                context[name] = alike(member, constants)
        attributes = [_some(agent, self._agent), _some(call, self._tool)]
        _limited(orjson.dumps([agent["id"], *attributes]))
        return orjson.dumps(
            [self._action, agent["id"], *attributes, context], option=orjson.OPT_SORT_KEYS
        )

    def _context(self, value: JSON) -> JSON:
        found: JSON = {}
        for name, path, shape in self._members:
            member: Any = value
            for key in path:
                if not isinstance(member, dict):
                    raise Failed(_MISFIT)
                member = cast("JSON", member).get(key)
            # What is null is not there, as Cedar has no null.
            if member is not None:
                found[name] = member if shape is None else _seen(member, shape)
        return found

    def _known(self, agent: JSON, call: JSON) -> Entities:
        attributes = [_some(agent, self._agent), _some(call, self._tool)]
        key = _limited(orjson.dumps([agent["id"], *attributes]))
        found = self._entities.get(key)
        if found is None:
            if len(self._entities) >= _KEPT:
                self._entities = {}
            names = [(AGENT, agent["id"]), (TOOL, self._action)]
            entities: list[JSON] = [
                {"uid": {"type": type_, "id": name}, "attrs": attrs, "parents": []}
                for (type_, name), attrs in zip(names, attributes, strict=True)
            ]
            found = Entities.from_json_str(orjson.dumps(entities).decode(), self._schema)
            self._entities[key] = found
        return found


def _meet(one: Path, other: Path) -> bool:
    """Whether one path is the other, or leads to it or into it."""
    return all(map(eq, one, other))


def _limited(seen: bytes) -> bytes:
    # INVARIANT: what rules search in is limited, as what they search for is in `chosen`.
    if len(seen) > MAX_SEEN_BYTES:
        raise Failed(f"what its rules see of the request is larger than {MAX_SEEN_BYTES} bytes")
    return seen


def _bare(policy: pst.Template, open_: Collection[Path]) -> pst.Template:
    whole = pst.ScopeAny()
    resource = whole if isinstance(policy.resource, pst.ScopeEq) else policy.resource
    return dataclasses.replace(
        policy,
        action=whole,
        resource=resource,
        clauses=rewritten(policy.clauses, open_),
        annotations={},
    )


def chosen(rules: Iterable[Rule], action: str, groups: AbstractSet[str]) -> tuple[Rule, ...]:
    """The rules for an action of these groups.

    Raises:
        PolicyRefused: together they search for more than one decision has the time for.
    """
    found = tuple([rule for rule in rules if applies(rule, action, groups)])
    if sum(rule.searched for rule in found) > MAX_SEARCHED:
        raise max(found, key=lambda rule: rule.searched).refused(
            f"the rules for `{action}` search for more than {MAX_SEARCHED} characters with `like` "
            "and comparisons of sets, each of which counts as 2, and this rule for the most",
            "shorten its patterns, compare with `==`, or write it for fewer tools",
        )
    if sum(len(rule.text) for rule in found) > MAX_RULES:
        raise max(found, key=lambda rule: len(rule.text)).refused(
            f"the rules for `{action}` have more than {MAX_RULES} characters, and this one the "
            "most",
            "write it for fewer tools, or let a resolver find what it compares with",
        )
    return found


def applies(rule: Rule, action: str, groups: AbstractSet[str]) -> bool:
    """Whether the head of a rule leaves room for an action of these groups, and for its tool."""
    head = rule.policy
    match head.action:
        case pst.ActionEq(entity):
            fits = _is(entity, ACTION) and entity.id == action
        case pst.ActionIn(entities):
            fits = any(
                _is(entity, ACTION) and (entity.id == action or entity.id in groups)
                for entity in entities
            )
        case _:
            fits = True
    match head.resource:
        case pst.ScopeEq(pst.EntityUid() as entity):
            return fits and _is(entity, TOOL) and entity.id == action
        case _:
            return fits


def _is(entity: pst.EntityUid, type_: str) -> bool:
    return entity.type == pst.EntityType(type_)


def _shape(type_: Type) -> Shape:
    match type_:
        case Record(fields):
            return {name: _shape(field.type) for name, field in fields.items()}
        case SetOf(inner):
            shape = _shape(inner)
            return None if shape is None else [shape]
        case _:
            return None


def _seen(value: Any, shape: Shape) -> Any:  # noqa: ANN401 any JSON
    """The part of a value that the schema has."""
    if isinstance(shape, dict) and isinstance(value, dict):
        members = cast("JSON", value)
        found: JSON = {}
        for name, inner in shape.items():
            member = members.get(name)
            if member is not None:
                found[name] = member if inner is None else _seen(member, inner)
        return found
    if isinstance(shape, list) and isinstance(value, list):
        items = cast("list[object]", value)
        return [_seen(item, shape[0]) for item in items]
    return value


def _utc(now_ms: object) -> JSON:
    """Weekday, of which 1 is Monday, and minute of the day. Raises Failed."""
    if type(now_ms) is not int:
        raise Failed("no time")
    day, minute = divmod(now_ms // 60_000, 1440)
    # 1 January 1970 was a Thursday.
    return {"weekday": (day + 3) % 7 + 1, "minute": minute}


def _some(value: JSON, names: tuple[str, ...]) -> JSON:
    return {name: value[name] for name in names if value.get(name) is not None}


def _place(errors: Sequence[str], rules: Iterable[Rule]) -> str:
    """The rule that the engine names; what else it says quotes values, which are the caller's."""
    named = {match[1] for error in errors if (match := _NAMED.search(error))}
    for rule in rules:
        if rule.at.id in named:
            return f"{rule.at.file}:{rule.at.line}"
    return _MISFIT
