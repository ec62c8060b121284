"""What a recorded decision would be under other rules is what it had been under them."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.audit.records import decode, encode
from safeconduct.core.checks.policy import lacking
from safeconduct.core.decide import decide
from safeconduct.core.model import Call, Facts
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.record import decision_record
from safeconduct.core.replay import Verdict, recorded, replayed, unmet
from safeconduct.core.screen import screen
from safeconduct.core.verdict import Deny, Elevate, Permit
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.diff.replaying import Pair
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.replay.asked import Bundles
from tests.support.bundles import PACKAGE, bundle
from tests.support.decisions import decided
from tests.support.strategies import anything, nearly_permitted, policies, questions

situations = nearly_permitted() | questions() | anything


def verdict(call: Call, facts: Facts) -> Verdict:
    match decide(call, facts).verdict:
        case Permit():
            return Verdict("permit")
        case Elevate(requirement):
            return Verdict("elevate", requires=requirement.sources)
        case Deny(code):
            return Verdict("deny", code)


@settings(max_examples=600)
@given(situations, policies)
def test_replaying_another_answer_is_deciding_with_it(
    situation: tuple[Call, Facts], other: PolicyAnswer
) -> None:
    call, facts = situation
    record = decision_record("d_1", call, facts.gathered, facts, decide(call, facts))
    assert recorded(record) == verdict(call, facts)
    assert replayed(record, facts.policy, unmet=unmet(record)) == recorded(record)
    changed = replace(facts, policy=other)
    without = lacking(call, changed) != ()
    assert replayed(record, other, unmet=without) == verdict(call, changed)


@given(anything)
def test_what_an_early_check_refused_stays_refused(situation: tuple[Call, Facts]) -> None:
    call, facts = situation
    decision = screen(call, facts.gathered)
    if decision is None:
        return
    record = decision_record("d_1", call, facts.gathered, None, decision)
    assert replayed(record, None, unmet=False) == recorded(record)
    assert recorded(record).said == "deny"


RULES = (
    'permit contains {"id": "tool"} if input.call.tool == "crm.update_deal"\n',
    'permit contains {"id": "fields"} if "next_step" in input.call.fields\n',
    'deny contains {"id": "taint"} if input.labels.integrity != "trusted"\n',
    'elevate contains {"id": "a", "template": "t", "ttl_s": 60} if not input.approval\n',
    'deny contains {"id": "asked"} if input.provenance[_][_] == "agent-request"\n',
    'deny contains {"id": "fails"} if { input.labels.readers; to_number(input.user.id) > 1 }\n',
    'permit contains {"id": "any"} if count(input) > 7\n',
)
bundles = st.lists(st.sampled_from(RULES), unique=True, max_size=4).map(sorted).map("".join)


@cache
def engine(rules: str) -> RegoEngine:
    return RegoEngine(bundle(PACKAGE + rules))


class Says:
    """An engine that gives one answer."""

    unsafe: tuple[str, ...] = ()
    members: frozenset[str] | None = None
    looks: frozenset[tuple[str, ...]] = frozenset()
    rules: tuple[RuleAt, ...] = ()

    def __init__(self, answer: PolicyAnswer, digest: str) -> None:
        self.digest = digest
        self._answer = replace(answer, bundle=digest)

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        del input_json, now_ms
        return self._answer

    def seen(self, value: dict[str, Any], now_ms: int) -> bytes:
        del value, now_ms
        return b""


_FREEDOM = ("deny", "elevate", "permit")


@settings(max_examples=600)
@given(situations, policies, policies)
def test_nothing_is_freer_under_new_than_a_diff_says(
    situation: tuple[Call, Facts], old: PolicyAnswer, new: PolicyAnswer
) -> None:
    call, facts = situation
    engines = Says(old, "0" * 64), Says(new, "1" * 64)
    record = decode(encode(decided(engines[0], call, facts)))
    change = Pair(Bundles(engines[:1]), engines[1]).compare(record).change
    known = recorded(decided(engines[1], call, facts))
    was, is_, said = (_FREEDOM.index(one.said) for one in (change.old, known, change.new))
    assert said >= is_
    assert change.if_met or said == is_
    assert change.widens or is_ <= was


@settings(max_examples=300)
@given(situations, bundles, bundles)
def test_what_a_diff_says_of_a_bundle_is_what_a_gateway_with_it_had_decided(
    situation: tuple[Call, Facts], old: str, new: str
) -> None:
    call, facts = situation
    own = replace(facts.gathered.task, tenant=facts.gathered.tenant)
    facts = replace(facts, gathered=replace(facts.gathered, task=own))
    record = decode(encode(decided(engine(old), call, facts)))
    change = Pair(Bundles([engine(old)]), engine(new)).compare(record).change
    assert change.old == recorded(record)
    assert change.new == recorded(decided(engine(new), call, facts))
    if old == new:
        assert not change.flips
