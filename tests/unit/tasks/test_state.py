"""Task state: what a record changes, what it may not, and that a replay ends the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.core.asking import MAX_FOLLOWED
from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label
from safeconduct.core.pins import Accepted
from safeconduct.core.provenance import Origin
from safeconduct.core.record import label_value
from safeconduct.core.writing import object_name, written_digest
from safeconduct.ports import Projection
from safeconduct.ports import TaskState as TaskStatePort
from safeconduct.tasks.rows import OpenCall
from safeconduct.tasks.state import TaskState
from tests.support.tasks import (
    AGENT,
    DIGEST,
    Record,
    answered,
    child,
    continued,
    deny,
    memory,
    outcome,
    permit,
    requested,
    revoked,
    started,
)

UNTRUSTED = Label(integrity=Integrity.untrusted)
SECRET = Label(confidentiality=Confidentiality.restricted)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    yield made
    made.close()


def add(state: TaskState, *records: Record, replay: bool = False) -> list[str | None]:
    """Each record as a group of its own; what the state said against it."""
    said: list[str | None] = []
    for record in records:
        state.begin()
        said.append(state.apply(state.applied(), record, replay=replay))
        state.commit() if said[-1] is None else state.rollback()
    return said


def fine(state: TaskState, *records: Record) -> None:
    assert add(state, *records) == [None] * len(records)


def version(state: TaskState, task: str = "t_1") -> int:
    known = state.task(task)
    assert known is not None
    return known.version


def labels(state: TaskState, task: str = "t_1") -> Label:
    known = state.task(task)
    assert known is not None
    return known.labels


def test_it_is_what_the_log_and_the_page_ask_for(state: TaskState) -> None:
    for_the_log: Projection = state
    for_the_page: TaskStatePort = state
    assert (for_the_log, for_the_page) == (state, state)


# --- tasks ----------------------------------------------------------------------------------------


def test_a_task_that_never_started_is_unknown(state: TaskState) -> None:
    assert state.task("t_1") is None
    with pytest.raises(LookupError, match="t_1"):
        state.parties("t_1")


def test_a_started_task_is_what_its_record_says(state: TaskState) -> None:
    fine(state, started())
    known = state.task("t_1")
    assert known is not None
    assert (known.id, known.tenant, known.purpose, known.state) == (
        "t_1", "crm.example", "Triage case C-1.", "active",
    )  # fmt: skip
    assert (known.version, known.labels, known.counts, known.refusals) == (0, BOTTOM, {}, 0)
    agent, user = state.parties("t_1")
    assert (agent.id, agent.registered, user.id) == (AGENT, True, "jane@crm.example")


def test_a_task_is_active_from_its_start_until_it_is_revoked(state: TaskState) -> None:
    assert not state.active("t_1")
    fine(state, started())
    assert state.active("t_1")
    fine(state, revoked("jti", "j_1"))
    assert state.active("t_1")
    fine(state, revoked("task", "t_1"))
    assert not state.active("t_1")


@pytest.mark.parametrize(
    ("what", "name"), [("agent", AGENT), ("user", "jane@crm.example"), ("key", "thumbprint")]
)
def test_a_task_ends_with_whom_or_what_it_hangs_on(state: TaskState, what: str, name: str) -> None:
    fine(state, started(jkt="thumbprint"), revoked(what, "another"))
    assert state.active("t_1")
    fine(state, revoked(what, name))
    assert not state.active("t_1")


def test_a_token_is_consumed_once(state: TaskState) -> None:
    fine(state, started(consumes=["jti 1", "svid 2"]))
    again = started("t_2", consumes=["svid 3", "jti 1"])
    assert add(state, again, started("t_3", consumes=["svid 3"])) == ["consumed", None]
    assert state.task("t_2") is None


def test_two_starts_in_one_group_cannot_share_a_token(state: TaskState) -> None:
    one, two = started(consumes=["jti 1"]), started("t_2", consumes=["jti 1"])
    assert state.apply(0, one, replay=False) is None
    assert state.apply(1, two, replay=False) == "consumed"


def test_a_task_starts_once(state: TaskState) -> None:
    assert add(state, started(), started(consumes=["other"])) == [None, "task-exists"]


# --- decisions ------------------------------------------------------------------------------------


def test_a_permit_reserves_what_it_spends(state: TaskState) -> None:
    fine(state, started(), permit(spends={"calls": 1, "case:read": 1}))
    known = state.task("t_1")
    assert known is not None
    assert (known.version, known.counts) == (1, {"calls": 1, "case:read": 1})


@pytest.mark.parametrize("decided_on", [0, 2])
def test_a_permit_decided_on_another_version_is_refused(state: TaskState, decided_on: int) -> None:
    fine(state, started(), permit())
    assert add(state, permit("d_2", decided_on)) == ["version"]
    assert state.open_calls() == [("d_1", OpenCall("t_1", DIGEST, "crm.update_deal", True))]


def test_two_permits_of_one_group_cannot_rest_on_the_same_version(state: TaskState) -> None:
    fine(state, started())
    assert state.apply(1, permit(), replay=False) is None
    assert state.apply(2, permit("d_2", digest="x"), replay=False) == "version"


def test_labels_that_rose_meanwhile_make_another_version(state: TaskState) -> None:
    fine(state, started(), memory(UNTRUSTED))
    assert add(state, permit(version=0), permit(version=1)) == ["version", None]


def test_a_budget_is_never_overspent(state: TaskState) -> None:
    fine(state, started(), *(permit(f"d_{n}", n, digest=f"x{n}") for n in range(3)))
    assert add(state, permit("d_9", 3, digest="x9")) == ["budget"]
    assert version(state) == 3


def test_only_the_budgets_that_the_call_spends_are_looked_at(state: TaskState) -> None:
    fine(state, started(budgets={"calls": 9, "mail:send": 0}), permit())
    assert add(state, permit("d_2", 1, spends={"mail:send": 1})) == ["budget"]


def test_a_decision_on_an_unknown_task_is_refused(state: TaskState) -> None:
    assert add(state, permit(), deny()) == ["task-unknown", "task-unknown"]


def test_an_elevation_changes_nothing(state: TaskState) -> None:
    fine(state, started())
    before = state.task("t_1")
    fine(state, {**permit(), "verdict": "elevate"})
    assert state.task("t_1") == before
    assert state.open_calls() == []


def test_refusals_count_up_to_their_limit(state: TaskState) -> None:
    fine(state, started(), deny(), deny("zone-denied"))
    assert add(state, deny()) == ["refusals"]
    known = state.task("t_1")
    assert known is not None
    assert (known.refusals, known.version) == (2, 0)


@pytest.mark.parametrize("reason", ["busy", "refusals-exhausted"])
def test_refusals_that_are_no_fault_of_the_call_do_not_count(state: TaskState, reason: str) -> None:
    fine(state, started(), *[deny(reason)] * 5)
    known = state.task("t_1")
    assert known is not None
    assert known.refusals == 0


def test_the_first_amount_of_an_object_is_its_baseline(state: TaskState) -> None:
    fine(state, started(), started("t_2", consumes=[]))
    assert state.baseline("t_1", "k") is None
    fine(state, permit(baselines={"k": 100}), permit("d_2", 1, baselines={"k": 90, "m": 5}))
    assert (state.baseline("t_1", "k"), state.baseline("t_1", "m")) == (100, 5)
    assert state.baseline("t_2", "k") is None


# --- outcomes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "may_have_happened", "locked"),
    [
        ("ok", True, False),
        ("error", True, False),
        ("withheld", True, False),
        ("refused", False, False),
        ("cancelled", False, False),
        ("cancelled", True, True),
        ("unknown", True, True),
    ],
)
def test_a_change_whose_fate_nobody_knows_stays_locked(
    state: TaskState, status: str, may_have_happened: bool, locked: bool
) -> None:
    fine(state, started(), permit())
    assert state.outcome_unknown("t_1", DIGEST)
    fine(state, outcome(status=status, may_have_happened=may_have_happened))
    assert state.outcome_unknown("t_1", DIGEST) is locked
    assert state.open_calls() == []


def test_a_read_is_open_but_never_locked(state: TaskState) -> None:
    fine(state, started(), permit(changes_state=False))
    assert state.open_calls() == [("d_1", OpenCall("t_1", DIGEST, "crm.update_deal", False))]
    assert not state.outcome_unknown("t_1", DIGEST)
    fine(state, outcome())
    assert state.open_calls() == []


def test_a_lock_is_that_of_one_call_in_one_task(state: TaskState) -> None:
    fine(state, started(), permit())
    assert not state.outcome_unknown("t_2", DIGEST)
    assert not state.outcome_unknown("t_1", "sha256:other")


def test_a_call_has_one_outcome(state: TaskState) -> None:
    fine(state, started(), permit(), outcome())
    assert add(state, outcome(), outcome("d_7")) == ["no-open-call", "no-open-call"]


# --- memory ---------------------------------------------------------------------------------------


def test_labels_only_rise(state: TaskState) -> None:
    fine(state, started(), memory(UNTRUSTED), memory(SECRET), memory(BOTTOM), memory(SECRET))
    assert labels(state) == UNTRUSTED.join(SECRET)
    assert version(state) == 2


def test_what_an_agent_has_read_stays_with_it_in_its_next_task(state: TaskState) -> None:
    other = "spiffe://crm.example/agents/other"
    fine(state, started(), memory(UNTRUSTED), started("t_2"), started("t_3", agent=other))
    fine(state, started("t_4", tenant="other.example"))
    assert labels(state, "t_2") == UNTRUSTED
    assert labels(state, "t_3") == labels(state, "t_4") == BOTTOM


def test_what_one_task_reads_raises_the_version_of_the_agent_s_others(state: TaskState) -> None:
    fine(state, started(), started("t_2"), memory(UNTRUSTED, "t_2"))
    assert (labels(state), version(state)) == (UNTRUSTED, 1)
    assert add(state, permit(version=0)) == ["version"]


def test_an_agent_that_forgets_starts_each_task_clean(state: TaskState) -> None:
    fine(state, started(stateless=True), memory(UNTRUSTED), started("t_2", stateless=True))
    assert (labels(state), labels(state, "t_2")) == (UNTRUSTED, BOTTOM)


def test_the_memory_of_an_unknown_task_is_refused(state: TaskState) -> None:
    assert add(state, memory(UNTRUSTED)) == ["task-unknown"]


def test_the_results_whose_fingerprints_are_kept_are_counted_by_memory(state: TaskState) -> None:
    kept = {**memory(), "prints": ["a", "b"]}
    fine(state, started(), kept, {**kept, "prints": ["b"]}, memory())
    assert [state.printed(name) for name in "abc"] == [1, 2, 0]


def test_a_line_of_tasks_remembers_together(state: TaskState) -> None:
    fine(state, started(stateless=True), child())
    helper = "crm.example spiffe://crm.example/agents/helper"
    assert state.memories("t_1") == ("t_1",)
    assert state.memories("t_2") == (helper, "t_1")
    assert state.memories("t_3") == ()
    until_ms = started()["expires_ms"]
    assert state.hearing("t_1", until_ms - 1) == ("t_1", helper)
    assert state.hearing("t_1", until_ms) == ("t_1",)


def test_a_value_is_vouched_for_in_its_task_and_its_role(state: TaskState) -> None:
    fine(state, started(), started("t_2"), memory(a="dana", b="dana"), memory(a="dana", c="sam"))
    assert state.vouched("t_1", "recipient", "dana") == (
        Origin("trusted-field", "a"), Origin("trusted-field", "b"),
    )  # fmt: skip
    assert state.vouched("t_1", "recipient", "sam") == (Origin("trusted-field", "c"),)
    assert state.vouched("t_1", "recipient", "Dana") == ()
    assert state.vouched("t_1", "account", "dana") == ()
    assert state.vouched("t_2", "recipient", "dana") == ()


def test_a_value_that_the_request_named_once_is_named(state: TaskState) -> None:
    named = {**memory(a="dana"), "vouched": [{**memory(a="dana")["vouched"][0], "named": True}]}
    fine(state, started(), memory(a="dana"), named, memory(a="dana"))
    assert state.vouched("t_1", "recipient", "dana") == (Origin("named-field", "a"),)


def test_the_largest_amount_of_a_kind_is_the_ceiling(state: TaskState) -> None:
    said = ({"amount": "90"}, {"amount": "100.5", "amount crm.fee": "3"}, {"amount": "100.25"})
    fine(state, started(), started("t_2"), *({**memory(), "ceilings": one} for one in said))
    assert state.ceiling("t_1", "amount") == "100.5"
    assert state.ceiling("t_1", "amount crm.fee") == "3"
    assert state.ceiling("t_1", "amount crm.tax") is None
    assert state.ceiling("t_2", "amount") is None


def wrote(label: Label = BOTTOM, *values: str, system: str = "crm", **changed: Any) -> Record:
    """What an agent writes to a system, and to its deal D-7."""
    said = {
        "system": system,
        "values": [written_digest(value) for value in values],
        "objects": [object_name("crm.deal", "D-7")],
        "labels": label_value(label),
    }
    return {**memory(**changed), "wrote": said}


def test_what_was_written_is_known_in_its_system_by_every_task(state: TaskState) -> None:
    fine(state, started(), wrote(BOTTOM, "Eve@Evil.example", "1,000.50"))
    for value in ("Eve@Evil.example", "eve@evil.example", " EVE@evil.example", "1000.5"):
        assert state.written("crm.example", "crm", value)
    for tenant, system, value in (
        ("crm.example", "crm", "dana@customer.example"),
        ("crm.example", "mail", "eve@evil.example"),
        ("other.example", "crm", "eve@evil.example"),
    ):
        assert not state.written(tenant, system, value)


def test_an_object_s_label_rises_with_what_is_written_to_it(state: TaskState) -> None:
    name = object_name("crm.deal", "D-7")
    fine(state, started(), wrote(UNTRUSTED))
    assert state.object_label("crm.example", "crm", name) == UNTRUSTED
    fine(state, wrote(SECRET), wrote(BOTTOM), wrote(SECRET, system="mail"))
    assert state.object_label("crm.example", "crm", name) == UNTRUSTED.join(SECRET)
    assert state.object_label("crm.example", "mail", name) == SECRET
    assert state.object_label("other.example", "crm", name) == BOTTOM
    assert state.object_label("crm.example", "crm", object_name("crm.deal", "D-8")) == BOTTOM


# --- approvals ------------------------------------------------------------------------------------


def test_a_question_is_pending_then_granted(state: TaskState) -> None:
    fine(state, started(), requested())
    asked = state.approval("t_1", DIGEST)
    assert asked is not None
    assert (asked.id, asked.state, asked.granted_ms) == ("a_1", "pending", 0)
    fine(state, answered())
    yes = state.approval("t_1", DIGEST)
    assert yes is not None
    assert (yes.state, yes.granted_ms, yes.sources) == ("granted", 3_000, ("policy:discount",))
    assert state.approval("t_2", DIGEST) is None
    assert state.approval("t_1", "sha256:other") is None


def test_only_one_question_about_a_call_stands(state: TaskState) -> None:
    fine(state, started(), requested())
    assert add(state, requested("a_2"), requested("a_1", digest="x")) == ["approval", "approval"]
    fine(state, requested("a_2", digest="x"), answered("a_1"), requested("a_3"))


def test_a_question_is_answered_once(state: TaskState) -> None:
    fine(state, started(), requested(), answered())
    assert add(state, answered(phase="denied"), answered("a_9")) == ["approval", "approval"]
    yes = state.approval("t_1", DIGEST)
    assert yes is not None
    assert yes.state == "granted"


def test_a_yes_is_used_once(state: TaskState) -> None:
    fine(state, started(), requested(), answered(), permit(approval="a_1"))
    assert state.approval("t_1", DIGEST) is None
    assert add(state, permit("d_2", 1, approval="a_1")) == ["approval"]


def test_a_permit_cannot_use_what_was_not_granted(state: TaskState) -> None:
    fine(state, started(), requested())
    assert add(state, permit(approval="a_1"), permit(approval="a_9")) == ["approval", "approval"]
    assert version(state) == 0


def test_a_no_sticks_whatever_is_said_later(state: TaskState) -> None:
    fine(state, started(), requested(), answered(phase="denied"))
    fine(state, requested("a_2"), answered("a_2"))
    said = state.approval("t_1", DIGEST)
    assert said is not None
    assert (said.id, said.state) == ("a_1", "denied")
    assert add(state, permit(approval="a_1")) == ["approval"]


def test_the_newest_yes_counts(state: TaskState) -> None:
    fine(state, started(), requested(), answered(), requested("a_2"), answered("a_2", at_ms=5_000))
    said = state.approval("t_1", DIGEST)
    assert said is not None
    assert (said.id, said.granted_ms) == ("a_2", 5_000)


def agreed(approval: str = "a_1", **changed: Any) -> list[Record]:
    """A person was asked about a value of a field, and said yes."""
    said = {
        "requires": ["flow:unvouched"], "ttl_s": 300, "wheres": ["crm.find:rows.*.email#d_7"],
        "values": ["v_1"], **changed,
    }  # fmt: skip
    return [requested(approval, **said), answered(approval)]


def using(decision: str, version: int, at_ms: int, **changed: Any) -> Record:
    return permit(decision, version, at_ms=at_ms, labels=label_value(BOTTOM), **changed)


def test_a_yes_to_a_value_is_good_for_further_calls(state: TaskState) -> None:
    fine(state, started(budgets={"calls": 99}), *agreed())
    assert state.followed("t_1", 3_000) is None
    fine(state, using("d_1", 0, 3_000, approval="a_1"))
    known = state.followed("t_1", 302_999)
    assert known is not None
    assert known.left == MAX_FOLLOWED
    assert known.wheres == {"crm.find:rows.*.email#d_7"}
    assert known.values == {"v_1"}
    assert known.labels == BOTTOM
    assert state.followed("t_1", 303_000) is None
    assert state.followed("t_2", 3_000) is None


def test_each_such_call_takes_one(state: TaskState) -> None:
    fine(state, started(budgets={"calls": 99}), *agreed(), using("d_0", 0, 3_000, approval="a_1"))
    for number in range(1, MAX_FOLLOWED + 1):
        fine(state, using(f"d_{number}", number, 4_000, follows=True))
    assert state.followed("t_1", 4_000) is None
    last = MAX_FOLLOWED + 1
    assert add(state, using(f"d_{last}", last, 4_000, follows=True)) == ["followed"]


def test_no_such_call_is_permitted_without_a_yes_or_too_late(state: TaskState) -> None:
    fine(state, started(budgets={"calls": 99}))
    assert add(state, using("d_1", 0, 4_000, follows=True)) == ["followed"]
    fine(state, *agreed(), using("d_1", 0, 3_000, approval="a_1"))
    assert add(state, using("d_2", 1, 303_000, follows=True)) == ["followed"]
    fine(state, using("d_2", 1, 302_999, follows=True))


def test_a_yes_to_something_else_is_good_for_its_own_call_alone(state: TaskState) -> None:
    fine(state, started(budgets={"calls": 99}), *agreed(requires=["policy:discount"]))
    fine(state, using("d_1", 0, 3_000, approval="a_1"))
    assert state.followed("t_1", 3_000) is None


def test_a_second_yes_adds_to_one_that_still_holds(state: TaskState) -> None:
    fine(state, started(budgets={"calls": 99}), *agreed(), using("d_1", 0, 3_000, approval="a_1"))
    fine(state, using("d_2", 1, 4_000, follows=True))
    fine(state, *agreed("a_2", digest="x", wheres=["mail.list:to#d_8"], values=["v_2"]))
    fine(state, using("d_3", 2, 5_000, approval="a_2"))
    known = state.followed("t_1", 5_000)
    assert known is not None
    assert (known.left, known.until_ms) == (MAX_FOLLOWED, 305_000)
    assert known.wheres == {"crm.find:rows.*.email#d_7", "mail.list:to#d_8"}
    assert known.values == {"v_1", "v_2"}
    fine(state, *agreed("a_3", digest="y", wheres=[], values=["v_3"]))
    fine(state, using("d_4", 3, 305_000, approval="a_3"))
    later = state.followed("t_1", 305_000)
    assert later is not None
    assert (later.wheres, later.values) == (frozenset(), frozenset({"v_3"}))


def test_a_start_asks_anew_what_nobody_had_answered(state: TaskState) -> None:
    fine(state, started(), requested(), requested("a_2", digest="x"), answered("a_2"))
    fine(state, {"kind": "config", "phase": "stopped"})
    assert state.approval("t_1", DIGEST) is not None
    fine(state, {"kind": "config", "phase": "loaded"})
    assert state.approval("t_1", DIGEST) is None
    granted = state.approval("t_1", "x")
    assert granted is not None
    assert granted.state == "granted"
    fine(state, requested("a_3"))


# --- evidence of workloads ------------------------------------------------------------------------


def svid(key: str = "k_1", evidence: str = "e_1") -> Record:
    return {"kind": "svid", "phase": "issued", "agent": AGENT, "evidence": evidence, "jkt": key}


def test_evidence_belongs_to_the_key_that_it_was_first_shown_with(state: TaskState) -> None:
    fine(state, svid("k_1"), svid("k_1"))
    assert add(state, svid("k_2")) == ["consumed"]
    fine(state, svid("k_2", "e_2"), svid("k_1"))


def test_two_keys_of_one_group_cannot_share_evidence(state: TaskState) -> None:
    assert add(state, svid("k_1"), svid("k_2")) == [None, "consumed"]


@pytest.mark.parametrize(("what", "name"), [("agent", AGENT), ("key", "k_1")])
def test_nothing_is_issued_to_who_was_revoked(state: TaskState, what: str, name: str) -> None:
    fine(state, revoked(what, name))
    assert add(state, svid("k_1")) == ["revoked"]


# --- revocations and pins -------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["agent", "user", "key", "jti"])
def test_what_is_revoked_is_revoked_by_its_kind(state: TaskState, what: str) -> None:
    names = {"agent": "a", "user": "u", "key": "k", "jti": "j"}
    assert not state.revoked(**names)
    for other in names.keys() - {what}:
        fine(state, revoked(other, names[what]))
    assert not state.revoked(**names)
    fine(state, revoked(what, names[what]))
    assert state.revoked(**names)


def test_a_revoked_task_permits_nothing_more(state: TaskState) -> None:
    fine(state, started(), revoked("task", "t_1"), revoked("task", "t_9"))
    known = state.task("t_1")
    assert known is not None
    assert (known.state, known.version) == ("revoked", 1)
    assert add(state, permit(version=0), permit(version=1)) == ["version", "version"]


JANE, JOE = "jane@crm.example", "joe@crm.example"


def signed_out(user: str, before_ms: int) -> Record:
    return {**revoked("sign-in", user), "before_ms": before_ms}


def by(user: str, signed_in_ms: int) -> Record:
    return {**started()["user"], "id": user, "signed_in_ms": signed_in_ms}


def states(state: TaskState, *tasks: str) -> list[str]:
    return [known.state for task in tasks if (known := state.task(task)) is not None]


def test_a_sign_out_ends_the_user_s_tasks_of_before(state: TaskState) -> None:
    fine(state, started("t_1"), started("t_2", user=by(JANE, 1_001)))
    fine(state, started("t_3", user=by(JOE, 900)))
    fine(state, signed_out(JANE, 1_000))
    assert states(state, "t_1", "t_2", "t_3") == ["revoked", "active", "active"]
    assert not state.active("t_1")
    assert not state.revoked(agent="", user=JANE, key="", jti="")


def test_a_task_that_began_before_the_signal_came_rests_on_the_sign_in_of_before(
    state: TaskState,
) -> None:
    fine(state, started("t_1", started_ms=60_000), started("t_2", started_ms=60_000))
    fine(state, continued(task="t_2", user=by(JANE, 30_000)))
    fine(state, signed_out(JANE, 1_000))
    assert states(state, "t_1", "t_2") == ["revoked", "active"]


def test_after_a_sign_out_a_user_has_to_sign_in_again(state: TaskState) -> None:
    fine(state, signed_out(JANE, 5_000))
    assert add(state, started("t_1", user=by(JANE, 5_000))) == ["signed-out"]
    fine(state, started("t_2", user=by(JANE, 5_001)), started("t_3", user=by(JOE, 1)))
    renewed = continued(task="t_2", user=by(JANE, 4_000))
    assert add(state, renewed) == ["signed-out"]
    fine(state, signed_out(JANE, 3_000))
    assert add(state, started("t_4", user=by(JANE, 5_000))) == ["signed-out"]


def test_a_sign_in_of_the_same_moment_is_one_of_before(state: TaskState) -> None:
    fine(state, signed_out(JANE, 1_000))
    assert add(state, started()) == ["signed-out"]
    assert started()["user"]["auth_time_s"] == 1


def test_revoking_something_of_the_same_name_leaves_the_task(state: TaskState) -> None:
    fine(state, started(), revoked("agent", "t_1"))
    known = state.task("t_1")
    assert known is not None
    assert known.state == "active"


def test_the_first_pin_of_a_definition_stays(state: TaskState) -> None:
    assert state.pin("crm.get_case") is None
    fine(state, *({"kind": "pin", "target": "crm.get_case", "pin": pin} for pin in ("x", "y")))
    assert state.pin("crm.get_case") == "x"


ACCEPTED: Record = {
    "kind": "pin",
    "target": "crm.get_case",
    "pin": "y",
    "before": "x",
    "manifest": "x",
    "by": "ole@crm.example",
    "why": "so",
    "at_ms": 7,
}


def test_what_was_accepted_last_is_known_besides_what_was_seen_first(state: TaskState) -> None:
    fine(state, {"kind": "pin", "target": "crm.get_case", "pin": "x"}, ACCEPTED)
    one = Accepted(pin="y", by="ole@crm.example", why="so", at_ms=7, manifest="x")
    assert (state.pin("crm.get_case"), state.accepted("crm.get_case")) == ("x", one)
    fine(state, {**ACCEPTED, "pin": "z"})
    assert state.accepted("crm.get_case") == msgspec.structs.replace(one, pin="z")
    assert state.accepted("crm.get_deal") is None


def test_who_accepted_is_forgotten_with_them(state: TaskState) -> None:
    fine(state, ACCEPTED, {**ACCEPTED, "target": "crm.get_deal", "by": "eve@crm.example"})
    erasure = {"kind": "erasure", "tenant": "crm.example", "user": "ole@crm.example"}
    fine(state, {**erasure, "pseudonym": "u_1"})
    by = [getattr(state.accepted(f"crm.{name}"), "by", "") for name in ("get_case", "get_deal")]
    assert by == ["u_1", "eve@crm.example"]


# --- the log --------------------------------------------------------------------------------------


def test_what_is_refused_does_not_count_as_applied(state: TaskState) -> None:
    assert state.applied() == 0
    add(state, started(), started(), permit(version=7))
    assert state.applied() == 1


def test_a_record_of_no_concern_counts(state: TaskState) -> None:
    fine(state, {"kind": "checkpoint"})
    assert state.applied() == 1


def test_readers_see_a_group_when_it_is_committed(state: TaskState) -> None:
    state.begin()
    assert state.apply(0, started(), replay=False) is None
    assert (state.task("t_1"), state.applied()) == (None, 0)
    state.commit()
    assert state.task("t_1") is not None
    assert state.applied() == 1


def test_a_rollback_takes_the_whole_group_back(state: TaskState) -> None:
    fine(state, started(), requested(), answered())
    before = watched(state)
    group = [
        permit(approval="a_1", baselines={"k": 1}),
        memory(UNTRUSTED, a="dana"),
        deny(),
        revoked("task", "t_1"),
        outcome(),
    ]
    for seq, record in enumerate(group, state.applied()):
        assert state.apply(seq, record, replay=False) is None
    state.rollback()
    assert watched(state) == before
    fine(state, *group)


@pytest.mark.parametrize(
    "refused",
    [
        started(consumes=["new"]),
        started("t_2", consumes=["new", "token t_1"]),
        permit("d_9", 99, approval="a_2", baselines={"z": 1}),
        permit("d_9", 2, spends={"calls": 1, "case:read": 99}, approval="a_2"),
        permit("d_9", 2, approval="a_1", baselines={"z": 1}),
        outcome("d_9"),
        memory(SECRET, "t_9", z="z"),
        requested("a_1"),
        answered("a_1"),
    ],
)
def test_what_is_refused_changes_nothing(state: TaskState, refused: Record) -> None:
    fine(state, started(budgets={"calls": 9, "case:read": 1}), requested(), answered())
    fine(state, permit(approval="a_1"), memory(UNTRUSTED))
    fine(state, requested("a_2"), answered("a_2"))
    before = watched(state)
    assert state.apply(state.applied(), refused, replay=False) is not None
    state.commit()
    assert watched(state) == before


HISTORY: list[Record] = [
    {"kind": "config", "phase": "loaded"},
    {"kind": "pin", "target": "crm.get_case", "pin": "x"},
    ACCEPTED,
    started(budgets={"calls": 9}),
    started("t_2", stateless=True),
    permit(changes_state=False, baselines={"k": 1}),
    memory(UNTRUSTED, a="dana"),
    outcome(),
    deny(),
    requested(),
    answered(),
    permit("d_2", 2, approval="a_1"),
    outcome("d_2", "unknown", may_have_happened=True),
    permit("d_3", 3, digest="x"),
    requested("a_2", digest="y"),
    answered("a_2", "denied"),
    requested("a_3", digest="z"),
    {**memory(), "ceilings": {"amount": "7"}},
    wrote(SECRET, "eve"),
    *agreed("a_4", digest="f"),
    using("d_4", 4, 3_000, approval="a_4", digest="f"),
    using("d_5", 5, 4_000, follows=True, digest="g"),
    revoked("agent", "someone"),
    revoked("task", "t_2"),
]


def watched(state: TaskState) -> dict[str, Any]:
    """All that a reader can see of it."""
    return {
        "applied": state.applied(),
        "tasks": [state.task(task) for task in ("t_1", "t_2", "t_9")],
        "parties": state.parties("t_1"),
        "approvals": [state.approval("t_1", digest) for digest in (DIGEST, "y", "z")],
        "vouched": [state.vouched("t_1", "recipient", value) for value in ("dana", "z")],
        "ceiling": state.ceiling("t_1", "amount"),
        "written": [state.written("crm.example", "crm", value) for value in ("eve", "dana")],
        "object": state.object_label("crm.example", "crm", object_name("crm.deal", "D-7")),
        "followed": [state.followed("t_1", at_ms) for at_ms in (4_000, 303_000)],
        "baselines": [state.baseline("t_1", key) for key in ("k", "z")],
        "open": state.open_calls(),
        "locked": [state.outcome_unknown("t_1", digest) for digest in (DIGEST, "x")],
        "revoked": state.revoked(agent="someone", user="", key="", jti=""),
        "pin": state.pin("crm.get_case"),
        "accepted": state.accepted("crm.get_case"),
    }


def test_closing_and_opening_changes_nothing(tmp_path: Path) -> None:
    state = TaskState(tmp_path / "state.sqlite3")
    fine(state, *HISTORY)
    before = watched(state)
    state.close()
    again = TaskState(tmp_path / "state.sqlite3")
    assert watched(again) == before
    again.close()


def one_by_one(state: TaskState, records: list[Record]) -> None:
    assert add(state, *records, replay=True) == [None] * len(records)


def all_at_once(state: TaskState, records: list[Record]) -> None:
    for seq, record in enumerate(records, state.applied()):
        assert state.apply(seq, record, replay=True) is None
    state.commit()


@pytest.mark.parametrize("how", [one_by_one, all_at_once])
def test_a_replay_from_scratch_ends_where_the_live_state_did(
    state: TaskState, tmp_path: Path, how: Callable[[TaskState, list[Record]], None]
) -> None:
    fine(state, *HISTORY)
    replayed = TaskState(tmp_path / "other.sqlite3")
    how(replayed, HISTORY)
    assert watched(replayed) == watched(state)
    replayed.close()


@pytest.mark.parametrize("cut", range(3, len(HISTORY)))
def test_a_replay_from_anywhere_ends_the_same(state: TaskState, tmp_path: Path, cut: int) -> None:
    fine(state, *HISTORY)
    first = TaskState(tmp_path / "other.sqlite3")
    fine(first, *HISTORY[:cut])
    first.close()
    resumed = TaskState(tmp_path / "other.sqlite3")
    assert resumed.applied() == cut
    all_at_once(resumed, HISTORY[cut:])
    assert watched(resumed) == watched(state)
    resumed.close()
