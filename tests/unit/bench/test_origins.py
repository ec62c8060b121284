"""What is measured of information flow is a task whose index is as large as it says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.origins import FEW, PURPOSE, measured, page, ready
from bench.subjects import configure
from safeconduct.config import load
from safeconduct.simulation import SimulatedTask


async def test_both_tasks_are_measured() -> None:
    found = await measured(2)
    assert found.keys() == {"few_us", "many_us"}
    assert min(found.values()) > 0


def test_a_page_has_as_many_values_as_it_says() -> None:
    assert len({one["body"] for one in page(FEW)["messages"]}) == FEW


async def test_a_task_that_has_read_nothing_is_not_measured(tmp_path: Path) -> None:
    configure(tmp_path / "gateway", "full", 1, 2)
    config = load(tmp_path / "gateway")
    resolvers: dict[str, Callable[..., Any]] = {"stub.customers_on_file": lambda: {"emails": []}}
    async with SimulatedTask(config, PURPOSE, resolvers=resolvers) as task:
        with pytest.raises(RuntimeError, match="not in its index"):
            await ready(task, 0)
