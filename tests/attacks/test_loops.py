"""An agent that tries again and again, through the whole page: stopped, at no cost, and let go on
by nobody but a person.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from safeconduct.app.resuming import NotResumed, resume
from safeconduct.config.schema import Loops
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.simulation import SimulatedTask
from tests.support.parties import profiled
from tests.support.recorded import recorded
from tests.support.worlds import Rules, config

EVE = {"to": "eve@evil.example", "body": "x"}
NO = "destination-not-allowed"
RESOLVERS = {"crm.on_file": lambda: {"emails": ["dana@customer.example"]}}


def task(directory: Path, rules: Rules | None = None, **changed: Any) -> SimulatedTask:
    made = profiled(
        config(directory, approval_scopes=("deal:update",)),
        loops=Loops(same=3, changes=4),
        max_refusals=9,
        **changed,
    )
    purpose = "Triage case C-1 and answer the customer."
    rules = rules or Rules()
    return SimulatedTask(made, purpose, directory=directory, policy=rules, resolvers=RESOLVERS)


def ran(**_: object) -> dict[str, bool]:
    return {"ok": True}


def case(**_: object) -> dict[str, str]:
    return {"id": "C-1"}


async def mails(one: SimulatedTask, **changed: str) -> str | None:
    return (await one.call("mail.send", {**EVE, **changed}, ran)).reason


async def test_the_same_refusal_costs_nothing_from_some_time_on(tmp_path: Path) -> None:
    rules = Rules()
    async with task(tmp_path, rules) as one:
        assert [await mails(one) for _ in range(3)] == [NO] * 3
        asked = len(rules.asked)
        assert [await mails(one) for _ in range(3)] == ["loop-stopped"] * 3
        assert len(rules.asked) == asked


async def test_variations_are_the_same_again_and_other_tools_go_on(tmp_path: Path) -> None:
    async with task(tmp_path) as one:
        for name in "abc":
            assert await mails(one, to=f"{name}@evil.example") == NO
        assert await mails(one, to="d@evil.example") == "loop-stopped"
        assert (await one.call("crm.get_case", {"case_id": "C-1"}, case)).verdict == "done"


async def test_one_that_does_not_stop_is_held_until_an_operator_has_looked(tmp_path: Path) -> None:
    async with task(tmp_path) as one:
        assert [await mails(one) for _ in range(9)] == [NO] * 3 + ["loop-stopped"] * 6
        assert await mails(one) == "refusals-exhausted"
        step = await one.call("crm.get_case", {"case_id": "C-1"}, case)
        assert step.reason == "refusals-exhausted"
        asked = {"task": one.task, "why": "talked to Jane"}
        assert await resume(one.rooms, {"verb": "resume", **asked}, "uid:7") == {
            "resumed": one.task
        }
        assert (await one.call("crm.get_case", {"case_id": "C-1"}, case)).verdict == "done"
        assert await mails(one) == NO  # what was refused is not permitted by that


async def test_what_the_first_checks_refuse_ends_as_any_refusal_does(tmp_path: Path) -> None:
    async with task(tmp_path) as one:
        called = [
            (await one.call("crm.list_customers", {"page": 1}, case)).reason for _ in range(11)
        ]
        assert (
            called == ["arguments-invalid"] * 3 + ["loop-stopped"] * 6 + ["refusals-exhausted"] * 2
        )
        log = tmp_path / one.config.root.audit.directory
        written = [record["reason"] for record in recorded(log, "decision")]
        assert written == called
        assert (await one.call("crm.get_case", {"case_id": "C-1"}, case)).reason == (
            "refusals-exhausted"
        )


async def test_who_asks_for_what_is_not_there_is_stopped_as_well(tmp_path: Path) -> None:
    async with task(tmp_path) as one:
        called = [(await one.call(f"crm.no_{at}", {}, ran)).reason for at in range(11)]
        assert called == ["tool-unknown"] * 9 + ["refusals-exhausted"] * 2


async def test_what_is_asked_for_at_once_is_counted_as_well(tmp_path: Path) -> None:
    async with task(tmp_path) as one:
        asked = [one.call("crm.list_customers", {"page": 1}, case) for _ in range(12)]
        said = Counter([step.reason for step in await asyncio.gather(*asked)])
        assert said == {"arguments-invalid": 3, "loop-stopped": 6, "refusals-exhausted": 3}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "no resumption"),
        ({"task": "t_1", "why": ""}, "no resumption"),
        ({"task": "t_1", "why": "so", "calls": 3}, "no resumption"),
        ({"task": "t_1", "why": "so"}, "no such task"),
    ],
)
async def test_a_resumption_names_a_task_that_runs_and_says_why(
    tmp_path: Path, asked: dict[str, object], words: str
) -> None:
    async with task(tmp_path) as one:
        with pytest.raises(NotResumed, match=words):
            await resume(one.rooms, asked, "uid:7")


async def test_polling_for_a_person_s_yes_is_no_loop(tmp_path: Path) -> None:
    rules = Rules(PolicyAnswer(elevate=(PolicyElevate("ask", "ask", 300),)))
    async with task(tmp_path, rules) as one:
        for _ in range(12):
            step = await one.call("crm.get_case", {"case_id": "C-1"}, case)
            assert step.reason == "approval-required"
        rules.answer = PolicyAnswer(permit=("all",))
        assert (await one.call("crm.get_case", {"case_id": "C-1"}, case)).verdict == "done"


async def test_waiting_for_what_passes_is_no_loop(tmp_path: Path) -> None:
    rules = Rules(PolicyAnswer(error="the engine is away"))
    async with task(tmp_path, rules) as one:
        for _ in range(6):
            step = await one.call("crm.get_case", {"case_id": "C-1"}, case)
            assert step.reason == "policy-error"
        rules.answer = PolicyAnswer(permit=("all",))
        assert (await one.call("crm.get_case", {"case_id": "C-1"}, case)).verdict == "done"


async def test_what_is_not_there_and_what_is_kept_from_a_task_stay_alike(tmp_path: Path) -> None:
    made = profiled(config(tmp_path), loops=Loops(same=2), max_refusals=99)
    purpose, scopes = "Triage case C-1.", ["case:read"]
    async with SimulatedTask(
        made, purpose, directory=tmp_path, policy=Rules(), scopes=scopes, resolvers=RESOLVERS
    ) as one:
        for tool in ("crm.no_such_tool", "crm.nor_this"):
            for _ in range(4):
                assert (await one.call(tool, {}, ran)).reason == "tool-unknown"


async def test_the_same_change_is_made_so_often_and_another_still_is(tmp_path: Path) -> None:
    async with task(tmp_path) as one:
        dana = {"to": "dana@customer.example"}
        assert [await mails(one, **dana) for _ in range(4)] == [None] * 4
        assert await mails(one, **dana) == "loop-stopped"
        assert await mails(one, **dana, body="Another.") is None
