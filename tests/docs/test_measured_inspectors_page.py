"""docs/security/inspectors.md against the figures that a run printed, and what it rests on.

After another run: put its last line, with a `revision`, into the file of figures, and the tables
that these tests print into the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.pages import DOCS, ROOT, codes, sections, tables

PAGE = DOCS / "security" / "inspectors.md"
TEXT = PAGE.read_text(encoding="utf-8")
MEASURED = json.loads((ROOT / "tests/data/inspectors/measured.json").read_text("utf-8"))
(SHOWN,) = tables(sections(DOCS / "reference" / "bench-inspectors.md")["What is shown"])
SETS = [codes(row[0])[0] for row in SHOWN[1:]]
FOUND = {name: MEASURED[name] for name in SETS}

IDENTITY = "identity "
LICENCES = {"Apache-2.0", "BSD-3-Clause", "MIT", "MIT-CMU"}
LOW = 0.9
MUCH = 0.01


def share(value: float) -> str:
    return f"{value * 100:.1f} %"


def rough(value: float) -> str:
    return f"{value * 100:.0f} %"


def interval(of: dict[str, Any], name: str) -> str:
    low, high = map(share, of[f"{name}_interval"])
    return f"{share(of[name])} ({low} to {high})"


def figures() -> Iterator[str]:
    yield "| set | n | found (95 %) | clean | found in clean ones (95 %) | ms/KB |"
    yield "|---|---|---|---|---|---|"
    for name, of in FOUND.items():
        clean = interval(of, "false_positives") if of["clean"] else "none shown"
        cost = "" if of["ms_per_kb"] is None else f"{of['ms_per_kb']:.2f}"
        if "ms_per_document" in of:
            cost = f"{of['ms_per_document']:.0f} a document, wall clock"
        found = interval(of, "recall")
        yield f"| `{name}` | {of['n']} | {found} | {of['clean']} | {clean} | {cost} |"


def costs() -> Iterator[str]:
    yield "| inspector | ms of the processor for 10 KB |"
    yield "|---|---|"
    for name, cost in MEASURED["inspectors_10kb_ms"].items():
        yield f"| `{name}` | {cost:.2f} |"
    yield f"| all that need no configuration | {MEASURED['all_defaults_10kb_ms']:.2f} |"
    yield f"| all that every call waits for | {MEASURED['all_configured_10kb_ms']:.2f} |"


def missed() -> Iterator[str]:
    low_head, much_head = f"found in less than {rough(LOW)}", f"found in more than {rough(MUCH)}"
    yield f"| set | {low_head} of | {much_head} of what has none |"
    yield "|---|---|---|"
    for name, of in FOUND.items():
        low = {what: found for what, (found, _) in of["recall_by"].items() if found < LOW}
        high = {
            what: found for what, (found, _) in of["false_positives_by"].items() if found > MUCH
        }
        yield f"| `{name}` | {listed(low)} | {listed(high, worst_last=False)} |"


def listed(found: dict[str, float], *, worst_last: bool = True) -> str:
    """Categories with their shares, the worst first; persons' numbers by country together."""
    worst = sorted(found, key=lambda what: found[what], reverse=not worst_last)
    countries = [what for what in worst if what.startswith(IDENTITY)]
    parts = [f"{what} {rough(found[what])}" for what in worst if what not in countries]
    if countries:
        named = ", ".join(one.removeprefix(IDENTITY).upper() for one in countries)
        low, high = rough(found[countries[0]]), rough(found[countries[-1]])
        parts.append(f"{IDENTITY}{low} to {high}: {named}")
    return "; ".join(parts)


@pytest.mark.parametrize("table", [figures, costs, missed])
def test_the_tables_say_what_was_measured(table: Any) -> None:
    wanted = "\n".join(table())
    assert f"\n{wanted}\n" in TEXT, f"write:\n{wanted}"


def test_the_figures_are_of_all_sets_and_of_the_revision_that_is_named() -> None:
    assert {*SETS} == MEASURED.keys() - {
        "revision", "inspectors_10kb_ms", "all_configured_10kb_ms", "all_defaults_10kb_ms",
    }  # fmt: skip
    assert f"revision {MEASURED['revision']}" in TEXT


def test_every_set_rests_on_what_is_listed_with_that_licence() -> None:
    (table,) = tables(sections(PAGE)["What it rests on"])
    # Reading letters in pictures finds nothing by itself.
    assert [codes(row[0])[0] for row in table[1:]] == [*FOUND, "ocr"]
    known = (DOCS / "design" / "dependencies.md").read_text(encoding="utf-8")
    for row in table[1:]:
        for package in codes(row[1]):
            (line,) = (one for one in known.splitlines() if one.startswith(f"| {package} |"))
            (licence,) = {cell.strip().partition(";")[0] for cell in line.split("|")} & LICENCES
            assert licence in row[2].split("; ")
