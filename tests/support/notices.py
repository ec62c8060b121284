"""A notice, and somebody who is told."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from safeconduct.approvals.notifying.notice import Notice
from safeconduct.approvals.notifying.notifier import To
from tests.support.facts import NOW_MS

NOTICE: Final = Notice(
    approval="a_0123456789abcdef01234567",
    title="Refund a customer",
    tool="crm.refund",
    agent="spiffe://crm.example/copilot",
    user="jane@crm.example",
    tenant="crm.example",
    parties=("desk",),
    asked_ms=NOW_MS,
    expires_ms=NOW_MS + 300_000,
    link="https://console.example/approvals/a_0123456789abcdef01234567",
)
KIM: Final = To("kim", "kim@crm.example")


def notice(**changed: Any) -> Notice:
    return replace(NOTICE, **changed)
