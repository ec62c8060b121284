"""Rules cannot tell whether they were given all of the input, or only what they name."""

from __future__ import annotations

from functools import cache

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import Call, Facts
from safeconduct.core.policy_input import MEMBERS, policy_input
from safeconduct.core.policy_shape import PolicyInputShape
from safeconduct.policy.rego.engine import RegoEngine
from tests.support.bundles import PACKAGE, bundle
from tests.support.strategies import anything

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


@given(anything, st.frozensets(st.sampled_from((*MEMBERS, "approval", "unheard_of"))))
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
