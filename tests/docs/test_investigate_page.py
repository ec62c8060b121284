"""docs/guides/investigate.md against the commands and the database that it tells of."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
from scripts.cli_reference import help_of

from safeconduct.audit.index.following import catch_up
from safeconduct.audit.index.postgres import SETUP
from safeconduct.audit.index.sqlite import WeeklyIndex, week_of
from safeconduct.cli.audit import SUB_VERBS
from tests.support.pages import DOCS
from tests.support.trails import Trail

PAGE = DOCS / "guides" / "investigate.md"


def test_what_the_owner_of_the_database_runs_is_what_the_tests_run() -> None:
    shown = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    _, *shown = shown
    assert shown == [SETUP.lstrip().format(role="a")]


def test_the_statement_for_duckdb_counts(tmp_path: Path) -> None:
    made = Trail()
    made.start("t_1")
    made.call("t_1", verdict="deny")
    log = tmp_path / "gateway" / "state" / "audit"
    log.parent.mkdir(parents=True)
    made.write(log)
    index = WeeklyIndex(log / "index")
    catch_up(log, index)
    index.archive(week_of("2026-W47"))
    index.close()
    statement = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    with duckdb.connect() as db:
        rows = db.execute(statement.replace("gateway/", f"{tmp_path}/gateway/")).fetchall()
    assert rows == [("jane", "crm.get_case", 1)]


def test_every_option_that_it_names_is_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    commands = re.findall(r"safeconduct audit (\w+)([^`\n|]*)", text)
    assert commands
    for verb, options in commands:
        assert verb in SUB_VERBS
        known = re.findall(r"--[a-z]+", help_of(["audit", verb]))
        for option in re.findall(r"--[a-z]+", options):
            assert option in known, (verb, option)
