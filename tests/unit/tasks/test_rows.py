from __future__ import annotations

from typing import Any

import msgspec
import pytest

from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label
from safeconduct.core.model import AgentFacts, ApprovalFacts, UserFacts
from safeconduct.core.record import label_value
from safeconduct.tasks.rows import (
    ApprovalRow,
    LabelRow,
    OpenCall,
    StartRow,
    TaskRow,
    approval_row,
    label_of,
    start_row,
)
from tests.support.tasks import AGENT, DIGEST, requested, started

FULL = Label(
    integrity=Integrity.endorsed,
    confidentiality=Confidentiality.restricted,
    categories=frozenset({"pii"}),
    readers=frozenset({"sales"}),
    tenants=frozenset({"crm.example"}),
    regions=frozenset({"eu"}),
)


@pytest.mark.parametrize("label", [BOTTOM, FULL, Label(readers=frozenset())])
def test_a_label_comes_back_from_a_record_as_it_was(label: Label) -> None:
    assert label_of(label_value(label)) == label


def test_the_start_of_a_task_holds_what_was_fixed_then() -> None:
    assert start_row(started()) == StartRow(
        tenant="crm.example",
        profile="triage",
        purpose="Triage case C-1.",
        purpose_source="user",
        scopes=frozenset({"case:read"}),
        obtainable=frozenset({"case:read", "deal:update"}),
        budgets={"calls": 3},
        max_refusals=2,
        started_ms=1_000,
        expires_ms=9_000,
        agent=AgentFacts(
            id=AGENT,
            registered=True,
            tier=2,
            zone="office",
            attested_ms=500,
            stateless=False,
            approval_scopes=frozenset({"deal:update"}),
        ),
        user=UserFacts(
            id="jane@crm.example",
            kind="workflow",
            groups=("sales",),
            acr="mfa",
            amr=("otp",),
            auth_time_s=1,
            signed_in_ms=1_000,
            device=("managed",),
        ),
        memory=f"crm.example {AGENT}",
        purse=f"crm.example {AGENT} jane@crm.example triage",
    )


def test_an_agent_that_forgets_has_its_memory_in_the_task() -> None:
    assert start_row(started("t_9", stateless=True)).memory == "t_9"


def test_a_question_is_pending_until_it_is_answered() -> None:
    assert approval_row(requested()) == ApprovalRow(
        ApprovalFacts(
            id="a_1",
            digest=DIGEST,
            state="pending",
            requested_ms=2_000,
            ttl_s=120,
            sources=("policy:discount",),
        ),
        "t_1",
        until_ms=122_000,
    )


@pytest.mark.parametrize(
    "row",
    [
        start_row(started()),
        TaskRow(version=3, counts={"calls": 2}, refusals=1, state="revoked"),
        LabelRow(FULL, 2),
        approval_row(requested()),
        OpenCall("t_1", DIGEST, "crm.get_case", changes_state=True),
    ],
)
def test_a_row_comes_back_from_the_file_as_it_was(row: Any) -> None:
    assert msgspec.json.decode(msgspec.json.encode(row), type=type(row)) == row
