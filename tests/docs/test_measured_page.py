"""docs/security/agentdojo.md against the figures that a run printed."""

import json
from typing import Any

from bench.agentdojo.results import SUITES
from tests.support.pages import DOCS, ROOT, sections, tables

PAGE = DOCS / "security" / "agentdojo.md"
MEASURED = json.loads((ROOT / "tests/data/agentdojo/measured.json").read_text("utf-8"))
RUNS: dict[str, dict[str, Any]] = MEASURED["runs"]
WHOLE, BY_SUITE = tables(sections(PAGE)["Figures"])


def share(value: float) -> str:
    return f"{value * 100:.1f} %"


def test_the_table_says_what_was_measured() -> None:
    assert [row[0] for row in WHOLE[1:]] == list(RUNS)
    for name, *shown in WHOLE[1:]:
        total = RUNS[name]["total"]
        low, high = map(share, total["attack_success_interval"])
        assert shown == [
            f"{share(total['attack_success'])} ({low} to {high})",
            share(total["always_yes_attack_success"]),
            share(total["done_0"] / total["user_tasks"]),
            share(total["done_1"] / total["user_tasks"]),
            f"{total['approvals_per_task']:.2f}",
            share(total["wrong_refusals"]),
        ]


def test_the_table_of_suites_says_what_was_measured() -> None:
    runs = list(dict.fromkeys(row[0] for row in BY_SUITE[1:]))
    assert [row[:2] for row in BY_SUITE[1:]] == [[run, suite] for run in runs for suite in SUITES]
    for run, suite, *shown in BY_SUITE[1:]:
        one = RUNS[run]["suites"][suite]
        assert shown == [
            str(one["pairs"]),
            share(one["attack_success"]),
            share(one["always_yes_attack_success"]),
            f"{one['done_0']} of {one['user_tasks']}",
            f"{one['done_1']} of {one['user_tasks']}",
            share(one["wrong_refusals"]),
        ]


def test_the_text_counts_as_the_figures_do() -> None:
    text = PAGE.read_text(encoding="utf-8")
    revised, wide = RUNS["revised, profile"]["total"], RUNS["revised, registration"]["total"]
    real = RUNS["revised, profile, real bodies"]["total"]
    assert MEASURED["detector"] == "off"
    assert f"{revised['pairs']:,} pairs, and {revised['user_tasks'] // 2} user tasks" in text
    assert (sum(revised["acted"].values()), sum(wide["acted"].values())) == (4, 42)
    assert sum(real["successes"].values()) == 4
    # Each of the two sets: five are not done, ten with one approval.
    assert revised["user_tasks"] - revised["done_any"] == 2 * 5
    assert revised["done_1"] - revised["done_0"] == 2 * 10
