"""Decisions that another enforcement point carries out: what is decided here, and remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from safeconduct.config.schema import Config
from safeconduct.core.labels import Confidentiality, Integrity
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.handover import NOT_CARRIED, Handed
from safeconduct.ports import Bearer, LedgerFault, NotRecorded, Refused
from safeconduct.simulation import SimulatedTask
from tests.support.inspecting import inspected
from tests.support.worlds import AGENT, USER, Rules
from tests.unit.test_gateway import records, simulated

CASE = {"name": "crm__get_case", "arguments": {"case_id": "C-1"}}
DEAL = {"name": "crm__update_deal", "arguments": {"id": "D-7", "next_step": "call"}}


@pytest.fixture
async def task(tmp_path: Path) -> AsyncIterator[SimulatedTask]:
    async with simulated(tmp_path, purpose="Triage case C-1 and call about D-7.") as made:
        yield made


def bearer(task: SimulatedTask, **changes: Any) -> Bearer:
    made = Bearer(
        task=task.task,
        tenant="crm.example",
        agent=AGENT,
        user=USER,
        scopes=task.state.scopes,
        expires_ms=task.state.expires_ms,
        jti="",
        key="",
    )
    return msgspec.structs.replace(made, **changes)


async def decide(
    task: SimulatedTask, params: dict[str, Any], *, carries: bool = True
) -> Handed | Refused:
    name = params["name"]
    return await task.rooms.handover.decide(
        bearer(task), "tools/call", None, name, params, lambda _: carries
    )


async def test_a_permit_is_on_record_and_its_outcome_is_that_somebody_else_has_it(
    task: SimulatedTask,
) -> None:
    handed = await decide(task, CASE)
    assert isinstance(handed, Handed)
    (decision,) = records(task, "decision")
    (outcome,) = records(task, "outcome")
    assert (decision["verdict"], decision["tool"]) == ("permit", "crm.get_case")
    assert handed.decision == decision["decision"] == outcome["decision"]
    assert (handed.digest, handed.expires_ms) == (decision["digest"], decision["expires_ms"])
    assert handed.arguments == {"case_id": "C-1"}
    assert handed.obligations == ()
    assert (outcome["status"], outcome["may_have_happened"]) == ("handed-over", True)


async def test_the_task_is_taken_to_have_read_the_worst_that_can_come_back(
    task: SimulatedTask,
) -> None:
    await decide(task, CASE)
    labels = task.state.labels
    assert labels.integrity is Integrity.untrusted
    assert labels.confidentiality is Confidentiality.internal
    assert "pii" in labels.categories
    await decide(task, CASE)
    assert len(records(task, "memory")) == 1
    assert len(records(task, "outcome")) == 2


async def test_what_changes_something_is_handed_over_once(task: SimulatedTask) -> None:
    assert isinstance(await decide(task, DEAL), Handed)
    again = await decide(task, DEAL)
    assert isinstance(again, Refused)
    assert again.code == "outcome-unknown"


async def test_a_refusal_hands_nothing_over(task: SimulatedTask) -> None:
    cast("Rules", task.rooms.policy).answer = PolicyAnswer(deny=("no",))
    refused = await decide(task, CASE)
    assert isinstance(refused, Refused)
    assert refused.code == "policy-denied"
    assert [one["verdict"] for one in records(task, "decision")] == ["deny"]
    assert records(task, "outcome") == []


async def test_an_elevation_names_the_question_and_a_yes_is_good_for_one_call(
    task: SimulatedTask,
) -> None:
    rules = cast("Rules", task.rooms.policy)
    rules.answer = PolicyAnswer(elevate=(PolicyElevate("ask", "ask", 300),))
    refused = await decide(task, CASE)
    assert isinstance(refused, Refused)
    assert refused.code == "approval-required"
    assert refused.approval is not None
    await task.rooms.desk.operate(refused.approval, granted=True, by="uid:0")
    assert isinstance(await decide(task, CASE), Handed)
    again = await decide(task, CASE)
    assert isinstance(again, Refused)
    assert again.code == "approval-required"
    assert again.approval != refused.approval


async def test_all_scopes_that_are_missing_are_named(tmp_path: Path) -> None:
    async with simulated(tmp_path, scopes=["mail:send"]) as task:
        refused = await decide(task, CASE)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.scopes) == ("scope-missing", ("case:read",))


async def test_what_cannot_be_carried_out_elsewhere_is_not_permitted(task: SimulatedTask) -> None:
    config: Config = task.config
    tools = config.manifests["crm"].tools
    tools["get_case"] = msgspec.structs.replace(tools["get_case"], spotlight="delimit")
    handed = await decide(task, CASE)
    assert isinstance(handed, Handed)
    assert [one.__struct_config__.tag for one in handed.obligations] == ["spotlight"]
    refused = await decide(task, CASE, carries=False)
    assert isinstance(refused, Refused)
    assert refused.code == NOT_CARRIED
    outcome = records(task, "outcome")[-1]
    assert (outcome["status"], outcome["may_have_happened"]) == ("refused", False)
    assert outcome["reason"] == NOT_CARRIED


async def test_nothing_is_handed_over_after_a_revocation(task: SimulatedTask) -> None:
    assert task.rooms.handover.lives(bearer(task))
    await task.rooms.revoke("task", task.task, "uid:0")
    refused = await decide(task, CASE)
    assert isinstance(refused, Refused)
    assert refused.code == "task-revoked"
    assert not task.rooms.handover.lives(bearer(task))
    assert records(task, "outcome") == []


async def test_a_revocation_between_record_and_answer_is_seen(
    task: SimulatedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = task.rooms.gateway.judged

    async def judged(*args: Any) -> Any:
        made = await decided(*args)
        await task.rooms.revoke("task", task.task, "uid:0")
        return made

    monkeypatch.setattr(task.rooms.gateway, "judged", judged)
    refused = await decide(task, CASE)
    assert isinstance(refused, Refused)
    assert refused.code == "task-revoked"
    (outcome,) = records(task, "outcome")
    assert (outcome["status"], outcome["reason"]) == ("refused", "task-revoked")


async def test_what_cannot_be_recorded_is_not_handed_over(
    task: SimulatedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = task.rooms.log.append

    async def append(*given: Any) -> int:
        if any(record["kind"] == "outcome" for record in given):
            raise LedgerFault("no space")
        return await written(*given)

    monkeypatch.setattr(task.rooms.log, "append", append)
    with pytest.raises(NotRecorded):
        await decide(task, CASE)


async def test_nobody_else_can_make_tokens(tmp_path: Path) -> None:
    tokens = {"get_case": {"returns": {"tokenise": ["pii"]}}}
    async with inspected(tmp_path, crm=tokens) as task:
        refused = await decide(task, CASE)
        assert isinstance(refused, Refused)
        assert refused.code == NOT_CARRIED
