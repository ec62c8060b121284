"""docs/guides/investigate.md against the commands and the database that it tells of."""

from __future__ import annotations

import re

from scripts.cli_reference import help_of

from safeconduct.audit.index.postgres import GRANTS, SETUP
from safeconduct.cli.audit import SUB_VERBS
from tests.support.pages import DOCS

PAGE = DOCS / "guides" / "investigate.md"


def test_what_the_owner_of_the_tables_runs_is_what_the_tests_run() -> None:
    shown = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown == [SETUP.lstrip(), GRANTS.lstrip().format(role="a", tenant="crm.example")]


def test_every_option_that_it_names_is_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    commands = re.findall(r"safeconduct audit (\w+)([^`\n|]*)", text)
    assert commands
    for verb, options in commands:
        assert verb in SUB_VERBS
        known = re.findall(r"--[a-z]+", help_of(["audit", verb]))
        for option in re.findall(r"--[a-z]+", options):
            assert option in known, (verb, option)
