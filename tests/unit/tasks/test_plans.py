"""Plans of tasks that narrow, widen, are passed on in part, and are bound beyond the task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.model import TaskFacts
from safeconduct.ports import Tasks
from safeconduct.tasks.plans import MAX_DEPTH
from safeconduct.tasks.state import TaskState
from tests.support.tasks import (
    AGENT,
    Record,
    child,
    continued,
    deny,
    memory,
    permit,
    revoked,
    started,
)

HELPER = "spiffe://crm.example/agents/helper"
OTHER = "spiffe://crm.example/agents/other"
UNTRUSTED = Label(integrity=Integrity.untrusted)
PII = Label(categories=frozenset({"pii"}))
SECRET = Label(confidentiality=Confidentiality.restricted)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    yield made
    made.close()


def add(state: TaskState, record: Record) -> str | None:
    state.begin()
    said = state.apply(state.applied(), record, replay=False)
    state.commit() if said is None else state.rollback()
    return said


def fine(state: TaskState, *records: Record) -> None:
    assert [add(state, record) for record in records] == [None] * len(records)


def known(state: TaskState, task: str = "t_1") -> TaskFacts:
    facts = state.task(task)
    assert facts is not None
    return facts


def permitted(state: TaskState, task: str, decision: str, **changed: Any) -> str | None:
    record = permit(decision, known(state, task).version, task=task, digest=decision, **changed)
    return add(state, record)


def test_it_is_what_the_token_service_asks_for(state: TaskState) -> None:
    asked: Tasks = state
    assert asked.task("t_1") is None
    assert asked.holder("t_1") is None
    assert asked.latest_ms() == 0


# --- renewals and amendments ----------------------------------------------------------------------


def test_a_renewal_narrows_and_attests_anew(state: TaskState) -> None:
    fine(state, started(scopes=["case:read", "mail:send"], reattest_every=1, budgets={}))
    assert permitted(state, "t_1", "d_1") is None
    assert known(state).reattestation_due
    before = known(state).version
    fine(state, continued("renewed", attested_ms=700, user={"acr": "hardware"}))
    facts = known(state)
    assert facts.scopes == {"case:read"}
    assert facts.unattested == 0
    assert facts.version == before + 1
    agent, user = state.parties("t_1")
    assert (agent.attested_ms, user.acr) == (700, "hardware")


def test_refusals_make_an_agent_suspect_until_it_attests_anew(state: TaskState) -> None:
    fine(state, started(reattest_on_refusals=2, max_refusals=9), child())
    fine(state, deny(), deny("busy"))
    assert not known(state).reattestation_due
    fine(state, deny())
    assert known(state).reattestation_due
    fine(state, continued())
    assert not known(state).reattestation_due
    # The refusals of a child are its own agent's; they count as refusals above.
    fine(state, deny(task="t_2"), deny(task="t_2"))
    assert known(state, "t_2").reattestation_due
    assert not known(state).reattestation_due
    assert known(state).refusals == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"scopes": ["case:read", "deal:update"]},
        {"scopes": ["secret:read"]},
        {"obtainable": ["case:read", "secret:read"]},
    ],
)
def test_a_renewal_never_widens(state: TaskState, changed: dict[str, Any]) -> None:
    fine(state, started())
    assert add(state, continued("renewed", **changed)) == "plan"
    assert known(state).scopes == {"case:read"}


def test_an_amendment_widens_within_what_was_obtainable(state: TaskState) -> None:
    fine(state, started())
    fine(state, continued("amended", scopes=["case:read", "deal:update"], purpose="And move it."))
    facts = known(state)
    assert facts.scopes == {"case:read", "deal:update"}
    assert facts.purpose == "Triage case C-1.\n\nAnd move it."
    assert add(state, continued("amended", scopes=["secret:read"], purpose="x")) == "plan"


def test_what_can_no_longer_be_had_does_not_come_back(state: TaskState) -> None:
    fine(state, started())
    fine(state, continued("renewed", obtainable=["case:read"]))
    assert add(state, continued("amended", scopes=["deal:update"], purpose="x")) == "plan"


@pytest.mark.parametrize(
    ("first", "then", "source"),
    [
        ("user", "user", "user"),
        ("user", "app", "app"),
        ("app", "user", "app"),
        ("agent", "app", "app"),
    ],
)
def test_who_speaks_for_the_user_is_the_weaker_of_the_two(
    state: TaskState, first: str, then: str, source: str
) -> None:
    fine(state, started(purpose_source=first))
    fine(state, continued("amended", purpose="Go on.", purpose_source=then))
    facts = known(state)
    assert facts.purpose_source == source
    # What only the agent said is no longer part of what the user wants.
    assert facts.purpose.startswith("Go on." if first == "agent" else "Triage")


@pytest.mark.parametrize("phase", ["renewed", "amended"])
def test_what_is_over_does_not_go_on(state: TaskState, phase: str) -> None:
    assert add(state, continued(phase, purpose="x")) == "task-unknown"
    fine(state, started(), revoked("task", "t_1"))
    assert add(state, continued(phase, purpose="x")) == "plan"


def test_every_record_uses_up_what_it_consumes(state: TaskState) -> None:
    fine(state, started(consumes=["svid:1"]), {"kind": "client", "consumes": ["svid:2"]})
    assert add(state, continued("renewed", consumes=["svid:1"])) == "consumed"
    assert add(state, continued("renewed", consumes=["svid:2"])) == "consumed"
    assert add(state, {"kind": "client", "consumes": ["svid:2"]}) == "consumed"


def test_the_highest_time_on_record_is_known(state: TaskState) -> None:
    fine(state, started(), revoked("user", "x"))
    assert state.latest_ms() == 4_000
    fine(state, {**revoked("user", "y"), "at_ms": 3})
    assert state.latest_ms() == 4_000


# --- children -------------------------------------------------------------------------------------


def test_a_child_lies_within_its_parent(state: TaskState) -> None:
    fine(state, started(), child())
    holder = state.holder("t_2")
    assert holder is not None
    assert (holder.parent, holder.actors, holder.agent.id) == ("t_1", (AGENT,), HELPER)


@pytest.mark.parametrize(
    "changed",
    [
        {"scopes": ["case:read", "deal:update"]},
        {"expires_ms": 9_001},
        {"tenant": "hr.example"},
        {"user": {"id": "bob@crm.example", "groups": [], "acr": None, "auth_time_s": 0}},
        {"parent": "t_9"},
        {"purpose_source": "app"},
    ],
)
def test_what_lies_not_within_is_no_child(state: TaskState, changed: dict[str, Any]) -> None:
    fine(state, started())
    assert add(state, child(**changed)) == "parent"


def test_a_task_that_is_over_has_no_child(state: TaskState) -> None:
    fine(state, started(), revoked("task", "t_1"))
    assert add(state, child()) == "parent"


def test_children_go_so_deep_and_no_deeper(state: TaskState) -> None:
    fine(state, started())
    for depth in range(1, MAX_DEPTH):
        fine(state, child(f"t_{depth + 1}", parent=f"t_{depth}"))
    assert add(state, child("t_9", parent=f"t_{MAX_DEPTH}")) == "parent"


def test_labels_are_shared_both_ways_at_once(state: TaskState) -> None:
    fine(state, started(stateless=True), child(stateless=True))
    fine(state, memory(UNTRUSTED, task="t_2"))
    assert known(state, "t_1").labels == known(state, "t_2").labels == UNTRUSTED
    fine(state, memory(PII, task="t_1"))
    assert known(state, "t_2").labels == UNTRUSTED.join(PII)


def test_a_line_has_all_that_its_agents_remember(state: TaskState) -> None:
    fine(state, started("t_0", agent=HELPER), memory(PII, task="t_0"))
    fine(state, started(), child())
    assert known(state, "t_1").labels == known(state, "t_2").labels == PII
    before = known(state, "t_1").version
    fine(state, memory(SECRET, task="t_0"))
    assert known(state, "t_1").labels == known(state, "t_2").labels == PII.join(SECRET)
    assert add(state, permit("d_1", before)) == "version"


def test_agents_hear_of_each_other_until_what_they_share_has_ended(state: TaskState) -> None:
    fine(state, started(), child(), started("t_3", agent=OTHER))
    fine(state, child("t_4", parent="t_3", expires_ms=5_000))
    fine(state, memory(PII, task="t_3", at_ms=4_999))
    assert known(state, "t_1").labels == known(state, "t_4").labels == PII
    fine(state, memory(SECRET, task="t_3", at_ms=5_000))
    assert known(state, "t_1").labels == PII
    fine(state, memory(UNTRUSTED, task="t_1", at_ms=9_000), started("t_5", agent=HELPER))
    assert known(state, "t_5").labels == PII


def test_a_child_s_agent_keeps_what_it_was_told(state: TaskState) -> None:
    fine(state, started(), memory(PII), child())
    fine(state, started("t_3", agent=HELPER))
    assert known(state, "t_3").labels == PII


def test_labels_that_rise_above_make_another_version_below(state: TaskState) -> None:
    fine(state, started(), child())
    before = known(state, "t_2").version
    fine(state, memory(UNTRUSTED, task="t_1"))
    assert add(state, permit("d_1", before, task="t_2")) == "version"


def test_a_child_spends_what_its_parent_has(state: TaskState) -> None:
    fine(state, started(budgets={"calls": 3}), child(budgets={"calls": 9}))
    assert permitted(state, "t_1", "d_1") is None
    assert known(state, "t_2").budgets == {"calls": 2}
    assert permitted(state, "t_2", "d_2") is None
    assert permitted(state, "t_2", "d_3") is None
    assert permitted(state, "t_2", "d_4") == "budget"
    assert permitted(state, "t_1", "d_5") == "budget"
    assert (known(state, "t_1").counts, known(state, "t_2").counts) == ({"calls": 3}, {"calls": 2})


def test_a_child_has_no_patience_of_its_own(state: TaskState) -> None:
    fine(state, started(max_refusals=2), child(max_refusals=9))
    fine(state, deny(task="t_2"), deny(task="t_2"))
    assert (known(state, "t_2").refusals, known(state, "t_2").max_refusals) == (2, 2)
    assert known(state, "t_1").refusals == 2
    assert add(state, deny(task="t_2")) == "refusals"


def test_a_child_loses_what_its_parent_gives_up(state: TaskState) -> None:
    fine(state, started(scopes=["case:read", "deal:update"]))
    fine(state, child(scopes=["case:read", "deal:update"]))
    before = known(state, "t_2").version
    fine(state, continued("renewed", scopes=["case:read"]))
    assert known(state, "t_2").scopes == {"case:read"}
    assert add(state, permit("d_1", before, task="t_2")) == "version"


def test_a_child_ends_with_its_parent(state: TaskState) -> None:
    fine(state, started(), child())
    assert state.active("t_2")
    fine(state, revoked("task", "t_1"))
    assert not state.active("t_2")
    assert known(state, "t_2").state == "revoked"
    assert permitted(state, "t_2", "d_1") == "version"


# --- windows --------------------------------------------------------------------------------------

DAY: dict[str, Any] = {"window": {"seconds": 60, "budgets": {"calls": 2}}, "budgets": {}}


def test_a_new_task_has_no_new_window(state: TaskState) -> None:
    fine(state, started("t_1", **DAY), started("t_2", **DAY))
    assert permitted(state, "t_1", "d_1") is None
    assert known(state, "t_2").budgets == {"calls": 1}
    assert permitted(state, "t_2", "d_2") is None
    fine(state, started("t_3", **DAY))
    for task in ("t_1", "t_2", "t_3"):
        assert permitted(state, task, f"d_{task}") == "budget"


def test_a_window_ends_and_the_next_begins(state: TaskState) -> None:
    fine(state, started("t_1", **DAY))
    for decision in ("d_1", "d_2"):
        assert permitted(state, "t_1", decision) is None
    fine(state, started("t_2", started_ms=60_999, **DAY))
    assert permitted(state, "t_2", "d_3") == "budget"
    fine(state, started("t_3", started_ms=61_000, **DAY))
    assert permitted(state, "t_3", "d_4") is None


def test_a_clock_that_went_back_opens_no_window(state: TaskState) -> None:
    fine(state, started("t_1", started_ms=100_000, **DAY))
    for decision in ("d_1", "d_2"):
        assert permitted(state, "t_1", decision) is None
    fine(state, started("t_2", started_ms=1_000, **DAY))
    assert permitted(state, "t_2", "d_3") == "budget"


def test_a_window_is_one_agent_s_one_user_s_and_one_profile_s(state: TaskState) -> None:
    fine(state, started("t_1", **DAY), started("t_2", agent=HELPER, **DAY))
    fine(state, started("t_3", profile="other", **DAY))
    assert permitted(state, "t_1", "d_1") is None
    assert known(state, "t_2").budgets == known(state, "t_3").budgets == {"calls": 2}
