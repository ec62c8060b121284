"""Rules cannot tell whether they were given all of the input, or only what they name, nor whether
it was rebuilt from a record.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.audit.records import decode, encode
from safeconduct.core.decide import decide
from safeconduct.core.model import AgentFacts, Call, Facts, UserFacts
from safeconduct.core.policy_input import MEMBERS, policy_input
from safeconduct.core.policy_shape import PolicyInputShape
from safeconduct.core.record import decision_record
from safeconduct.core.recorded_input import recorded_input
from safeconduct.policy.rego.engine import RegoEngine
from tests.support.bundles import PACKAGE, bundle
from tests.support.strategies import anything

words = st.text(min_size=1, max_size=8)
parties = st.fixed_dictionaries(
    {
        "agent": st.builds(
            AgentFacts,
            id=words,
            registered=st.just(value=True),
            tier=st.integers(1, 9),
            zone=words,
            attested_ms=st.integers(0, 2**52),
            stateless=st.booleans(),
        ),
        "user": st.builds(
            UserFacts,
            id=words,
            kind=st.sampled_from(("person", "workflow", "service")),
            groups=st.lists(words, max_size=3).map(tuple),
            acr=st.none() | words,
            amr=st.lists(words, max_size=3).map(tuple),
            auth_time_s=st.integers(0, 2**40),
            device=st.lists(words, max_size=2).map(tuple),
        ),
    }
)


def with_parties(facts: Facts, **parties: Any) -> Facts:
    """The facts with other parties, in a task of the gateway's own tenant: no other gets so far."""
    gathered = facts.gathered
    task = replace(gathered.task, tenant=gathered.tenant)
    return replace(facts, gathered=replace(gathered, task=task, **parties))


RULES = {
    'permit contains {"id": "tool"} if input.call.tool == "crm.update_deal"': {"call"},
    'deny contains {"id": "taint"} if input["labels"].integrity != "trusted"': {"labels"},
    'deny contains {"id": "facts"} if not input.facts.delta_bps': {"facts"},
    'permit contains {"id": "yes"} if input.approval.digest == input.call.digest': {
        "approval", "call",
    },
    'elevate contains {"id": "first", "template": "t", "ttl_s": 60} if '
    "not input.task.counts[input.call.scopes[_]]": {"call", "task"},
    'permit contains {"id": "agent"} if { input.agent.tier < 3; input.user.acr }': {
        "agent", "user",
    },
    'permit contains {"id": "asked"} if input.provenance[_][_] == "user-request"': {"provenance"},
    'permit contains {"id": "small"} if count(input) < 9': None,
    'deny contains {"id": "late"} if { some name, at in input; at > 1; name == "now_ms" }': None,
}  # fmt: skip


@cache
def engine(rule: str) -> RegoEngine:
    return RegoEngine(bundle(f"{PACKAGE}{rule}\n"))


@pytest.mark.parametrize(("rule", "members"), RULES.items())
def test_the_engine_says_what_its_rules_can_see(rule: str, members: set[str] | None) -> None:
    assert engine(rule).members == members


@given(anything, st.sampled_from(sorted(RULES)))
def test_rules_answer_alike_whether_or_not_they_are_given_more(
    situation: tuple[Call, Facts], rule: str
) -> None:
    call, facts = situation
    rules = engine(rule)
    now_ms = facts.gathered.now_ms
    whole = rules.evaluate(policy_input(call, facts), now_ms)
    assert whole.error is None
    assert rules.evaluate(policy_input(call, facts, rules.members), now_ms) == whole


members = st.frozensets(st.sampled_from((*MEMBERS, "approval", "unheard_of")))
texts = st.text(max_size=8)
keys = st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF), max_size=8)
"""What records can have as keys; an input with others is left out of them."""
safe = st.integers(-(2**53) + 1, 2**53 - 1)
resolved = st.dictionaries(
    st.text("abcdefg_", min_size=1, max_size=8),
    st.recursive(
        st.none() | st.booleans() | safe | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=5,
)


@settings(max_examples=300)
@given(anything, resolved, parties, members)
def test_the_input_is_rebuilt_from_the_record_byte_for_byte(
    situation: tuple[Call, Facts],
    resolved: dict[str, Any],
    changes: dict[str, Any],
    members: frozenset[str],
) -> None:
    call, facts = situation
    facts = replace(with_parties(facts, **changes), resolved=resolved)
    record = decision_record("d_1", call, facts.gathered, facts, decide(call, facts))
    record = decode(encode(record))
    assert recorded_input(record) == policy_input(call, facts)
    assert recorded_input(record, members) == policy_input(call, facts, members)


@given(anything, members)
def test_a_part_of_the_input_is_that_part_of_the_whole(
    situation: tuple[Call, Facts], members: frozenset[str]
) -> None:
    whole = orjson.loads(policy_input(*situation))
    part = {name: value for name, value in whole.items() if name in members}
    given = policy_input(*situation, members)
    assert given == orjson.dumps(part, option=orjson.OPT_SORT_KEYS)


@given(anything)
def test_an_input_has_the_shape_that_is_written_down(situation: tuple[Call, Facts]) -> None:
    value = msgspec.json.decode(policy_input(*situation))
    shaped = msgspec.convert(value, PolicyInputShape)
    assert msgspec.json.decode(msgspec.json.encode(shaped)) == value
