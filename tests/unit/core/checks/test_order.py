from __future__ import annotations

from typing import get_args

from safeconduct.core.checks import FIRST, SECOND
from safeconduct.core.verdict import CheckName


def test_the_order_is_the_one_that_records_name() -> None:
    names = [name for name, _ in (*FIRST, *SECOND)]
    assert names == [
        "delegation", "tool", "zone", "budget", "flow", "sink", "content", "review",
    "policy", "elevation",
    ]  # fmt: skip
    assert names == list(get_args(CheckName))


def test_a_check_bears_the_name_it_is_asked_by() -> None:
    assert all(name == check.__name__ for name, check in (*FIRST, *SECOND))
