"""Limits on amounts and objects count what calls say."""

import pytest

from tests.support.configs import Gateway

BUDGETS = "    budgets: {calls: 60, mail:send: 2}\n"


def limit(gateway: Gateway, limits: str) -> None:
    gateway.change("safeconduct.yaml", BUDGETS, f"{BUDGETS}{limits}\n")


def test_limits_on_what_calls_say_are_sound(gateway: Gateway) -> None:
    gateway.change("manifests/mail.yaml", "      to: {role: recipient}", "      to: {role: amount}")
    limit(
        gateway,
        "    amounts: {mail:send: 100}\n    objects: {case:read: 3}\n"
        "    window: {seconds: 60, amounts: {mail:send: 1}, objects: {case:read: 1}}",
    )
    assert [one for one in gateway.problems if "limit" in one.sentence] == []


@pytest.mark.parametrize(
    ("limits", "roles"),
    [
        ("    amounts: {case:read: 100} # here", "amount"),
        ("    window: {seconds: 60, amounts: {mail:send: 1}} # here", "amount"),
    ],
)
def test_a_limit_that_nothing_counts_against_is_refused(
    gateway: Gateway, limits: str, roles: str
) -> None:
    limit(gateway, limits)
    problem = gateway.expect("says what counts against this limit")
    assert problem.fix == f"give an argument of one the role {roles}"


def test_a_limit_on_objects_that_no_tool_names_is_refused(gateway: Gateway) -> None:
    gateway.change(
        "manifests/mail.yaml", "      to: {role: recipient}", "      to: {role: content}"
    )
    gateway.change(
        "manifests/mail.yaml", "      allow:\n        recipients: {resolver: customers}", ""
    )
    limit(gateway, "    objects: {mail:send: 1} # here")
    problem = gateway.expect("says what counts against this limit")
    assert "object-id or path or recipient" in problem.fix


def test_a_payment_of_no_amount_would_always_be_refused(gateway: Gateway) -> None:
    gateway.change(
        "manifests/mail.yaml", "      body: {role: content}", "      body: {role: amount}"
    )
    gateway.add(
        "manifests/mail.yaml",
        "  stamp: {effect: pay, scopes: [mail:send]}\n"
        "  look: {effect: read, scopes: [mail:send]}\n",
    )
    limit(gateway, "    amounts: {mail:send: 100} # here")
    gateway.expect("`mail.stamp` pays and says no amount")


@pytest.mark.parametrize("key", ["amounts", "objects"])
def test_a_limit_names_a_scope(gateway: Gateway, key: str) -> None:
    limit(gateway, f"    {key}: {{calls: 3}} # here")
    assert "the scope `calls` is not registered" in [one.sentence for one in gateway.problems]
