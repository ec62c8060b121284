"""A slice of the rules and a part of the request decide as all of both do."""

from __future__ import annotations

from typing import Any

import orjson
from cedarpy import Decision, Entities, PolicySet, Schema, is_authorized
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.cedar.engine import CedarEngine
from tests.support.bundles import SCHEMA, cedar

WHOLE = Schema.from_str(SCHEMA)
EFFECTS = {"crm.get_case": "read", "crm.update": "write"}
PARTS = ("call", "labels", "facts", "approval", "now_ms")

ACTIONS = st.sampled_from(
    [
        "action",
        *(f'action == Action::"{tool}"' for tool in EFFECTS),
        *(f'action in [Action::"effect:{effect}"]' for effect in EFFECTS.values()),
        'action in Action::"upstream:crm"',
    ]
)
RESOURCES = st.sampled_from(["resource", 'resource == Tool::"crm.update"', "resource is Tool"])
PRINCIPALS = st.sampled_from(["principal", 'principal == Agent::"a"', "principal is Agent"])

LONGS = st.sampled_from(["0", "1", "2", "-1"])
NUMBERS = st.recursive(
    LONGS
    | st.sampled_from(
        [
            "principal.tier",
            "context.now_ms",
            "context.call.sizes.arguments",
            "(if context.facts has delta_bps then context.facts.delta_bps else 0)",
        ]
    ),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
    max_leaves=3,
)
TEXTS = st.sampled_from(
    [
        '"a"',
        '"z"',
        '"crm"',
        "principal.zone",
        "resource.upstream",
        "resource.effect",
        "context.call.digest",
        "context.labels.integrity",
        "(if context has approval then context.approval.digest else context.call.digest)",
    ]
)
TESTS = st.sampled_from(
    [
        "context has approval",
        "(context.facts has nested && context.facts.nested.inner == 1)",
        '(context.facts has owner && context.facts.owner == "a")',
        '(context.facts has rate && context.facts.rate.lessThan(decimal("1.0")))',
        "context.labels has readers",
        "context.labels == context.labels",
        "context.call == {digest: context.call.digest, fields: [], sizes: {arguments: 1}}",
        'context.call.fields.contains("a")',
        "resource.scopes.isEmpty()",
        'principal == Agent::"a"',
        'resource == Tool::"crm.update"',
        'action in Action::"effect:read"',
        "(if principal.tier > 0 then context else context).now_ms > 0",
    ]
)
CONDITIONS = st.recursive(
    st.builds("({} {} {})".format, NUMBERS, st.sampled_from(["<", ">=", "=="]), NUMBERS)
    | st.builds("({} {} {})".format, TEXTS, st.sampled_from(["==", "!="]), TEXTS)
    | TESTS,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||"]), inner)
        | st.builds("!{}".format, inner)
    ),
    max_leaves=4,
)
POLICIES = st.builds(
    "{} ({}, {}, {}) {} {{ {} }};".format,
    st.sampled_from(["permit", "permit", "forbid"]),
    PRINCIPALS,
    ACTIONS,
    RESOURCES,
    st.sampled_from(["when", "unless"]),
    CONDITIONS,
)
SMALL = st.sampled_from([0, 1, 2, 2**62])
WORDS = st.sampled_from(["a", "z", "crm"])
INPUTS = st.fixed_dictionaries(
    {
        "call": st.sampled_from(sorted(EFFECTS)).flatmap(
            lambda tool: st.fixed_dictionaries(
                {
                    "tool": st.just(tool),
                    "upstream": st.just("crm"),
                    "effect": st.just(EFFECTS[tool]),
                    "scopes": st.lists(WORDS, max_size=2),
                    "digest": WORDS,
                    "fields": st.lists(WORDS, max_size=2),
                    "sizes": st.fixed_dictionaries({"arguments": SMALL}),
                }
            )
        ),
        "agent": st.fixed_dictionaries({"id": WORDS, "tier": SMALL, "zone": WORDS}),
        "labels": st.fixed_dictionaries(
            {"integrity": WORDS, "categories": st.lists(WORDS, max_size=2)},
            optional={"readers": st.lists(WORDS, max_size=2)},
        ),
        "facts": st.fixed_dictionaries(
            {},
            optional={
                "delta_bps": SMALL,
                "owner": WORDS,
                "rate": st.sampled_from(["0.5", "2.0"]),
                "nested": st.fixed_dictionaries({"inner": SMALL}),
            },
        ),
        "now_ms": SMALL,
    },
    optional={"approval": st.fixed_dictionaries({"digest": WORDS, "granted_at_ms": SMALL})},
)


def plainly(policies: list[str], value: dict[str, Any]) -> tuple[str, list[str]]:
    """What the engine says to all of the policies and all of the request."""
    call, agent = value["call"], value["agent"]
    context = {name: value[name] for name in PARTS if name in value}
    context["call"] = {name: call[name] for name in ("digest", "fields", "sizes")}
    context["labels"] = {**value["labels"]}
    entities = [
        {
            "uid": {"type": "Agent", "id": agent["id"]},
            "attrs": {"tier": agent["tier"], "zone": agent["zone"]},
            "parents": [],
        },
        {
            "uid": {"type": "Tool", "id": call["tool"]},
            "attrs": {name: call[name] for name in ("upstream", "effect", "scopes")},
            "parents": [],
        },
    ]
    result = is_authorized(
        {
            "principal": {"type": "Agent", "id": agent["id"]},
            "action": {"type": "Action", "id": call["tool"]},
            "resource": {"type": "Tool", "id": call["tool"]},
            "context": orjson.dumps(context).decode(),
        },
        PolicySet.from_str("\n".join(policies)),
        Entities.from_json_str(orjson.dumps(entities).decode(), WHOLE),
        WHOLE,
    )
    assert result.decision is not Decision.NoDecision, result.diagnostics.errors
    if result.diagnostics.errors:
        return "error", []
    said = "permit" if result.decision is Decision.Allow else "deny"
    return said, sorted(result.diagnostics.reasons)


def shown(answer: PolicyAnswer) -> tuple[str, list[str]]:
    if answer.error is not None:
        return "error", []
    return answer.said, sorted((*answer.permit, *answer.deny))


@given(st.lists(POLICIES, min_size=1, max_size=5), st.lists(INPUTS, min_size=1, max_size=4))
def test_a_slice_decides_as_the_whole(policies: list[str], values: list[dict[str, Any]]) -> None:
    named = [f'@id("policy{number}")\n{text}' for number, text in enumerate(policies)]
    engine = CedarEngine(cedar("\n".join(named)))
    assert engine.members is not None
    for value in values:
        expected = plainly(policies, value)
        seen = {name: part for name, part in value.items() if name in engine.members}
        assert shown(engine.evaluate(orjson.dumps(value), 0)) == expected
        assert shown(engine.evaluate(orjson.dumps(seen), 0)) == expected
