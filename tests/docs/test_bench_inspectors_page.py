"""docs/reference/bench-inspectors.md against the program, what it prints and what it reads."""

import re

from bench.inspectors.measuring import Scores
from bench.inspectors.options import NAMES, SEED, options, parser
from tests.support.pages import DOCS, ROOT, codes, sections, tables

PAGE = DOCS / "reference" / "bench-inspectors.md"


def rows(heading: str) -> list[list[str]]:
    return tables(sections(PAGE)[heading])[0][1:]


def test_every_set_says_what_it_holds() -> None:
    assert [codes(row[0])[0] for row in rows("What is shown")] == list(NAMES)


def test_every_figure_is_explained() -> None:
    assert [codes(row[0])[0] for row in rows("Figures")] == list(Scores(name="x").json())


def test_every_option_stands_with_its_default() -> None:
    flags = [flag for action in parser()._actions for flag in action.option_strings]  # noqa: SLF001 argparse lists them nowhere else
    assert [codes(row[0])[0] for row in rows("Options")] == [
        flag for flag in flags if flag not in {"-h", "--help"}
    ]
    assert [row[1] for row in rows("Options")] == ["all", "off", str(SEED)]
    assert (options([]).sets, options([]).misses, options([]).seed) == (NAMES, None, SEED)


def test_every_package_that_is_read_has_its_licence() -> None:
    text = (ROOT / "requirements" / "inspectors-data.txt").read_text("utf-8")
    read = re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)
    assert [codes(row[0])[0] for row in rows("Licences")] == read
    assert all(row[2] for row in rows("Licences"))
