"""docs/reference/inspectors.md against what is looked for."""

from safeconduct.inspectors.pii.context import AFTER, BEFORE, KEYS
from safeconduct.inspectors.pii.inspector import KINDS, OFF, every_shape
from tests.support.pages import DOCS, codes, sections, tables

PAGE = sections(DOCS / "reference" / "inspectors.md")
NUMBERS = {
    shape.name: "yes" if shape.words else "no"
    for shape in every_shape(None)
    if shape.kind == "pii.national-id"
}
SPELLED = {3: "three", 5: "five", 8: "eight"}


def test_every_kind_of_personal_data_has_its_row_with_its_default() -> None:
    [[_, *rows]] = tables(PAGE["Personal data"])
    assert [codes(row[0]) for row in rows] == [[kind] for kind in KINDS]
    assert {codes(row[0])[0] for row in rows if row[-1] == "off"} == OFF
    assert {row[-1] for row in rows} == {"on", "off"}


def test_every_number_of_a_state_has_its_row() -> None:
    [[_, *rows]] = tables(PAGE["Numbers of states"])
    assert {row[0]: row[1] for row in rows} == NUMBERS


def test_the_page_says_what_is_near() -> None:
    text = " ".join(PAGE["Personal data"].split())
    assert f"up to {SPELLED[BEFORE]} words before it or {SPELLED[AFTER]} behind it" in text
    assert f"the last {SPELLED[KEYS]} keys" in text
