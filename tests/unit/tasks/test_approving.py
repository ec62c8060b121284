"""Answers, elevations, bypasses and passkeys in task state: each counts as recorded, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.approvers import Party
from safeconduct.core.asking import ASKED_SOURCE
from safeconduct.core.elevation import MAX_ELEVATIONS, Bypass
from safeconduct.core.labels import BOTTOM
from safeconduct.core.record import label_value
from safeconduct.tasks.approving import MAX_PASSKEYS
from safeconduct.tasks.state import TaskState
from tests.support.tasks import DIGEST, Record, answered, permit, requested, revoked, started

LESS = "sha256:" + "3" * 64
DESK = [{"who": "desk", "count": 2, "keys": "any", "means": ["passkey"]}]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    yield made
    made.close()


def add(state: TaskState, *records: Record) -> list[str | None]:
    said: list[str | None] = []
    for record in records:
        said.append(state.apply(state.applied(), record, replay=False))
        state.commit() if said[-1] is None else state.rollback()
    return said


def fine(state: TaskState, *records: Record) -> None:
    assert add(state, *records) == [None] * len(records)


def yes(phase: str = "granted", by: str = "kim", **changed: Any) -> Record:
    return {**answered(phase=phase), "by": by, **changed}


def elevation(name: str = "e_1", **changed: Any) -> Record:
    return {
        "kind": "elevation",
        "phase": "granted",
        "elevation": name,
        "approval": "a_1",
        "task": "t_1",
        "tool": "crm.update_deal",
        "calls": 2,
        "until_ms": 5_000,
        "at_ms": 3_000,
        "by": "kim",
        "open": False,
        "steers": {"id": ["5f"]},
        "most": {"amount_minor": "5"},
        **changed,
    }


def passkey(name: str = "k_1", phase: str = "registered", **changed: Any) -> Record:
    return {
        "kind": "passkey",
        "phase": phase,
        "credential": name,
        "user": "kim",
        "public_key": "pQ",
        "aaguid": "00000000-0000-0000-0000-000000000000",
        "synced": True,
        "sign_count": 3,
        "label": "phone",
        "by": "kim",
        "at_ms": 1_500,
        **changed,
    }


class TestAnswers:
    def test_a_yes_of_one_of_two_leaves_the_question_open(self, state: TaskState) -> None:
        fine(state, started(), requested(parties=DESK), yes("agreed"))
        asked = state.approval("t_1", DIGEST)
        assert asked is not None
        assert (asked.state, asked.parties) == ("pending", (Party("desk", 2),))
        fine(state, yes("granted", by="lee"))
        given = state.approval("t_1", DIGEST)
        assert given is not None
        assert given.state == "granted"

    def test_a_call_is_asked_about_anew_once_nobody_can_answer_any_more(
        self, state: TaskState
    ) -> None:
        first = requested(at_ms=1_000, ttl_s=300, wait_s=10)
        fine(state, started(), first)
        again = {**first, "approval": "a_2"}
        assert add(state, {**again, "at_ms": 10_999}) == ["approval"]
        fine(state, {**again, "at_ms": 11_000})
        asked = state.approval("t_1", DIGEST)
        assert asked is not None
        assert (asked.id, asked.state) == ("a_2", "pending")

    def test_nobody_counts_twice(self, state: TaskState) -> None:
        fine(state, started(), requested(), yes("agreed"))
        assert add(state, yes("granted")) == ["approval"]

    def test_less_is_granted_and_the_call_itself_refused(self, state: TaskState) -> None:
        fine(state, started(), requested(), yes("narrowed", narrowed=LESS, **{"as": "a_2"}))
        asked, less = state.approval("t_1", DIGEST), state.approval("t_1", LESS)
        assert asked is not None
        assert less is not None
        assert (asked.state, less.state, less.id) == ("narrowed", "granted", "a_2")
        assert less.sources == asked.sources
        assert add(state, permit(approval="a_1")) == ["approval"]
        fine(state, permit(approval="a_2", digest=LESS, at_ms=3_500))

    def test_what_somebody_agreed_to_ends_with_them(self, state: TaskState) -> None:
        fine(state, started(), requested(), yes(), elevation(), passkey())
        fine(state, revoked("user", "kim"))
        assert state.approval("t_1", DIGEST) is None
        assert state.elevations("t_1") == ()
        assert state.passkey("k_1") is None
        assert [*state.passkeys("kim")] == []

    def test_a_sign_out_ends_what_was_agreed_to_until_then(self, state: TaskState) -> None:
        other = requested("a_2", digest=LESS)
        later = (yes(approval="a_2", at_ms=4_000), elevation("e_2", approval="a_2", at_ms=4_000))
        fine(state, started(), requested(), yes(), elevation(), other, *later, passkey())
        out = {"kind": "revocation", "what": "sign-in", "id": "kim", "before_ms": 3_000, "at_ms": 9}
        fine(state, out)
        assert state.approval("t_1", DIGEST) is None
        assert [one.id for one in state.elevations("t_1")] == ["e_2"]
        assert state.passkey("k_1") is not None

    def test_a_sign_out_between_two_yeses_takes_the_first_back(self, state: TaskState) -> None:
        fine(state, started(), requested(parties=DESK), yes("agreed", at_ms=2_500))
        fine(state, yes("granted", by="lee", at_ms=4_000))
        out = {"kind": "revocation", "what": "sign-in", "id": "kim", "before_ms": 3_000, "at_ms": 9}
        fine(state, out)
        assert state.approval("t_1", DIGEST) is None

    def test_who_is_revoked_says_no_more_yes_and_may_say_no(self, state: TaskState) -> None:
        fine(state, started(), requested(), revoked("user", "kim"))
        assert add(state, yes()) == ["approval"]
        fine(state, yes("denied"))

    def test_who_has_said_yes_may_think_better_of_it(self, state: TaskState) -> None:
        fine(state, started(), requested(parties=DESK), yes("agreed"), yes("denied"))
        asked = state.approval("t_1", DIGEST)
        assert asked is not None
        assert asked.state == "denied"

    def test_what_goes_on_ends_with_who_agreed_to_it(self, state: TaskState) -> None:
        asked = requested(requires=[ASKED_SOURCE], values=["5f"])
        fine(state, started(), asked, yes())
        fine(state, permit(approval="a_1", at_ms=3_500, labels=label_value(BOTTOM)))
        assert state.followed("t_1", 3_600) is not None
        fine(state, revoked("user", "kim"))
        assert state.followed("t_1", 3_600) is None

    def test_what_somebody_else_agreed_to_stays(self, state: TaskState) -> None:
        fine(state, started(), requested(), yes(), elevation(), revoked("user", "lee"))
        assert state.approval("t_1", DIGEST) is not None
        assert len(state.elevations("t_1")) == 1


class TestElevations:
    def test_each_permit_takes_a_call_until_none_is_left(self, state: TaskState) -> None:
        fine(state, started(), requested(), yes("elevated"), elevation())
        (given,) = state.elevations("t_1")
        assert (given.left, given.until_ms, given.labels) == (2, 5_000, BOTTOM)
        assert given.steers == {"id": frozenset({"5f"})}
        assert given.sources == ("policy:discount",)
        fine(state, permit("d_1", 0, elevation="e_1", at_ms=3_500))
        fine(state, permit("d_2", 1, elevation="e_1", at_ms=3_500))
        assert add(state, permit("d_3", 2, elevation="e_1", at_ms=3_500)) == ["elevation"]

    def test_the_question_is_answered_by_it(self, state: TaskState) -> None:
        fine(state, started(), requested(), yes("elevated"), elevation())
        assert state.approval("t_1", DIGEST) is None
        found = state.question("a_1")
        assert found is not None
        assert (found[0].state, found[1]) == ("granted", True)

    @pytest.mark.parametrize(
        "changed",
        [{"at_ms": 5_000}, {"elevation": "e_2"}, {"tool": "crm.delete_deal"}],
    )
    def test_no_permit_rests_on_one_that_does_not_hold(
        self, state: TaskState, changed: dict[str, Any]
    ) -> None:
        fine(state, started(), requested(), yes("elevated"), elevation())
        wanted = {"elevation": "e_1", "at_ms": 3_500, **changed}
        assert add(state, permit("d_1", 0, **wanted)) == ["elevation"]
        assert [one.left for one in state.elevations("t_1")] == [2]

    def test_only_an_answer_gives_one_and_not_too_many(self, state: TaskState) -> None:
        fine(state, started(), started("t_2"), requested(), yes("elevated"))
        assert add(state, elevation(approval="a_9"), elevation(task="t_2")) == ["elevation"] * 2
        fine(state, *(elevation(f"e_{n}") for n in range(MAX_ELEVATIONS)))
        assert add(state, elevation("e_99")) == ["elevation"]

    def test_one_can_be_ended(self, state: TaskState) -> None:
        fine(state, started(), requested(), yes("elevated"), elevation())
        fine(state, elevation(phase="ended"))
        assert state.elevations("t_1") == ()
        assert add(state, elevation(phase="ended")) == ["elevation"]


class TestBypasses:
    def test_one_is_known_until_it_is_ended(self, state: TaskState) -> None:
        given: Record = {
            "kind": "bypass",
            "phase": "granted",
            "bypass": "b_1",
            "templates": ["refund"],
            "until_ms": 9_000,
            "at_ms": 1,
            "by": "kim",
        }
        assert state.bypasses() == ()
        fine(state, given)
        assert state.bypasses() == (Bypass("b_1", frozenset({"refund"}), 9_000, given["by"]),)
        fine(state, {**given, "phase": "ended"})
        assert state.bypasses() == ()
        assert add(state, {**given, "phase": "ended"}) == ["bypass"]

    def test_one_ends_with_who_gave_it(self, state: TaskState) -> None:
        given = {
            "kind": "bypass",
            "phase": "granted",
            "templates": ["refund"],
            "until_ms": 9_000,
            "at_ms": 1,
        }
        fine(
            state, {**given, "bypass": "b_1", "by": "kim"}, {**given, "bypass": "b_2", "by": "lee"}
        )
        fine(state, {"kind": "revocation", "what": "user", "id": "kim", "by": "op", "at_ms": 2})
        assert [one.id for one in state.bypasses()] == ["b_2"]


class TestPasskeys:
    def test_a_registered_one_is_its_user_s_until_it_is_removed(self, state: TaskState) -> None:
        fine(state, passkey(), passkey("k_2"))
        assert [one.credential for one in state.passkeys("kim")] == ["k_1", "k_2"]
        known = state.passkey("k_1")
        assert known is not None
        assert (known.user, known.synced, known.sign_count) == ("kim", True, 3)
        fine(state, passkey(phase="removed"))
        assert [one.credential for one in state.passkeys("kim")] == ["k_2"]
        assert add(state, passkey(phase="removed")) == ["passkey"]

    def test_what_a_removed_one_signed_and_was_not_used_is_taken_back(
        self, state: TaskState
    ) -> None:
        proof = {"credential": "k_1", "sign_count": 4}
        bypass = {
            "kind": "bypass", "phase": "granted", "bypass": "b_1", "templates": ["refund"],
            "party": {"who": "desk"}, "until_ms": 9_000, "at_ms": 1, "by": "kim", "proof": proof,
        }  # fmt: skip
        other = {**bypass, "bypass": "b_2", "proof": {"credential": "k_2"}}
        fine(state, started(), passkey(), passkey("k_2"), requested(), yes(proof=proof))
        fine(state, elevation(), bypass, other)
        fine(state, passkey("k_2", phase="removed"))
        assert state.approval("t_1", DIGEST) is not None
        assert [one.id for one in state.bypasses()] == ["b_1"]
        assert state.bypasses()[0].party == Party("desk")
        fine(state, passkey(phase="removed"))
        assert state.approval("t_1", DIGEST) is None
        assert state.elevations("t_1") == ()
        assert state.bypasses() == ()
        assert add(state, permit(approval="a_1")) == ["approval"]

    def test_what_one_signed_that_is_gone_is_not_recorded(self, state: TaskState) -> None:
        proof = {"credential": "k_1", "sign_count": 4}
        fine(state, started(), passkey(), passkey(phase="removed"), requested())
        for phase in ("agreed", "granted"):
            assert add(state, yes(phase, proof=proof)) == ["passkey"]
        assert state.question("a_1") == (state.approval("t_1", DIGEST), False)

    def test_one_belongs_to_one_user_and_nobody_has_too_many(self, state: TaskState) -> None:
        fine(state, *(passkey(f"k_{n}") for n in range(MAX_PASSKEYS)))
        assert add(state, passkey("k_0", user="lee"), passkey("k_99")) == ["passkey"] * 2
        assert add(state, passkey("k_0", phase="removed", user="lee")) == ["passkey"]

    def test_a_signature_counts_it_up_and_never_down(self, state: TaskState) -> None:
        fine(state, started(), passkey(), requested())
        fine(state, yes("agreed", proof={"credential": "k_1", "sign_count": 7}))
        fine(state, yes("granted", by="lee", proof={"credential": "k_1", "sign_count": 5}))
        known = state.passkey("k_1")
        assert known is not None
        assert known.sign_count == 7


def test_all_of_it_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    first = TaskState(path)
    fine(first, started(), requested(parties=DESK), yes("elevated"), elevation(), passkey())
    first.close()
    again = TaskState(path)
    assert [one.id for one in again.elevations("t_1")] == ["e_1"]
    assert again.elevations("t_1")[0].parties == (Party("desk", 2),)
    assert again.passkey("k_1") is not None
    again.close()
