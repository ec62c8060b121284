"""docs/reference/inspectors.md against what looks, and what a finding does."""

from __future__ import annotations

from typing import get_args

from safeconduct.config.rules.inspectors import ALWAYS
from safeconduct.core.admit import MODES
from safeconduct.core.findings import HIDDEN, INSTRUCTION, STEERING, family
from safeconduct.core.manifest import Marking
from safeconduct.inspectors.pii.inspector import KINDS
from tests.support.pages import DOCS, codes, sections, tables

PAGE = sections(DOCS / "reference" / "inspectors.md")


def test_every_family_is_named_and_which_are_always_looked_for() -> None:
    (table,) = tables(PAGE["Kinds"])
    said = {codes(row[0])[0]: row[2] for row in table[1:] if codes(row[0])}
    assert {name for name, when in said.items() if when == "always"} == ALWAYS
    assert {*said} == {*ALWAYS, INSTRUCTION, family(HIDDEN), "external"}
    assert {family(kind) for kind in KINDS} == {"pii"}
    assert {"pii.email", "pii.card", "pii.iban"} <= {*KINDS}


def test_what_speaks_to_the_agent_is_what_the_page_says() -> None:
    assert {*codes(PAGE["Instructions"])} >= {*STEERING}


def test_every_way_to_mark_is_named_and_announced_as_it_is() -> None:
    (table,) = tables(PAGE["Spotlighting"])
    said = {codes(row[0])[0]: row[1] for row in table[1:]}
    assert [*said] == ["none", *get_args(Marking)]
    for mode, (announced, _) in MODES.items():
        assert announced.strip() in said[mode]
