"""docs/reference/agentdojo.md against the program and what it prints."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from bench.agentdojo.agent import SCHEDULES
from bench.agentdojo.figures import figures
from bench.agentdojo.options import options, parser, settings
from bench.agentdojo.results import HELD_OUT, SUITES, VERSIONS, Benign, Found, Job, Setting
from tests.support.pages import DOCS, codes, sections, tables

PAGE = DOCS / "reference" / "agentdojo.md"
ROOT = Path(__file__).parents[2]


def rows(heading: str) -> list[list[str]]:
    return tables(sections(PAGE)[heading])[0][1:]


def test_every_figure_is_explained() -> None:
    quiet = Benign(done=True, calls=1, approvals=0, refused=[], added_s=[0.0])
    job = Job(Setting(version="canonical"), "banking", "user_task_0")
    some = figures([Found(job=job, benign=quiet, pairs=[], text_only=0)])
    assert [codes(row[0])[0] for row in rows("How it is judged")] == list(some.json())


def test_what_is_run_is_named() -> None:
    text = sections(PAGE)["What is run"]
    assert all(f"(`{schedule}`)" in text for schedule in SCHEDULES)
    assert all(f"`{name}`" in text for name in VERSIONS)
    assert f"(v{VERSIONS['canonical'].removeprefix('v')})" in text
    extra = [name for name in settings(options([])) if name != "profile"]
    assert all(f"(`{name}`)" in text for name in extra)


def test_every_option_stands_with_its_default() -> None:
    given = vars(options([]))
    shown = {codes(row[0])[0]: row[1] for row in rows("Options")}
    assert set(shown) == set(flags())
    for option, default in shown.items():
        value = given[option.lstrip("-").replace("-", "_")]
        assert default == said(value)
    assert (given["workers"], f"`{HELD_OUT[0]}`" in PAGE.read_text()) == (os.cpu_count(), True)


def flags() -> Iterator[str]:
    for action in parser()._actions:  # noqa: SLF001 argparse lists them nowhere else
        yield from (flag for flag in action.option_strings if flag not in {"-h", "--help"})


def said(value: object) -> str:
    match value:
        case None | False:
            return "off"
        case Path():
            return str(value.relative_to(ROOT))
        case int():
            return "one per processor"
        case str():
            return value
        case _:
            return " ".join(cast("Any", value))


def test_the_suites_are_those_that_have_an_operator() -> None:
    written = {path.name for path in options([]).operator.iterdir() if path.is_dir()}
    assert written >= set(SUITES)
