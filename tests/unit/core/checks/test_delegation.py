from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.checks.delegation import delegation
from safeconduct.core.verdict import Deny
from tests.support.facts import HOUR_MS, NOW_MS, agent, call, gathered, task


def test_a_live_task_of_this_tenant_passes() -> None:
    assert delegation(call(), gathered()) is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"tenant": "other.example"}, "tenant-mismatch"),
        ({"agent": agent(registered=False)}, "agent-unregistered"),
        ({"task": task(state="revoked")}, "task-revoked"),
        ({"task": task(state="ended")}, "task-ended"),
        ({"task": task(expires_ms=NOW_MS)}, "task-ended"),
        ({"task": task(started_ms=NOW_MS + 1)}, "task-ended"),
        ({"token_expires_ms": NOW_MS}, "token-expired"),
    ],
)
def test_what_does_not_hang_on_a_live_task_is_refused(changed: dict[str, Any], code: str) -> None:
    assert delegation(call(), gathered(**changed)) == Deny(code)


def test_a_task_lives_from_its_first_to_its_last_millisecond() -> None:
    assert delegation(call(), gathered(task=task(started_ms=NOW_MS))) is None
    assert delegation(call(), gathered(task=task(expires_ms=NOW_MS + 1))) is None
    assert delegation(call(), gathered(token_expires_ms=NOW_MS + 1)) is None


def test_another_tenant_learns_nothing_of_the_task() -> None:
    gone = task(state="revoked", expires_ms=NOW_MS - HOUR_MS)
    known = gathered(tenant="other.example", task=gone, agent=agent(registered=False))
    assert delegation(call(), known) == Deny("tenant-mismatch")


def test_a_revoked_task_is_revoked_even_after_its_end() -> None:
    gone = task(state="revoked", expires_ms=NOW_MS - HOUR_MS)
    assert delegation(call(), gathered(task=gone)) == Deny("task-revoked")
