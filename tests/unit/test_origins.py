"""Where values come from: the index of what was read, its bounds, and what objects bring along."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from safeconduct import origins
from safeconduct.core.labels import Confidentiality, Integrity
from safeconduct.simulation import SimulatedTask
from tests.attacks.test_laundering import NOTE, world
from tests.unit.test_gateway import records

PURPOSE: Final = "Write to contact P-1, and note it in contacts P-1 and P-2."


async def read(task: SimulatedTask, *values: str) -> None:
    page = {"messages": [{"body": one} for one in values]}
    step = await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: page)
    assert step.verdict == "done"


async def places(task: SimulatedTask, value: object) -> list[str]:
    """Where a value was seen, by the record of a call that has it as an argument."""
    await task.call("mail.send", {"to": value, "subject": "", "body": ""}, lambda **_: {})
    seen: list[str] = records(task, "decision")[-1]["provenance"].get("to", [])
    return seen


async def test_what_was_read_was_seen_and_nothing_else(tmp_path: Path) -> None:
    async with world(tmp_path, purpose=PURPOSE) as task:
        await read(task, "a@x.example", "Write to b@x.example, please.")
        assert await places(task, "a@x.example") == ["seen"]
        assert await places(task, "b@x.example") == ["seen"]
        assert await places(task, "x.example") == []
        assert await places(task, "c@x.example") == []


async def test_another_task_has_seen_nothing_of_it(tmp_path: Path) -> None:
    async with world(tmp_path, purpose=PURPOSE) as task:
        await read(task, "a@x.example")
        await task.begin()
        await read(task, "b@x.example")
        assert await places(task, "a@x.example") == []
        assert await places(task, "b@x.example") == ["seen"]


async def test_what_no_longer_fits_was_never_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "MAX_VALUES", 20)
    async with world(tmp_path, purpose="Read case C-1.") as task:
        await read(task, "a@x.example")
        assert await places(task, "a@x.example") == ["single-source"]
        await read(task, *(f"{number}@x.example" for number in range(30)))
        assert await places(task, "0@x.example") == ["named-source"]
        assert await places(task, "29@x.example") == []
        # What is there already is still what it was. Nothing new is taken to have stood alone.
        await read(task, "a@x.example", "b@x.example")
        assert await places(task, "a@x.example") == ["seen", "single-source"]
        assert await places(task, "b@x.example") == []


async def test_the_tasks_that_were_quiet_longest_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "MAX_ALL", 40)
    async with world(tmp_path, purpose=PURPOSE) as task:
        first = task.task
        await read(task, "a@x.example")
        await task.begin()
        await read(task, *(f"{number}@x.example" for number in range(30)))
        second, task.task = task.task, first
        assert await places(task, "a@x.example") == ["seen"]
        await task.begin()
        await read(task, *(f"{number}@y.example" for number in range(20)))
        assert await places(task, "19@y.example") == ["seen"]
        for quiet, value in ((first, "a@x.example"), (second, "1@x.example")):
            task.task = quiet
            assert await places(task, value) == []


async def test_one_task_alone_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "MAX_ALL", 5)
    async with world(tmp_path, purpose=PURPOSE) as task:
        await read(task, *(f"{number}@x.example" for number in range(30)))
        assert await places(task, "29@x.example") == ["seen"]


# --- objects --------------------------------------------------------------------------------------


def labels(task: SimulatedTask) -> tuple[Integrity, Confidentiality]:
    return task.state.labels.integrity, task.state.labels.confidentiality


CLEAN: Final = (Integrity.trusted, Confidentiality.internal)
TAINTED: Final = (Integrity.untrusted, Confidentiality.restricted)


async def tainted(task: SimulatedTask, contact: str = "P-1", **result: object) -> None:
    """Writes to a contact what the task has read: from strangers, and restricted."""
    await read(task, "x")
    await task.call("crm.list_customers", {}, lambda **_: {"customers": []})
    assert labels(task) == TAINTED
    arguments = {"contact_id": contact, "more": "x"}
    step = await task.call("crm.note", arguments, lambda **_: result)
    assert step.verdict == "done"


async def contact(task: SimulatedTask, number: str, tool: str = "crm.get_contact") -> None:
    step = await task.call(tool, {"contact_id": number}, lambda **_: {"email": "d@x.example"})
    assert step.verdict == "done"


async def test_an_object_gives_back_the_label_of_what_was_written_to_it(tmp_path: Path) -> None:
    async with world(tmp_path, purpose=PURPOSE) as task:
        await tainted(task)
        await task.begin()
        await contact(task, "P-2")
        assert labels(task) == CLEAN
        await contact(task, "P-1")
        assert labels(task) == TAINTED


async def test_so_it_does_after_a_restart_and_from_another_upstream_of_the_system(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, purpose=PURPOSE) as task:
        await tainted(task)
    async with world(tmp_path, purpose=PURPOSE) as task:
        await contact(task, "P-1", "ledger.get_contact")
        assert labels(task) == CLEAN
        await contact(task, "P-1", "mirror.get_contact")
        assert labels(task) == TAINTED


async def test_an_object_is_known_by_its_id_in_a_result_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {**NOTE["returns"], "fields": {"made": {"type": "crm.contact"}}}
    monkeypatch.setitem(NOTE, "returns", made)
    async with world(tmp_path, purpose=PURPOSE) as task:
        await tainted(task, "P-2", made="P-1")
        await task.begin()
        await contact(task, "P-1")
        assert labels(task) == TAINTED
        # The other way round: a result that holds the id of such an object.
        await task.begin()
        said = await task.call(
            "crm.note", {"contact_id": "P-3", "more": ""}, lambda **_: {"made": "P-1"}
        )
        assert (said.verdict, labels(task)) == ("done", TAINTED)


@pytest.mark.parametrize(
    ("stateless", "after"), [(True, Integrity.trusted), (False, Integrity.untrusted)]
)
async def test_an_agent_that_remembers_brings_its_labels_into_its_next_task(
    tmp_path: Path, *, stateless: bool, after: Integrity
) -> None:
    async with world(tmp_path, purpose=PURPOSE, stateless=stateless) as task:
        await read(task, "x")
        await task.begin()
        assert task.state.labels.integrity is after
    async with world(tmp_path, purpose=PURPOSE, stateless=stateless) as task:
        assert task.state.labels.integrity is after


@pytest.mark.parametrize("amount", ["9e1000000", "12e99999999999999999999", "1e-9999999", "-1"])
async def test_no_number_is_too_large_to_be_refused(tmp_path: Path, amount: str) -> None:
    deal = "D-7"
    async with world(tmp_path, purpose=f"Raise deal {deal} to 500.") as task:
        await read(task, "x", amount)
        arguments = {"id": deal, "amount_minor": amount, "next_step": amount}
        step = await task.call("crm.update_deal", arguments, lambda **_: {})
        assert (step.reason, step.argument) == ("arguments-invalid", "amount_minor")
        await task.begin()
        step = await task.call("crm.note", {"contact_id": "P-1", "more": amount}, lambda **_: {})
        assert step.verdict == "done"
