from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.checks.content import INSPECTOR
from safeconduct.core.checks.policy import UNMET, lacking, policy
from safeconduct.core.model import Facts
from safeconduct.core.obligations import Constant, Constrain, Demands, Setting
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.verdict import Deny, Elevate, Requirement
from tests.support.facts import ASKED_USER, call, facts, tool

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
            parties=ASKED_USER,
        )
    )


def test_a_missing_fact_refuses_whatever_the_rules_said() -> None:
    assert policy(call(), facts(failures=("resolver",))) == Deny("facts-unavailable")
    asking = facts(failures=("resolver", INSPECTOR), policy=PolicyAnswer(elevate=(ASK,)))
    assert policy(call(), asking) == Deny("facts-unavailable")


def test_a_failed_inspection_is_refused_by_the_check_of_contents() -> None:
    assert policy(call(), facts(failures=(INSPECTOR,))) is None


OWN = Demands(constrain=(Constrain(("account",), "task.tenant"),))
LACKING = (Setting(("account",), "crm.example"),)


def obliged(demands: Demands = OWN, **said: Any) -> Facts:
    known: dict[str, Any] = {"permit": ("all",), **said}
    return facts(policy=PolicyAnswer(**known, demands=demands))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("task.tenant", "crm.example"),
        ("user.id", "jane@crm.example"),
        ("agent.id", "spiffe://crm.example/agents/copilot"),
        (Constant("x"), "x"),
        (Constant(7), 7),
        (Constant(False), False),
    ],
)
def test_an_argument_has_the_value_that_a_rule_demands(source: Any, value: Any) -> None:
    known = obliged(Demands(constrain=(Constrain(("account",), source),)))
    assert policy(call({"account": value}), known) is None
    assert policy(call({"account": "other"}), known) == Deny(UNMET)
    assert lacking(call({}), known) == (Setting(("account",), value),)


def test_a_value_that_is_absent_refuses_too_and_is_what_is_lacking() -> None:
    assert policy(call({}), obliged()) == Deny(UNMET)
    assert lacking(call({}), obliged()) == LACKING
    assert lacking(call({"account": "other.example"}), obliged()) is None


def test_it_holds_before_a_person_is_asked_and_after_what_the_rules_refuse() -> None:
    assert policy(call({}), obliged(elevate=(ASK,))) == Deny(UNMET)
    assert isinstance(policy(call({"account": "crm.example"}), obliged(elevate=(ASK,))), Elevate)
    assert policy(call({}), obliged(deny=("no",))) == Deny("policy-denied")
    assert policy(call({}), obliged(permit=())) == Deny("policy-denied")


def test_an_argument_that_the_tool_does_not_declare_cannot_be_had() -> None:
    foreign = Demands(constrain=(Constrain(("tenant_id",), "task.tenant"),))
    assert lacking(call({}), obliged(foreign)) is None
    assert lacking(call({"tenant_id": "crm.example"}), obliged(foreign)) is None
    no_manifest = facts(policy=PolicyAnswer(permit=("all",), demands=OWN), tool=tool(manifest=None))
    assert lacking(call({}), no_manifest) is None


def test_a_reply_belongs_to_a_call_that_was_constrained() -> None:
    known = facts(policy=PolicyAnswer(permit=("all",), demands=OWN), reply=True)
    assert policy(call({}), known) is None
