"""What is asked of Cedar rules before a gateway runs them; runs in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cedarpy import Schema as Compiled
from cedarpy import pst, validate_policies

from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.cedar import probes
from safeconduct.policy.cedar.contracted import read_schema
from safeconduct.policy.cedar.looks import chains, constant, literals
from safeconduct.policy.cedar.rules import Rule, parse
from safeconduct.policy.cedar.schema import AGENT, TOOL, Path, Record, Schema
from safeconduct.policy.cedar.slices import Slice, applies, chosen
from safeconduct.policy.refusal import PolicyRefused


def findings(bundle: Bundle) -> Iterator[PolicyRefused]:
    """All that is wrong with the rules of a bundle that can be read.

    Raises:
        PolicyRefused: it cannot be, or its rules are more than a decision has the time for.
    """
    schema = read_schema(bundle.schema)
    rules = parse(bundle.rules)
    if bundle.data != "{}":
        yield PolicyRefused(
            "Cedar rules see no data, so it would count for nothing",
            file="data",
            fix="write sets into the rules, or let a resolver fetch them",
        )
    if not any(rule.at.set == "permit" for rule in rules):
        yield PolicyRefused(
            "no rule permits, so every call would be refused",
            file=FILE,
            fix='add `@id("…") permit (principal, action == Action::"…", resource);`',
        )
    for name in asked(schema):
        # First, as the engine checks types of what is too long for as long.
        chosen(rules, name, schema.above(name))
    compiled = Compiled.from_str(bundle.schema or "")
    for rule in rules:
        yield from _fits(rule, compiled)
        yield from _never(rule, schema)
        yield from _unknown(rule, schema)
    if not bundle.header.unsafe_permit_all:
        yield from _vacuous(rules, schema)
    for name in asked(schema):
        Slice(name, schema.above(name), schema, rules).policies()


def _fits(rule: Rule, schema: Compiled) -> Iterator[PolicyRefused]:
    """Strict validation: types, and whether there is any action that the head leaves room for."""
    for error in sorted({error.error for error in validate_policies(rule.text, schema).errors}):
        sentence = error.partition(", ")[2] or error
        yield rule.refused(
            f"the rule `{rule.at.id}` does not fit the schema: {sentence}",
            "guard what may be absent with `has`, compare values of one type, and name tools that "
            "the schema has",
        )


def _never(rule: Rule, schema: Schema) -> Iterator[PolicyRefused]:
    """A rule that is never satisfied, which a reviewer takes for one that is."""
    if not any(applies(rule, name, schema.above(name)) for name in asked(schema)):
        yield rule.refused(
            f"the rule `{rule.at.id}` is about a tool that the schema does not have",
            "correct the name, or write the schema anew",
        )
    for clause in rule.policy.clauses:
        if constant(clause.expr) is isinstance(clause, pst.Unless):
            yield rule.refused(
                f"the rule `{rule.at.id}` never applies: one of its conditions is always false",
                "remove the rule, or say when it applies",
            )


def _unknown(rule: Rule, schema: Schema) -> Iterator[PolicyRefused]:
    """What is not there: a question whether it is has one answer for ever."""
    for variable, path in sorted(rule.reads):
        if not any(_has(record, path) for record in _told(variable, rule, schema)):
            yield rule.refused(
                f"the schema has no `{'.'.join((variable, *path))}`, so this is never there",
                "correct the name, or add it to the schema",
            )
    for root, path in chains(rule.policy.clauses):
        if path and isinstance(root, pst.EntityLit):
            yield rule.refused(
                f"the attribute `{path[0]}` of an entity that is named, of which nothing is known",
                "compare attributes of `principal` and `resource`",
            )
    for entity in literals(rule.policy.clauses):
        if entity.type.basename == TOOL and entity.id not in schema.actions:
            yield rule.refused(
                f"the schema has no tool `{entity.id}`", "correct the name, or write it anew"
            )


def _told(variable: str, rule: Rule, schema: Schema) -> Iterator[Record]:
    """What a variable can be for a rule."""
    if variable == "context":
        for name in asked(schema):
            if applies(rule, name, schema.above(name)):
                yield schema.actions[name].context
    else:
        yield schema.entities[AGENT if variable == "principal" else TOOL] or Record({})


def asked(schema: Schema) -> list[str]:
    """The actions that can be asked for, without the groups."""
    return [name for name in schema.actions if schema.asked(name)]


def _has(record: Record, path: Path) -> bool:
    if not path:
        return True
    field = record.fields.get(path[0])
    if field is None:
        return False
    return len(path) == 1 or (isinstance(field.type, Record) and _has(field.type, path[1:]))


def _vacuous(rules: Sequence[Rule], schema: Schema) -> Iterator[PolicyRefused]:
    told: set[str] = set()
    for rule, when in probes.permitted(rules, schema):
        if rule.at.id not in told:
            told.add(rule.at.id)
            yield rule.refused(
                f"the rule `{rule.at.id}` permits {when}",
                "name the tools that it is for, or a group of them",
            )
