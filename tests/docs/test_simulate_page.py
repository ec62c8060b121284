"""docs/guides/simulate.md against what callables come to, and against the program's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from safeconduct.simulation import SimulatedTask, Tally
from tests.support.guided import guided
from tests.support.pages import DOCS, FENCE, codes, sections, tables

PAGE = DOCS / "guides" / "simulate.md"


class Model(BaseModel):
    people: list[str]


@dataclass
class Plain:
    people: list[str]


def test_every_parameter_is_explained() -> None:
    (rows,) = tables(sections(PAGE)["Parameters"])
    named = {name for row in rows[1:] for name in codes(row[0])}
    assert named == set(inspect.signature(SimulatedTask).parameters)


def test_everything_that_is_counted_is_explained() -> None:
    section = sections(PAGE)["What a task may do, and what is counted"]
    (rows,) = tables(section)
    assert [codes(row[0])[0] for row in rows[1:]] == [
        field.name for field in msgspec.structs.fields(Tally)
    ]


def test_the_first_environment_has_thirty_lines() -> None:
    _, _, text = FENCE.findall(PAGE.read_text(encoding="utf-8"))[0]
    assert len([line for line in text.splitlines() if line]) <= 30


@pytest.mark.parametrize(
    ("returned", "seen"),
    [
        ({"people": ["Dora"]}, {"people": ["Dora"]}),
        (Plain(["Dora"]), {"people": ["Dora"]}),
        (Model(people=["Dora"]), {"people": ["Dora"]}),
        ('{"people": ["Dora"]}', '{"people": ["Dora"]}'),
    ],
)
async def test_whatever_holds_the_paths_of_the_manifest_vouches(
    returned: object, seen: object, tmp_path: Path
) -> None:
    async with guided(tmp_path, "Tell Dora what is new.", "chat") as task:
        step = await task.call("chat.list_people", {}, lambda: returned)
        assert step.value == seen
        told = await task.call("chat.send_message", {"to": "Dora", "body": "Nothing."}, sent)
        assert told.verdict == "done"


def sent(**_: object) -> None:
    """Nothing to say of it."""


@pytest.mark.parametrize("value", [["Dora"], 7, True, None, "some text"])
async def test_what_is_no_object_stands_under_result(value: object, tmp_path: Path) -> None:
    async with guided(tmp_path, "Who is there?", "chat") as task:
        step = await task.call("chat.list_people", {}, lambda: value)
        assert step.result is not None
        structured = step.result.get("structuredContent")
        assert structured == (None if isinstance(value, str) else {"result": value})
        assert step.value == value


async def test_an_exception_is_the_tool_s_own_error(tmp_path: Path) -> None:
    def fails() -> None:
        raise ValueError("no such list")

    async with guided(tmp_path, "Who is there?", "chat") as task:
        step = await task.call("chat.list_people", {}, fails)
        assert step.verdict == "done"
        assert step.result is not None
        assert step.result["isError"] is True


async def _async() -> dict[str, Any]:
    return {"people": []}


@pytest.mark.parametrize("run", [_async, lambda: {"people": []}])
async def test_a_callable_is_plain_or_async(run: Callable[..., Any], tmp_path: Path) -> None:
    async with guided(tmp_path, "Who is there?", "chat") as task:
        assert (await task.call("chat.list_people", {}, run)).value == {"people": []}
