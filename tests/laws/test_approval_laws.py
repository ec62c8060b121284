"""What holds of every yes: it lifts no refusal, is used up exactly, and less stays less."""

from __future__ import annotations

import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.core.approvers import MAX_APPROVERS, Party
from safeconduct.core.decide import decide
from safeconduct.core.elevation import Bypass, Elevation
from safeconduct.core.elevations import steering
from safeconduct.core.labels import BOTTOM, Label
from safeconduct.core.model import ApprovalFacts, Call, Facts
from safeconduct.core.narrowing import narrower
from safeconduct.core.provenance import normalise
from safeconduct.core.verdict import Deny, Elevate, Permit, Verdict
from safeconduct.tasks.state import TaskState
from tests.support.facts import manifest
from tests.support.strategies import anything, wide_labels
from tests.support.tasks import Record, answered, memory, permit, requested, revoked, started

Situation = tuple[Call, Facts]

EVERYBODY: Final = tuple(
    Party(who, MAX_APPROVERS, "device-bound") for who in ("user", "desk", "law")
)


def asked_for(call: Call, facts: Facts) -> tuple[str, ...]:
    """All that the call would have to be approved for."""
    said = [one.said for one in decide(call, bare(facts)).answers]
    return tuple(
        sorted(
            {name for one in said if isinstance(one, Elevate) for name in one.requirement.sources}
        )
    )


def bare(facts: Facts) -> Facts:
    """The same without anything that a person agreed to."""
    return replace(facts, approval=None, elevations=(), bypasses=())


def generous(call: Call, facts: Facts, labels: Label) -> Facts:
    """The same with all that persons could have agreed to, and more than they were asked."""
    sources, tool = asked_for(call, facts), facts.gathered.tool.manifest
    steers, most = ({}, {}) if tool is None else steering(call.arguments, tool)
    now_ms, shown = facts.gathered.now_ms, facts.gathered.task.labels.join(labels)
    yes = ApprovalFacts(
        id="a_1", digest=call.digest, state="granted", requested_ms=now_ms, granted_ms=now_ms,
        sources=sources, labels=shown, parties=EVERYBODY,
    )  # fmt: skip
    more = Elevation(
        id="e_1", tool=call.target, sources=sources, parties=EVERYBODY, left=9, labels=shown,
        until_ms=now_ms + 1, steers=steers, most=most,
    )  # fmt: skip
    names = frozenset({"refund", "scope", "control-argument", "discount"})
    bypasses = tuple(Bypass(f"b_{one.who}", names, now_ms + 1, party=one) for one in EVERYBODY)
    return replace(
        facts, approval=yes, elevations=(more, replace(more, open=True)), bypasses=bypasses
    )


def verdict(situation: Situation) -> Verdict:
    return decide(*situation).verdict


@settings(max_examples=400)
@given(anything, wide_labels)
def test_no_yes_lifts_a_refusal(situation: Situation, labels: Label) -> None:
    call, facts = situation
    before, after = verdict((call, bare(facts))), verdict((call, generous(call, facts, labels)))
    if isinstance(before, Deny):
        assert isinstance(after, Deny)
    if isinstance(before, Permit):
        assert isinstance(after, Permit)
        assert (after.grant.elevation, after.grant.bypass) == (None, None)


@settings(max_examples=300)
@given(anything, wide_labels)
def test_a_yes_permits_what_was_asked_and_nothing_that_asks_for_more(
    situation: Situation, labels: Label
) -> None:
    call, facts = situation
    facts = generous(call, facts, labels)
    assert facts.approval is not None
    if not isinstance(verdict((call, bare(facts))), Elevate):
        return
    permitted = verdict((call, replace(facts, elevations=(), bypasses=())))
    assert isinstance(permitted, Permit)
    assert permitted.grant.approval == "a_1"
    fewer = facts.approval.sources[1:]
    less = [
        replace(facts.approval, sources=fewer),
        replace(facts.approval, digest="sha256:" + "f" * 64),
        replace(facts.approval, parties=()),
        replace(facts.approval, state="pending"),
        replace(facts.approval, granted_ms=facts.gathered.now_ms + 1),
        replace(facts.approval, ttl_s=0),
    ]
    for one in less:
        changed = replace(facts, approval=one, elevations=(), bypasses=())
        assert not isinstance(verdict((call, changed)), Permit), one
    for spent in (
        {"left": 0},
        {"until_ms": 0},
        {"tool": "x.y"},
        {"sources": fewer},
        {"parties": ()},
    ):
        rows = tuple(replace(one, **cast("Any", spent)) for one in facts.elevations)
        changed = replace(bare(facts), elevations=rows)
        assert not isinstance(verdict((call, changed)), Permit), spent


def test_the_laws_look_at_calls_that_a_yes_permits() -> None:
    seen: Counter[str] = Counter()

    @settings(derandomize=True, database=None, max_examples=400, phases=(Phase.generate,))
    @given(anything)
    def look(situation: Situation) -> None:
        call, facts = situation
        if isinstance(verdict((call, bare(facts))), Elevate):
            seen["asked"] += 1
            one = replace(generous(call, facts, BOTTOM), approval=None, bypasses=())
            seen["elevated"] += isinstance(verdict((call, one)), Permit)

    look()
    assert seen["asked"] > 10
    assert seen["elevated"] > 5


