from __future__ import annotations

import pytest

from safeconduct.kit.work import TooMuch, Work, bounded_by, spend


def test_what_is_spent_is_spent_of_the_work_that_bounds_it() -> None:
    work = Work(3)
    with bounded_by(work):
        spend(2)
        inner = Work(9)
        with bounded_by(inner):
            spend(5)
        spend(1)
        assert (work.left, inner.left) == (0, 4)
        with pytest.raises(TooMuch) as raised:
            spend(1)
    assert (raised.value.kind, raised.value.why) == (
        "inspection.unread",
        "it takes too long to look at",
    )


def test_where_nobody_bounds_it_there_is_no_bound() -> None:
    with pytest.raises(TooMuch), bounded_by(Work(0)):
        spend(1)
    spend(10**12)
