from __future__ import annotations

import pytest

from safeconduct.core.checks.content import INSPECTOR
from safeconduct.core.checks.policy import policy
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.verdict import Deny, Elevate, Requirement
from tests.support.facts import call, facts

ASK = PolicyElevate("discount", "offer", 300)


def test_a_rule_that_permits_suffices() -> None:
    assert policy(call(), facts()) is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (PolicyAnswer(), "policy-denied"),
        (PolicyAnswer(deny=("no",)), "policy-denied"),
        (PolicyAnswer(permit=("all",), deny=("no",)), "policy-denied"),
        (PolicyAnswer(permit=("all",), deny=("no",), elevate=(ASK,)), "policy-denied"),
        (PolicyAnswer(error="broken"), "policy-error"),
        (PolicyAnswer(error=""), "policy-error"),
        (PolicyAnswer(permit=("all",), error="broken"), "policy-error"),
    ],
)
def test_silence_a_denial_or_an_error_refuse(said: PolicyAnswer, code: str) -> None:
    assert policy(call(), facts(policy=said)) == Deny(code)


def test_elevate_beats_permit_and_asks_for_all_at_once() -> None:
    said = PolicyAnswer(
        permit=("all",),
        elevate=(
            ASK,
            PolicyElevate("bulk", "many", 60),
            PolicyElevate("amount", "offer", 120),
        ),
    )
    assert policy(call(), facts(policy=said)) == Elevate(
        Requirement(
            templates=("many", "offer"),
            sources=("policy:amount", "policy:bulk", "policy:discount"),
            ttl_s=60,
        )
    )


def test_a_missing_fact_refuses_whatever_the_rules_said() -> None:
    assert policy(call(), facts(failures=("resolver",))) == Deny("facts-unavailable")
    asking = facts(failures=("resolver", INSPECTOR), policy=PolicyAnswer(elevate=(ASK,)))
    assert policy(call(), asking) == Deny("facts-unavailable")


def test_a_failed_inspection_is_refused_by_the_check_of_contents() -> None:
    assert policy(call(), facts(failures=(INSPECTOR,))) is None
