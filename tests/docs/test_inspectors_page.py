"""docs/reference/inspectors.md against what looks, and what a finding does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from safeconduct.config.kinds import ALWAYS, INSTRUCTIONS
from safeconduct.core.admit import MODES
from safeconduct.core.findings import HIDDEN, INSTRUCTION, STEERING, UNINSPECTED, family
from safeconduct.core.manifest import Marking
from safeconduct.inspecting import AT_ONCE_BYTES
from safeconduct.inspectors import prices, secrets
from safeconduct.inspectors.code import LANGUAGES
from safeconduct.inspectors.documents.limits import BOMB, UNREADABLE
from safeconduct.inspectors.instructions import inspector, rules
from safeconduct.inspectors.pii.inspector import KINDS, OFF
from safeconduct.inspectors.pii.search import MAX_REFUSED
from safeconduct.kit.aside import MAX_WAITING
from safeconduct.kit.work import AT_ONCE, MOST
from tests.support.pages import DOCS, codes, sections, tables

PAGE = sections(DOCS / "reference" / "inspectors.md")


def test_every_family_is_named_and_which_are_always_looked_for() -> None:
    (table,) = tables(PAGE["Kinds"])
    said = {codes(row[0])[0]: row[2] for row in table[1:] if codes(row[0])}
    assert {name for name, when in said.items() if when == "always"} == ALWAYS
    assert {*said} == {*ALWAYS, INSTRUCTION, family(HIDDEN), "external"}
    assert {family(kind) for kind in KINDS} == {"pii"}
    assert {"pii.email", "pii.card", "pii.iban"} <= {*KINDS}


def kinds_in(heading: str, name: str) -> list[str]:
    """All kinds of a family that a section names."""
    return [code for code in codes(PAGE[heading]) if code.startswith(f"{name}.")]


def test_every_kind_of_personal_data_is_named() -> None:
    assert sorted(kinds_in("Personal data", "pii")) == sorted(KINDS)
    (table,) = tables(PAGE["Personal data"])
    assert {codes(row[0])[0] for row in table[1:] if row[3] == "off"} == OFF
    assert f"more than {MAX_REFUSED} places" in PAGE["Personal data"]


def test_every_kind_of_credential_price_and_code_is_named_once() -> None:
    (table,) = tables(PAGE["Credentials"])
    of_none = {codes(row[0])[0] for row in table[1:]}
    wanted = " · ".join(f"`{kind}`" for kind in sorted({*secrets.KINDS} - of_none))
    assert of_none <= {*secrets.KINDS}
    assert f"\nIssuers: {wanted}\n" in PAGE["Credentials"], f"write:\nIssuers: {wanted}"
    assert kinds_in("Prices", "pricing") == list(dict.fromkeys(one.kind for one in prices.SHAPES))
    assert kinds_in("Source code", "code") == [f"code.{name}" for name in LANGUAGES]


def test_every_kind_of_what_speaks_to_the_agent_is_named() -> None:
    said = Path(inspector.__file__).read_text(encoding="utf-8")
    known = {f"instruction.{name}" for name in rules.KINDS}
    known |= {*re.findall(r"\"(instruction\.\w+)\"", said)}
    assert {*kinds_in("What speaks to the agent", "instruction")} == known == INSTRUCTIONS
    text = PAGE["What speaks to the agent"]
    assert {*kinds_in("What speaks to the agent", "document")} == {HIDDEN, UNREADABLE, BOMB}
    assert tables(text)[0][-1][0] == f"`{HIDDEN}`"


def test_what_speaks_to_the_agent_is_what_the_page_says() -> None:
    assert {*codes(PAGE["Instructions"])} >= {*STEERING}


def test_every_way_to_mark_is_named_and_announced_as_it_is() -> None:
    (table,) = tables(PAGE["Spotlighting"])
    said = {codes(row[0])[0]: row[1] for row in table[1:]}
    assert [*said] == ["none", *get_args(Marking)]
    for mode, (announced, _) in MODES.items():
        assert announced.strip() in said[mode]


def test_how_much_is_looked_at_stands_there() -> None:
    said = PAGE["How much is looked at"]
    (table,) = tables(said)
    bounds = [int(row[1]) for row in table[1:]]
    assert bounds == [AT_ONCE, MOST, MOST, AT_ONCE, MOST, AT_ONCE]
    assert f"from {AT_ONCE_BYTES} bytes on" in said
    assert f"{MAX_WAITING} of one agent may wait" in said
    assert UNINSPECTED in said
