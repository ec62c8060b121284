from __future__ import annotations

import json

import pytest

from safeconduct.delegation.details import Details, budgets, parse
from safeconduct.ports import TokenRefused

SCOPES = frozenset({"ticket:create", "case:read"})


def error(text: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        parse(text)
    return refused.value.error


def details(**members: object) -> Details:
    return parse(json.dumps([{"type": "safeconduct_task", **members}]))


def test_they_are_read() -> None:
    read = details(purpose="Plan it", case="C-1", counts={"ticket:create": 14})
    assert (read.purpose, read.case, read.counts) == ("Plan it", "C-1", {"ticket:create": 14})
    assert (details().purpose, details().case, details().counts) == (None, None, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '[{"type": "payment"}]',
        '[{"type": "safeconduct_task"}, {"type": "safeconduct_task"}]',
        '[{"type": "safeconduct_task", "actions": ["read"]}]',
        '[{"type": "safeconduct_task", "counts": {"a": -1}}]',
        '[{"type": "safeconduct_task", "counts": {"a": 1.5}}]',
        '[{"type": "safeconduct_task", "counts": {"a": 1, "a": 2}}]',
        '[{"type": "safeconduct_task", "case": "two words"}]',
        '[{"type": "safeconduct_task", "case": "C-1\\n"}]',
        '[{"type": "safeconduct_task", "case": ""}]',
        "[" * 9 + "]" * 9,
        '[{"type": "safeconduct_task", "case": "' + "x" * 9000 + '"}]',
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    assert error(text) == "invalid_authorization_details"


def test_a_count_is_a_budget_and_never_above_the_profile_s() -> None:
    profile = {"calls": 20, "case:read": 5}
    assert budgets(None, profile, SCOPES) == profile
    assert budgets(details(), profile, SCOPES) == profile
    wanted = details(counts={"ticket:create": 14, "case:read": 9, "calls": 3})
    assert budgets(wanted, profile, SCOPES) == {"ticket:create": 14, "case:read": 5, "calls": 3}


def test_a_count_of_what_was_not_granted_is_refused() -> None:
    with pytest.raises(TokenRefused) as refused:
        budgets(details(counts={"mail:send": 1}), {}, SCOPES)
    assert refused.value.error == "invalid_authorization_details"


def test_what_was_granted_is_told() -> None:
    wanted = details(case="C-1", counts={"ticket:create": 14, "calls": 99})
    assert wanted.granted({"calls": 20, "ticket:create": 14, "other": 1}) == [
        {"type": "safeconduct_task", "case": "C-1", "counts": {"calls": 20, "ticket:create": 14}}
    ]
    assert details(purpose="Look").granted({}) == [{"type": "safeconduct_task"}]
