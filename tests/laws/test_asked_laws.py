"""An answer that is not asked for again is the one that the engine gives."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.core.checks.policy import ASKS
from safeconduct.core.model import ApprovalFacts, Call, Facts
from safeconduct.core.policy_input import policy_input
from safeconduct.policy.loading import LocalEngine, load
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.unlooked import unlooked
from safeconduct.policy.replay.asked import Asked, Bundles
from tests.support.bundles import PACKAGE, bundle
from tests.support.facts import NOW_MS
from tests.support.library import LIBRARY
from tests.support.strategies import anything, nearly_permitted, questions

APPROVED = """
approved if {
    is_string(input.call.digest)
    input.approval.digest == input.call.digest
    age_ms := input.now_ms - input.approval.granted_at_ms
    age_ms >= 0
    age_ms < 300000
}
"""
REGO = (
    APPROVED + 'permit contains {"id": "approved"} if approved\n',
    'permit contains {"id": "a"} if input.call.digest == "sha256:0"\n',
    'permit contains {"id": "b"} if { input.approval.digest != input.call.digest }\n',
    'permit contains {"id": "c"} if { not input.approval; input.now_ms % 2 == 0 }\n',
    (
        'permit contains {"id": "d"} if '
        '{ x := input.now_ms - 1; input.approval.digest == "x"; 1 / x > 0 }\n'
    ),
    (
        'permit contains {"id": "e"} if { not approved_now(input.call) }\n'
        "approved_now(c) if c.digest == input.approval.digest\n"
    ),
    'permit contains {"id": "f"} if time.clock(time.now_ns())[0] < 12\n',
    'permit contains {"id": "g"} if { c := input.call; c.digest > "sha256:8" }\n',
    'deny contains {"id": "h"} if { some p in input.provenance; "app-request" in p }\n',
    'permit contains {"id": "i"} if count(input.task.counts) > 0\n',
    'permit contains {"id": "j"} if input.facts.number > 3\n',
    'deny contains {"id": "k"} if abs(input.facts.number) < 5\n',
    'deny contains {"id": "l"} if { 7 == input.facts.number; not is_string(input.facts.number) }\n',
    'deny contains {"id": "m"} if input.facts.number != 0\n',
    'permit contains {"id": "n"} if input.facts.number + 1 < 3\n',
    'permit contains {"id": "o"} if { some one in input.facts; one > 1 }\n',
    'permit contains {"id": "p"} if { input.facts.number == 1 with input.facts.number as 1 }\n',
    'permit contains {"id": "q"} if { x := input.facts.number; x < 2 }\n',
    'permit contains {"id": "r"} if input.facts["number"] > -2\n',
)
bundles = st.lists(st.sampled_from(REGO), unique=True, min_size=1, max_size=4)

CALLED: tuple[tuple[str, str, str], ...] = (
    ("crm.get_opportunity", "crm", "read"),
    ("crm.update_opportunity", "crm", "write"),
)


@cache
def engine(*rules: str) -> RegoEngine:
    return RegoEngine(bundle(PACKAGE + "".join(sorted(rules))))


@cache
def shipped(policy: str, language: str) -> LocalEngine:
    return load(LIBRARY / policy / language)


def varied(
    situation: tuple[Call, Facts], late_ms: int, digest: str, number: object, *, yes: bool
) -> bytes:
    """The input of a call at another time, of another digest, with another number among its facts,
    and with a yes or without.
    """
    call, facts = situation
    now_ms = NOW_MS + late_ms
    call = replace(call, digest=digest)
    facts = replace(facts, gathered=replace(facts.gathered, now_ms=now_ms), approval=None)
    if yes:
        granted = ApprovalFacts(
            id="a_1",
            digest=digest,
            state="granted",
            granted_ms=NOW_MS,
            sources=(f"{ASKS}a",),
            labels=facts.gathered.task.labels,
        )
        facts = replace(facts, approval=granted)
    value = orjson.loads(policy_input(call, facts))
    value["facts"]["number"] = number
    return orjson.dumps(value)


situations = nearly_permitted() | questions() | anything
digests = st.sampled_from(["sha256:" + letter * 64 for letter in "08f"])
late = st.sampled_from((0, 1, 299_999, 300_000))
changes = st.sampled_from((-1001, -1000, -999, 0, 10, 999, 1000, 1001, 10**6, 2**63, 0.5, "", None))
numbers = st.integers(-9, 9) | st.sampled_from((2**53, -(2**53), 2.5, "5", True, None, [4]))
inputs = st.lists(
    st.builds(varied, situations, late, digests, numbers, yes=st.booleans()),
    min_size=2,
    max_size=8,
)


def same(asked: Asked, given_: bytes) -> None:
    value: dict[str, Any] = orjson.loads(given_)
    members = asked.engine.members
    told = value if members is None else {name: value[name] for name in value.keys() & members}
    now_ms = value["now_ms"]
    expected = asked.engine.evaluate(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), now_ms)
    assert asked.evaluate(told, now_ms) == expected


@settings(max_examples=300)
@given(bundles, inputs)
def test_rego_tells_no_inputs_apart_that_count_as_one(
    rules: list[str], given_: list[bytes]
) -> None:
    asked = Asked(engine(*rules))
    for one in given_:
        same(asked, one)


@settings(max_examples=100)
@given(
    st.sampled_from([place.name for place in sorted(LIBRARY.iterdir()) if place.is_dir()]),
    st.sampled_from(("rego", "cedar")),
    st.lists(
        st.tuples(
            inputs.map(lambda several: several[0]),
            st.sampled_from(CALLED),
            st.tuples(changes, changes),
        ),
        min_size=2,
        max_size=6,
    ),
)
def test_shipped_rules_tell_no_inputs_apart_that_count_as_one(
    policy: str,
    language: str,
    given_: list[tuple[bytes, tuple[str, str, str], tuple[object, object]]],
) -> None:
    asked = Asked(shipped(policy, language))
    for one, (tool, upstream, effect), (delta, task) in given_:
        value = orjson.loads(one)
        value["call"] |= {"tool": tool, "upstream": upstream, "effect": effect}
        value["call"]["fields"] = ["amount_minor"]
        value["facts"] |= {"delta_bps": delta, "task_delta_bps": task}
        same(asked, orjson.dumps(value))


@pytest.mark.parametrize("language", ["rego", "cedar"])
def test_calls_of_a_task_are_one_question(language: str) -> None:
    found = shipped("opportunity", language)
    asked = Bundles([found]).get(found.digest)
    assert asked is not None
    base: dict[str, Any] = {
        "call": {
            "tool": "crm.update_opportunity",
            "upstream": "crm",
            "effect": "write",
            "fields": ["stage"],
            "scopes": [],
            "sizes": {"arguments": 2},
        },
        "agent": {"id": "a", "tier": 2, "zone": "z", "attested_at": 0, "stateless": True},
        "facts": {},
    }
    for number in range(5):
        call = base["call"] | {"digest": f"sha256:{number:064}"}
        assert asked.evaluate(base | {"call": call, "now_ms": number}, number).said == "permit"
    assert (asked.answered, asked.put) == (5, 1)
    # With an approval digest and time are looked at.
    yes = {"approval": {"digest": "sha256:0", "granted_at_ms": 1}}
    for number in range(3):
        call = base["call"] | {"digest": f"sha256:{number:064}"}
        asked.evaluate(base | yes | {"call": call, "now_ms": number}, number)
    assert (asked.answered, asked.put) == (8, 4)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (APPROVED, {("call", "digest"), ("now_ms",)}),
        ('permit contains {"id": "a"} if input.now_ms > 5\n', {("call", "digest")}),
        ('permit contains {"id": "a"} if { x := input.now_ms; input.approval.digest == x }\n',
         {("call", "digest")}),
        ('permit contains {"id": "a"} if { not input.approval.digest == input.call.digest }\n',
         {("now_ms",)}),
    ],
)  # fmt: skip
def test_what_only_an_approval_is_compared_with(rules: str, expected: set[tuple[str, ...]]) -> None:
    assert unlooked(Evaluator(bundle(PACKAGE + rules)).modules) == expected


def test_what_an_engine_could_refuse_as_a_whole_is_put_to_it_each_time() -> None:
    asked = Asked(engine('permit contains {"id": "all"} if input.call.tool\n'))
    call: dict[str, Any] = {"tool": "crm.x", "upstream": "crm", "effect": "read"}
    for size in (10, 70_000, 10):
        value = {"call": call | {"fields": ["x" * size]}}
        assert (asked.evaluate(value, 0).error is None) is (size == 10)
    assert (asked.answered, asked.put) == (3, 2)
