"""One amount in several calls, many objects one by one, calls at once: limits hold."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from safeconduct.config.schema import Window
from safeconduct.simulation import SimulatedTask
from tests.support.parties import configuration, profiled
from tests.support.worlds import Rules

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
