"""The guide to the console's pages names the bounds that hold."""

from __future__ import annotations

from safeconduct.console import exporting, proofs, search_form, tasks
from safeconduct.console.pictures import flow
from tests.support.pages import DOCS


def test_the_bounds_are_those_that_hold() -> None:
    text = (DOCS / "guides" / "console.md").read_text(encoding="utf-8")
    assert f"more than {search_form.MOST} records" in text
    assert f"up to {proofs.MOST:,} records here" in text
    assert f"Up to {proofs.MOST:,} records and {exporting.MOST_BYTES >> 20} MiB" in text
    assert f"Of more than {flow.SINGLE} events" in text
    assert f"of more than {tasks.MOST:,} records the first" in text
