from __future__ import annotations

import pytest

from safeconduct.core.approvers import Template
from safeconduct.core.checks.elevation import TTL_S, elevation
from safeconduct.core.manifest import Threshold
from safeconduct.core.model import ApprovalFacts
from safeconduct.core.verdict import Deny, Elevate, Requirement
from tests.support.facts import OTHER_DIGEST, agent, approval, call, facts, task, tool


def test_an_agent_without_scopes_to_approve_needs_nobody() -> None:
    assert elevation(call(), facts()) is None


def test_a_scope_of_another_tool_needs_nobody_now() -> None:
    careful = agent(approval_scopes=frozenset({"mail:send"}))
    assert elevation(call(), facts(agent=careful)) is None


def test_each_eligible_scope_that_the_call_uses_is_asked_for() -> None:
    careful = agent(approval_scopes=frozenset({"b:write", "a:write", "c:write"}))
    known = facts(agent=careful, tool=tool(scopes=("b:write", "a:write", "d:write")))
    assert TTL_S == 300
    assert elevation(call(), known) == Elevate(
        Requirement(templates=("scope",), sources=("scope:a:write", "scope:b:write"), ttl_s=300)
    )


def test_a_tool_without_a_manifest_uses_no_scope() -> None:
    careful = agent(approval_scopes=frozenset({"deal:update"}))
    assert elevation(call(), facts(agent=careful, tool=tool(manifest=None))) is None


def test_a_no_stands_for_good() -> None:
    said = approval(state="denied", granted_ms=0, sources=())
    assert elevation(call(), facts(approval=said)) == Deny("approval-denied")


@pytest.mark.parametrize(
    "given",
    [approval(), approval(state="pending"), approval(state="denied", digest=OTHER_DIGEST)],
)
def test_a_yes_a_question_or_a_no_to_another_call_is_none(given: ApprovalFacts) -> None:
    assert elevation(call(), facts(approval=given)) is None


def test_what_was_narrowed_is_refused_as_it_was() -> None:
    said = approval(state="narrowed", sources=())
    assert elevation(call(), facts(approval=said)) == Deny("approval-narrowed")


def test_a_threshold_asks_and_a_scope_is_asked_about_by_its_own_name_where_it_has_one() -> None:
    careful = agent(approval_scopes=frozenset({"deal:update"}))
    often = tool(asks=(Threshold(template="often", calls=1),))
    busy = task(counts={"deal:update": 1})
    known = facts(agent=careful, tool=often, task=busy, templates={"deal:update": Template()})
    assert elevation(call(), known) == Elevate(
        Requirement(
            templates=("deal:update", "often"),
            sources=("scope:deal:update", "threshold:often:calls"),
            ttl_s=300,
        )
    )
