from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.decide import decide
from safeconduct.core.policy_input import policy_input
from safeconduct.core.record import decision_record
from safeconduct.core.recorded_input import (
    NotReplayable,
    parted,
    recorded_input,
)
from safeconduct.core.screen import screen
from tests.support.facts import approval, call, facts, gathered


def recorded(**overrides: Any) -> dict[str, Any]:
    known = facts(**overrides)
    return decision_record("d_1", call(), known.gathered, known, decide(call(), known))


@pytest.mark.parametrize(
    ("target", "upstream", "name"),
    [
        ("crm.get.a#b", "crm", "get.a#b"),
        ("crm#resource:https://example.com/a.b#c", "crm", "https://example.com/a.b#c"),
        ("crm#prompt:ask", "crm", "ask"),
    ],
)
def test_the_upstream_is_read_off_every_kind_of_target(
    target: str, upstream: str, name: str
) -> None:
    made, known = call(target=target, upstream=upstream, name=name), facts()
    record = decision_record("d_1", made, known.gathered, known, decide(made, known))
    assert recorded_input(record) == policy_input(made, known)


def test_a_yes_that_no_rule_asked_for_is_no_approval_after_the_journey_either() -> None:
    for asked, seen in (("scope:deal:update", False), ("policy:discount", True)):
        record = recorded(approval=approval(sources=(asked,)))
        assert (b'"approval":' in recorded_input(record)) is seen
        assert record["approved"] == [asked]


def test_a_decision_that_the_policy_had_no_part_in_has_no_input() -> None:
    local = gathered(zone=None)
    decision = screen(call(), local)
    assert decision is not None
    record = decision_record("d_1", call(), local, None, decision)
    assert parted(record) == (record, {})
    with pytest.raises(NotReplayable, match="was not asked"):
        recorded_input(record)


def test_a_record_without_its_input_says_so_and_is_not_guessed_at() -> None:
    record = recorded(resolved={"owner": "Dana", "delta_bps": 5})
    shorter, sealed = parted(record)
    assert shorter["policy"] == {"bundle": "", "permit": ["all"], "deny": [], "elevate": []}
    assert sealed == {"input": record["policy"]["input"]}
    assert {**shorter, "policy": record["policy"]} == record
    with pytest.raises(NotReplayable, match=r"does not hold the policy input$"):
        recorded_input(shorter)
    with pytest.raises(NotReplayable, match="it is sealed, and erased"):
        recorded_input({**shorter, "unopened": "erased"})
