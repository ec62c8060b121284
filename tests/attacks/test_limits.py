"""One amount in several calls, many objects one by one, calls at once: limits hold."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from safeconduct.config.schema import Window
from safeconduct.simulation import SimulatedTask
from tests.support.parties import configuration, profiled
from tests.support.tasks import child
from tests.support.worlds import AGENT, Rules, asking, config

READ = "case:read"
CHANGE = "deal:update"
PURPOSE = "Set deal D-7 to 60, then to 40 and to 1, read cases C-1, C-2 and C-3."


def deal(**_: Any) -> dict[str, int]:
    return {"amount_minor": 100}


def limited(directory: Path, **limits: Any) -> SimulatedTask:
    config = configuration(directory)
    return SimulatedTask(
        profiled(config, **limits),
        PURPOSE,
        [READ, CHANGE],
        approver="always-yes",
        policy=Rules(),
        resolvers={"crm.get_deal": deal},
        directory=directory / "gateway",
    )


async def moved(task: SimulatedTask, units: object) -> str | None:
    arguments = {"id": "D-7", "amount_minor": units}
    return (await task.call("crm.update_deal", arguments, lambda **_: {})).reason


async def read(task: SimulatedTask, case: object) -> str | None:
    return (await task.call("crm.get_case", {"case_id": case}, lambda **_: {})).reason


async def test_an_amount_in_parts_is_the_whole(tmp_path: Path) -> None:
    async with limited(tmp_path, amounts={CHANGE: 100}) as task:
        assert await moved(task, 60) is None
        assert await moved(task, -60) == "amount-exhausted"
        assert await moved(task, 40) is None
        assert await moved(task, 1) == "amount-exhausted"
        # One refusal blocks nothing else.
        assert await read(task, "C-1") is None


async def test_a_fresh_task_sheds_no_limit(tmp_path: Path) -> None:
    window = Window(seconds=3600, amounts={CHANGE: 60}, objects={READ: 1})
    async with limited(tmp_path, window=window) as task:
        assert await moved(task, 60) is None
        assert await read(task, "C-1") is None
        await task.begin()
        assert await moved(task, 1) == "amount-exhausted"
        assert await read(task, "C-1") is None
        assert await read(task, "C-2") == "objects-exhausted"


async def test_objects_one_by_one_are_as_many_as_at_once(tmp_path: Path) -> None:
    async with limited(tmp_path, objects={READ: 2}) as task:
        assert await read(task, "C-1") is None
        assert await read(task, "C-2") is None
        assert await read(task, "C-3") == "objects-exhausted"
        assert await read(task, "C-1") is None
        assert [len(reach.touched) for reach in task.state.reaches[READ]] == [2]


async def test_calls_at_once_never_both_take_the_last(tmp_path: Path) -> None:
    async with limited(tmp_path, objects={READ: 2}) as task:
        said = await asyncio.gather(*(read(task, f"C-{number}") for number in range(6)))
        assert sorted(map(str, said)) == ["None"] * 2 + ["objects-exhausted"] * 4


# --- what a person is asked about is not split over tasks -----------------------------------------


def careful(directory: Path, calls: int) -> SimulatedTask:
    return SimulatedTask(
        asking(configuration(directory), calls),
        PURPOSE,
        [READ],
        policy=Rules(),
        directory=directory / "gateway",
    )


async def passed_on(task: SimulatedTask, name: str, parent: str) -> str:
    """A part of a task, for another agent."""
    whole = task.rooms.state.task(parent)
    assert whole is not None
    scopes = sorted(whole.scopes)
    part = child(
        name, parent=parent, scopes=scopes, obtainable=scopes, purpose=PURPOSE, budgets={},
        purpose_source=whole.purpose_source, agent=AGENT, stateless=True,
        started_ms=whole.started_ms, expires_ms=whole.expires_ms,
    )  # fmt: skip
    await task.rooms.log.append(part)
    return name


async def as_part(task: SimulatedTask, name: str) -> str | None:
    task.task = name
    return await read(task, "C-1")


async def test_calls_in_parts_of_a_task_are_calls_of_the_whole(tmp_path: Path) -> None:
    async with careful(tmp_path, calls=3) as task:
        whole = task.task
        parts = [await passed_on(task, f"t_part{number}", whole) for number in range(2)]
        below = await passed_on(task, "t_below", parts[0])
        assert await as_part(task, whole) is None
        assert await as_part(task, parts[0]) is None
        assert await as_part(task, below) is None
        fresh = await passed_on(task, "t_fresh", whole)
        for name in (whole, *parts, below, fresh):
            assert await as_part(task, name) == "approval-required"


async def test_parts_at_once_never_both_make_the_last_call_unasked(tmp_path: Path) -> None:
    async with careful(tmp_path, calls=2) as task:
        whole = task.task
        parts = [await passed_on(task, f"t_part{number}", whole) for number in range(5)]
        said = await asyncio.gather(*(as_part(task, name) for name in (whole, *parts)))
        assert sorted(map(str, said)) == ["None"] * 2 + ["approval-required"] * 4


async def test_small_changes_add_up_whichever_part_of_a_task_makes_them(tmp_path: Path) -> None:
    amount, rules = 10_000, Rules()
    async with SimulatedTask(
        config(tmp_path),
        "Set deal D-7.",
        approver="always-yes",
        policy=rules,
        resolvers={"crm.get_deal": lambda **_: {"amount_minor": amount}},
        directory=tmp_path / "gateway",
    ) as task:
        part = await passed_on(task, "t_part", task.task)
        below = await passed_on(task, "t_below", part)
        for name, wanted in ((below, 10_900), (task.task, 11_800), (part, 12_700)):
            task.task = name
            assert await moved(task, wanted) is None
            amount = wanted
        changes = [one["facts"]["task_delta_bps"] for one in rules.asked]
        assert list(dict.fromkeys(changes)) == [900, 1800, 2700]
