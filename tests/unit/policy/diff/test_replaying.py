"""OLD has to say again what is on record; only then NEW is asked."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from safeconduct.core.masks import Mask
from safeconduct.core.obligations import Constant, Constrain, Demands
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.recorded_input import parted
from safeconduct.core.replay import PERMIT, Verdict
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.diff.replaying import Change, Pair
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.replay.again import Unreplayable
from safeconduct.policy.replay.asked import Bundles
from tests.support.bundles import PACKAGE, bundle
from tests.support.decisions import decided
from tests.support.facts import ASKED, TAINTED, approval, call, facts, task

UPDATE = 'if input.call.tool == "crm.update_deal"\n'
OPEN = f'permit contains {{"id": "open"}} {UPDATE}'
CLOSED = f'deny contains {{"id": "closed"}} {UPDATE}'
ASKING = f'elevate contains {{"id": "ask", "template": "t", "ttl_s": 60}} {UPDATE}'
SMALL = 'permit contains {"id": "small"} if input.facts.delta_bps < 100\n'

DENIED = Verdict("deny", "policy-denied")
ASKED_BY_RULE = Verdict("elevate", requires=("policy:ask",))


def engine(*rules: str) -> RegoEngine:
    return RegoEngine(bundle(PACKAGE + "".join(rules)))


def change(old: RegoEngine, new: RegoEngine, **known: Any) -> Change:
    return Pair(Bundles([old]), new).compare(decided(old, call(), facts(**known))).change


@pytest.mark.parametrize(
    ("old", "new", "expected", "widens"),
    [
        (OPEN, OPEN, Change(PERMIT, PERMIT), False),
        (CLOSED, OPEN, Change(DENIED, PERMIT, ("open",), ("closed",)), True),
        (OPEN, CLOSED, Change(PERMIT, DENIED, ("closed",), ("open",)), False),
        (CLOSED, ASKING, Change(DENIED, ASKED_BY_RULE, ("ask",), ("closed",)), True),
        (ASKING, OPEN, Change(ASKED_BY_RULE, PERMIT, ("open",), ("ask",)), True),
        (OPEN, ASKING, Change(PERMIT, ASKED_BY_RULE, ("ask",), ("open",)), False),
        (SMALL + CLOSED, CLOSED, Change(DENIED, DENIED, (), ("small",)), False),
    ],
)
def test_a_decision_is_compared_with_what_it_had_been(
    old: str, new: str, expected: Change, widens: bool
) -> None:
    found = change(engine(old), engine(new), resolved={"delta_bps": 5})
    assert found == expected
    assert found.flips is (expected.old != expected.new)
    assert found.widens is widens


def test_what_the_policy_asks_turns_a_refusal_of_flow_into_a_question() -> None:
    tainted = {"task": task(labels=TAINTED), "provenance": {"next_step": ASKED}}
    flow = Verdict("deny", "control-argument-unvouched")
    asks = Verdict("elevate", requires=("flow:control-argument", "policy:ask"))
    assert change(engine(OPEN), engine(ASKING), **tainted) == Change(
        flow, asks, gained=("ask",), lost=("open",)
    )
    assert change(engine(ASKING), engine(OPEN), **tainted) == Change(
        asks, flow, gained=("open",), lost=("ask",)
    )


def test_a_yes_that_stood_still_stands_for_what_it_was_asked_for() -> None:
    yes = {"approval": approval(sources=("policy:ask",))}
    other = ASKING.replace('"ask"', '"other"')
    assert change(engine(ASKING), engine(OPEN), **yes).new == PERMIT
    assert change(engine(ASKING), engine(other), **yes) == Change(
        PERMIT, Verdict("elevate", requires=("policy:other",)), gained=("other",), lost=("ask",)
    )


def test_to_ask_for_less_is_wider() -> None:
    both = ASKING + ASKING.replace('"ask"', '"legal"')
    less = change(engine(both), engine(ASKING))
    assert (less.old.said, less.new.said, less.widens) == ("elevate", "elevate", True)
    assert not less.narrows
    more = change(engine(ASKING), engine(both))
    assert (more.flips, more.widens, more.narrows) == (True, False, True)


class Says:
    """An engine that gives one answer."""

    unsafe: tuple[str, ...] = ()
    members: frozenset[str] | None = None
    looks: frozenset[tuple[str, ...]] = frozenset()
    rules: tuple[RuleAt, ...] = ()

    def __init__(self, answer: PolicyAnswer) -> None:
        self.digest = hashlib.sha256(msgspec.json.encode(answer)).hexdigest()
        self.answer = replace(answer, bundle=self.digest)

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        del input_json, now_ms
        return self.answer

    def seen(self, value: dict[str, Any], now_ms: int) -> bytes:
        del value, now_ms
        return b""


OWN = Constrain(("next_step",), "task.tenant")
OTHER = Constrain(("amount_minor",), "task.tenant")


def permits(*constrain: Constrain, redact: tuple[str, ...] = (), mark: bool = False) -> Says:
    demands = Demands(constrain=constrain, redact=redact, spotlight=mark)
    return Says(PolicyAnswer(permit=("all",), demands=demands))


MET = call({"next_step": "crm.example"})


def compared(old: Says, new: Says, made: Any = MET) -> Change:
    return Pair(Bundles([old]), new).compare(decided(old, made, facts())).change


@pytest.mark.parametrize(
    ("old", "new", "widens"),
    [
        (permits(OWN), permits(), True),
        (permits(redact=("pii",)), permits(), True),
        (permits(mark=True), permits(), True),
        (permits(), permits(redact=("pii",), mark=True), False),
        (permits(OWN), permits(OWN), False),
    ],
)
def test_to_demand_less_is_wider(old: Says, new: Says, widens: bool) -> None:
    found = compared(old, new)
    assert (found.old, found.new, found.widens) == (PERMIT, PERMIT, widens)
    assert found.flips is widens


def test_whether_arguments_hold_what_new_demands_is_known_where_old_demanded_it() -> None:
    unmet = Verdict("deny", "constraint-unmet")
    lacks = call({"next_step": "x"})
    asks = PolicyAnswer(
        permit=("all",), elevate=(PolicyElevate("a", "t", 60),), demands=Demands(constrain=(OWN,))
    )
    assert compared(permits(OWN), Says(asks)).new.said == "elevate"
    assert compared(permits(OWN), Says(asks), lacks).new == unmet
    assert compared(permits(OWN), permits(), lacks) == Change(unmet, PERMIT)
    assert compared(permits(OWN), Says(PolicyAnswer(deny=("no",))), lacks).new == DENIED


DENIES = Says(PolicyAnswer(deny=("no",), demands=Demands(constrain=(OWN,))))
ASKS = Says(PolicyAnswer(elevate=(PolicyElevate("ask", "t", 60),)))
ELSEWHERE = Constrain(("next_step",), Constant("other.example"))


@pytest.mark.parametrize(
    ("old", "new", "made", "expected"),
    [
        (DENIES, permits(OWN), MET, (True, False, ())),
        (ASKS, permits(OWN), MET, (True, False, ())),
        (permits(OWN), permits(OTHER), call({"next_step": "x"}), (True, False, ())),
        (permits(OWN), permits(OTHER), MET, (True, False, ("demands less",))),
        (permits(OWN), permits(ELSEWHERE), MET, (True, False, ("demands less",))),
        (permits(), permits(OWN), MET, (False, True, ())),
        (permits(OWN), permits(OWN, OTHER), MET, (False, True, ())),
    ],
)
def test_where_it_is_not_known_arguments_are_taken_to_meet_what_new_demands(
    old: Says, new: Says, made: Any, expected: tuple[Any, ...]
) -> None:
    found = compared(old, new, made)
    assert (found.new, found.if_met, found.flips) == (PERMIT, True, True)
    assert (found.widens, found.narrows, found.relaxed) == expected


def asks(template: str = "t", ttl_s: int = 60, name: str = "ask") -> Says:
    return Says(PolicyAnswer(elevate=(PolicyElevate(name, template, ttl_s),)))


@pytest.mark.parametrize(
    ("new", "relaxed"),
    [
        (asks(ttl_s=3600), ("its yes lasts longer",)),
        (asks(ttl_s=61, name="lenient"), ("its yes lasts longer",)),
        (asks("u"), ("asks by another template",)),
        (asks("u", 61, "lenient"), ("its yes lasts longer", "asks by another template")),
        (asks(ttl_s=59), ()),
        (asks(name="lenient"), ()),
    ],
)
def test_another_question_is_wider_where_its_yes_lasts_longer_or_another_template_asks(
    new: Says, relaxed: tuple[str, ...]
) -> None:
    found = compared(asks(), new)
    assert (found.relaxed, found.widens) == (relaxed, bool(relaxed))
    assert found.flips is (bool(relaxed) or found.old != found.new)


def test_what_was_approved_and_would_not_be_asked_any_more_is_wider() -> None:
    yes = {"approval": approval(sources=("policy:ask",))}
    unasked = change(engine(ASKING), engine(OPEN), **yes)
    assert (unasked.new, unasked.relaxed, unasked.widens) == (PERMIT, ("asks less",), True)
    longer = change(engine(ASKING), engine(ASKING.replace("60", "90")), **yes)
    assert (longer.relaxed, longer.widens) == (("its yes lasts longer",), True)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"bundle": "0" * 64}, "other bundle"),
        ({"permit": ["another"]}, "differs"),
        ({"obligations": ["mask"]}, "differs"),
        ({"permit": [], "error": "the engine crashed"}, "error"),
        ({"permit": ["another"], "masked": ["/facts/owner"]}, "masked"),
    ],
)
def test_what_old_does_not_say_again_is_not_replayed(changes: dict[str, Any], why: str) -> None:
    old = engine(OPEN)
    record = decided(old, call(), facts())
    record["policy"] |= changes
    with pytest.raises(Unreplayable) as left:
        Pair(Bundles([old]), engine(CLOSED)).compare(record)
    assert left.value.why == why


def test_a_verdict_that_does_not_follow_from_the_answer_is_not_replayed() -> None:
    old = engine(OPEN)
    record = decided(old, call(), facts()) | {"verdict": "deny", "reason": "policy-denied"}
    with pytest.raises(Unreplayable, match="something else"):
        Pair(Bundles([old]), engine(CLOSED)).compare(record)


def test_a_record_without_what_the_rules_saw_is_not_replayed() -> None:
    old = engine(OPEN)
    record = decided(old, call(), facts())
    shorter, _ = parted(record)
    shorter["policy"]["masked"] = [""]
    with pytest.raises(Unreplayable, match="does not show"):
        Pair(Bundles([old]), old).compare(shorter)
    del record["policy"]["input"]
    with pytest.raises(Unreplayable, match="did not keep"):
        Pair(Bundles([old]), old).compare(record)


def test_of_masked_values_equality_is_replayed_and_nothing_else() -> None:
    equal = 'permit contains {"id": "own"} if input.facts.owner == input.facts.analyst\n'
    literal = 'permit contains {"id": "dana"} if input.facts.owner == "Dana"\n'
    masks = tuple(Mask("facts", name, "hash") for name in ("owner", "analyst"))
    for rules, replays in ((equal, True), (literal, False)):
        old = RegoEngine(replace(bundle(PACKAGE + rules), masks=masks))
        known = facts(resolved={"owner": "Dana", "analyst": "Dana"})
        record = decided(old, call(), known)
        assert record["verdict"] == "permit"
        assert record["policy"]["masked"] == ["/facts/owner", "/facts/analyst"]
        if replays:
            assert Pair(Bundles([old]), engine(CLOSED)).compare(record).change.new == DENIED
        else:
            with pytest.raises(Unreplayable, match="does not show"):
                Pair(Bundles([old]), engine(CLOSED)).compare(record)


DANA = 'permit contains {"id": "open"} if { input.call.tool; input.facts.owner == "Dana" }\n'


@pytest.mark.parametrize("how", ["hash", "erase"])
@pytest.mark.parametrize(
    ("new", "hidden"),
    [
        (DANA, True),
        (DANA.replace("owner", "analyst"), False),
        (DANA.replace("facts.owner", 'facts["the/owner"]'), True),
        ('permit contains {"id": "open"} if count(input.facts) > 0\n', True),
        ('permit contains {"id": "open"} if count(input) > 0\n', True),
        (OPEN, False),
    ],
)
def test_what_new_looks_at_and_the_record_hides_is_not_judged(
    how: Any, new: str, hidden: bool
) -> None:
    masks = Mask("facts", "owner", how), Mask("facts", "the/owner", how)
    old = RegoEngine(replace(bundle(PACKAGE + CLOSED), masks=masks))
    seen = {"owner": "Dana", "the/owner": "Dana", "analyst": "Kim"}
    record = decided(old, call(), facts(resolved=seen))
    assert record["policy"]["masked"] == ["/facts/owner", "/facts/the~1owner"]
    assert Pair(Bundles([old]), old).compare(record).change.flips is False
    if hidden:
        with pytest.raises(Unreplayable) as left:
            Pair(Bundles([old]), engine(new)).compare(record)
        assert left.value.why == "masked for NEW"
    else:
        assert Pair(Bundles([old]), engine(new)).compare(record).change.old == DENIED


def test_an_error_that_comes_again_is_replayed() -> None:
    failing = engine('permit contains {"id": "x"} if to_number(input.facts.owner) > 1\n')
    found = change(failing, engine(OPEN), resolved={"owner": "Dana"})
    assert found == Change(Verdict("deny", "policy-error"), PERMIT, gained=("open",))


def test_each_bundle_is_given_what_its_own_rules_name() -> None:
    old, new = engine(OPEN), engine(SMALL)
    assert old.members != new.members
    assert change(old, new, resolved={"delta_bps": 5}).new == PERMIT
    assert change(old, new, resolved={"delta_bps": 500}).new == DENIED


def test_a_question_that_found_no_room_counts_as_asked() -> None:
    old = engine(ASKING)
    record = decided(old, call(), facts()) | {"verdict": "deny", "reason": "desk-full"}
    found = Pair(Bundles([old]), engine(OPEN)).compare(record).change
    assert found == Change(ASKED_BY_RULE, PERMIT, gained=("open",), lost=("ask",))


def test_verdicts_are_told_in_words() -> None:
    assert [str(one) for one in (PERMIT, DENIED, ASKED_BY_RULE)] == [
        "permit", "deny (policy-denied)", "elevate (policy:ask)",
    ]  # fmt: skip
    assert replace(DENIED, reason=None) == Verdict("deny")
