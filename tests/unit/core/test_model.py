from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.labels import BOTTOM, WORST, Label
from safeconduct.core.manifest import Effect
from safeconduct.core.model import (
    AgentFacts,
    ApprovalFacts,
    Facts,
    Gathered,
    PinState,
    TaskFacts,
    UserFacts,
    standing,
)
from safeconduct.core.policy import PolicyAnswer
from tests.support.facts import DIGEST, TRUSTED, call, tool

NOW_MS = 1_000_000


def approval(**parts: Any) -> ApprovalFacts:
    values: dict[str, Any] = {
        "id": "a-1",
        "digest": DIGEST,
        "state": "granted",
        "granted_ms": NOW_MS - 1,
        "ttl_s": 300,
        "labels": TRUSTED,
    }
    return ApprovalFacts(**(values | parts))


def facts(approval: ApprovalFacts | None, labels: Label = BOTTOM) -> Facts:
    task = TaskFacts(
        id="t-1",
        tenant="crm.example",
        profile="triage",
        purpose="Answer case C-1.",
        purpose_source="user",
        scopes=frozenset(),
        obtainable=frozenset(),
        budgets={},
        max_refusals=20,
        started_ms=0,
        expires_ms=NOW_MS * 2,
        version=0,
        labels=labels,
    )
    agent = AgentFacts(id="agent", registered=True, tier=2, zone="office", attested_ms=0)
    gathered = Gathered(
        now_ms=NOW_MS,
        tenant="crm.example",
        agent=agent,
        user=UserFacts(id="jane"),
        task=task,
        zone=None,
        tool=tool(),
        token_expires_ms=NOW_MS * 2,
    )
    return Facts(gathered=gathered, policy=PolicyAnswer(), approval=approval)


@pytest.mark.parametrize(
    ("age_ms", "fresh"), [(-1, False), (0, True), (299_999, True), (300_000, False)]
)
def test_a_yes_lasts_its_seconds_and_is_never_from_the_future(age_ms: int, *, fresh: bool) -> None:
    assert approval(granted_ms=NOW_MS - age_ms).fresh(NOW_MS) is fresh


@pytest.mark.parametrize("state", ["pending", "denied"])
def test_what_is_not_a_yes_is_never_fresh(state: str) -> None:
    assert not approval(state=state).fresh(NOW_MS)


def test_an_approval_of_exactly_this_call_stands() -> None:
    given = approval()
    assert standing(call(), facts(given)) is given
    assert standing(call(), facts(given, TRUSTED)) is given


@pytest.mark.parametrize(
    "given",
    [
        None,
        approval(digest="sha256:" + "f" * 64),
        approval(granted_ms=0, ttl_s=1),
        approval(state="pending"),
    ],
)
def test_no_other_approval_stands(given: ApprovalFacts | None) -> None:
    assert standing(call(), facts(given)) is None


def test_labels_that_rose_since_the_person_looked_make_it_another_question() -> None:
    assert standing(call(), facts(approval(), WORST)) is None


@pytest.mark.parametrize(
    ("pin", "effect"),
    [("reviewed", Effect.read), ("unreviewed", Effect.execute), ("changed", Effect.execute)],
)
def test_only_a_reviewed_definition_is_believed_to_read(pin: PinState, effect: Effect) -> None:
    assert tool(pin=pin, effect=Effect.read).effect is effect


def test_a_tool_that_does_not_exist_counts_as_the_worst() -> None:
    assert tool(manifest=None).effect is Effect.execute
