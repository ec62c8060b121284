"""What a recorded decision would be under other rules is what it had been under them."""

from __future__ import annotations

from hypothesis import given, settings
from msgspec.structs import replace

from safeconduct.core.checks.policy import lacking
from safeconduct.core.decide import decide
from safeconduct.core.model import Call, Facts
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.record import decision_record
from safeconduct.core.replay import Verdict, recorded, replayed, unmet
from safeconduct.core.screen import screen
from safeconduct.core.verdict import Deny, Elevate, Permit
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
