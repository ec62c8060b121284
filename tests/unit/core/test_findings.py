from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.findings import (
    among,
    beginnings,
    family,
    kinds_of,
    refusal,
    steers,
    tainted,
    without_own,
)
from safeconduct.core.labels import BOTTOM, Integrity, Label
from safeconduct.core.model import Finding
from safeconduct.core.provenance import Origin


def found(*names: str) -> list[Finding]:
    return [Finding(name, ("text",), 0, 4) for name in names]


def test_a_kind_has_a_family_and_is_named_by_either() -> None:
    assert family("pii.email") == "pii"
    assert among("pii.email", ["pii"])
    assert among("pii.email", ["pii.email"])
    assert not among("pii.email", ["pii.card", "email"])
    assert beginnings(["pii", "pricing.list"]) == ("pii.", "pricing.list")
    assert kinds_of(found("b.x", "a.x", "b.x")) == ["a.x", "b.x"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), None),
        (("pii.email",), None),
        (("pii.email", "pricing.list"), "content-category"),
        (("pricing.list", "secret.aws"), "content-secret"),
    ],
)
def test_what_goes_to_no_tool_or_not_to_this(names: tuple[str, ...], expected: str | None) -> None:
    assert refusal(found(*names), ["pricing"]) == expected


def test_what_speaks_to_the_agent_or_hides_from_a_person_is_not_trusted() -> None:
    assert steers(found("instruction.model"))
    assert steers(found("document.hidden"))
    assert not steers(found("document.unreadable", "pii.email"))
    assert tainted([]) == BOTTOM
    assert tainted(found("pii.email")) == Label(categories=frozenset({"pii"}))
    assert tainted(found("document.hidden")).integrity is Integrity.untrusted


@pytest.mark.parametrize(
    ("name", "place", "kept"),
    [
        ("secret.password", "user-request", False),
        ("secret.generic", "app-request", False),
        ("secret.github", "user-request", True),
        ("pii.email", "user-request", True),
        ("secret.password", "agent-request", True),
        ("secret.password", "named-field", True),
        ("secret.password", "seen", True),
    ],
)
def test_the_password_that_the_request_names_is_no_leak(name: str, place: Any, kept: bool) -> None:
    seen = {"text": (Origin(place),)}
    assert bool(without_own(found(name), seen)) is kept
    assert without_own(found(name), {"other": (Origin("user-request"),)})
    assert without_own([Finding(name, (), 0, 4)], seen)