# --- what is used up ------------------------------------------------------------------------------

CALLS: Final = 3
GIVEN: Final = {
    "kind": "elevation", "phase": "granted", "elevation": "e_1", "approval": "a_2", "task": "t_1",
    "tool": "crm.update_deal", "calls": CALLS, "until_ms": 5_000, "at_ms": 3_000, "by": "jane",
    "open": False, "steers": {}, "most": {},
}  # fmt: skip
OTHER: Final = "sha256:" + "2" * 64

NAMES: Final = (*["approval"] * 2, *["elevation"] * 6, "end", "revoke", "taint", "late")
attempts = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        # How old what was read is, and whether the log took the group.
        st.sampled_from((0, 0, 0, 1)),
        st.sampled_from((True, True, True, False)),
    ),
    max_size=24,
)


@settings(max_examples=150, deadline=None)
@given(attempts)
def test_each_yes_is_used_as_often_as_it_was_given(tried: list[tuple[str, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        state = TaskState(Path(scratch) / "state.sqlite3")
        try:
            _use(state, tried)
        finally:
            state.close()


def _use(state: TaskState, tried: list[tuple[str, int, bool]]) -> None:
    """Records of several callers, in whatever order the log gets them."""
    begun = started(budgets={"calls": 99})
    second = requested("a_2", digest=OTHER)
    for record in (begun, requested(), second, answered(), answered("a_2", "elevated"), GIVEN):
        assert _added(state, record, kept=True), record
    used: Counter[str] = Counter()
    ended = False
    for number, (what, behind, kept) in enumerate(tried):
        task = state.task("t_1")
        assert task is not None
        version = max(0, task.version - behind)
        record = _attempt(what, f"d_{number}", version)
        # What the log did not take has used up nothing.
        if not _added(state, record, kept=kept) or not kept:
            continue
        if what in ("approval", "elevation"):
            assert not ended or what == "approval"
            assert version == task.version, "nothing rests on what has moved on"
            used[what] += 1
        ended |= what in ("end", "revoke")
    assert used["approval"] <= 1
    assert used["elevation"] <= CALLS
    left = sum(one.left for one in state.elevations("t_1"))
    assert left == (0 if ended else CALLS - used["elevation"])


def _attempt(what: str, decision: str, version: int) -> Record:
    match what:
        case "approval":
            return permit(decision, version, approval="a_1", at_ms=3_500, labels=memory()["labels"])
        case "elevation":
            return permit(decision, version, elevation="e_1", at_ms=3_500, digest=decision)
        case "late":
            return permit(decision, version, elevation="e_1", at_ms=5_000, digest=decision)
        case "end":
            return {**GIVEN, "phase": "ended"}
        case "revoke":
            return revoked("user", "jane")
        case _:
            return memory(at_ms=3_200)


def _added(state: TaskState, record: Record, *, kept: bool) -> bool:
    state.begin()
    refused = state.apply(state.applied(), record, replay=False)
    if refused is None and kept:
        state.commit()
    else:
        state.rollback()
    return refused is None


# --- less -----------------------------------------------------------------------------------------

amounts = st.one_of(
    st.integers(-600, 600),
    st.decimals(-600, 600, places=2, allow_nan=False).map(float),
    st.sampled_from(("500", "499.5", "5e2", "", "x", None, True, "-3")),
)
people = st.lists(st.sampled_from(("a@x", "b@x", "c@x", "A@x")), max_size=5)
calls = st.fixed_dictionaries(
    {"id": st.sampled_from(("D-7", "D-8")), "amount_minor": amounts, "to": people},
    optional={"next_step": st.sampled_from(("go", "stay"))},
)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Record, Record, Record]:
    """Three calls, of which each is mostly made from the one before by taking something away."""
    found: list[Record] = [draw(calls)]
    for _ in range(2):
        before = found[-1]
        less: Record = dict(before)
        if draw(st.booleans()):
            less["amount_minor"] = draw(amounts)
        if draw(st.booleans()):
            kept = draw(st.lists(st.booleans(), min_size=5, max_size=5))
            given: list[str] = before["to"]
            less["to"] = [one for one, keep in zip(given, kept, strict=False) if keep]
        found.append(draw(st.sampled_from((less, less, less, draw(calls)))))
    return found[0], found[1], found[2]


@settings(max_examples=600)
@given(chains())
def test_less_of_less_is_less(chain: tuple[Record, Record, Record]) -> None:
    first, second, third = chain
    known = manifest()
    if narrower(first, second, known) and narrower(second, third, known):
        assert narrower(first, third, known)


@settings(max_examples=600)
@given(chains())
def test_less_never_raises_an_amount_nor_reaches_somebody_else(
    chain: tuple[Record, Record, Record],
) -> None:
    first, second, _ = chain
    if not narrower(first, second, manifest()):
        return
    assert not narrower(second, first, manifest())
    assert first.keys() == second.keys()
    assert (first["id"], first.get("next_step")) == (second["id"], second.get("next_step"))
    assert not Counter(second["to"]) - Counter(first["to"])
    asked, left = (normalise(one["amount_minor"], "amount") for one in (first, second))
    if first["amount_minor"] != second["amount_minor"]:
        assert asked is not None
        assert left is not None
        assert abs(Decimal(left)) <= abs(Decimal(asked))
        assert Decimal(left) * Decimal(asked) >= 0
