"""docs/reference/audit-verify.md against the program."""

import re

import pytest

from safeconduct.audit.verify.report import EXIT_CODES
from tests.support.pages import DOCS, ROOT, codes, sections, tables

PAGE = DOCS / "reference" / "audit-verify.md"


def rows(heading: str) -> list[list[str]]:
    return tables(sections(PAGE)[heading])[0][1:]


def test_every_code_has_its_exit_code_in_the_order_of_gravity() -> None:
    shown = {code: int(row[0]) for row in rows("Exit codes") for code in codes(row[1])}
    assert shown == EXIT_CODES
    assert list(shown) == list(EXIT_CODES)


def test_every_code_has_sentences() -> None:
    shown = {(codes(row[1])[0], int(row[0])) for row in rows("Sentences")}
    assert shown == set(EXIT_CODES.items())


ROOM = ROOT / "src" / "safeconduct" / "audit"
SOURCES = [
    *ROOM.glob("verify/*.py"),
    *(ROOM / f"{one}.py" for one in ("segments", "walk", "records")),
]
SAID = re.sub(r"\{[^{}]*\}", "\0", "".join(path.read_text("utf-8") for path in SOURCES))


@pytest.mark.parametrize("sentence", [row[2] for row in rows("Sentences")])
def test_every_sentence_is_one_that_is_said(sentence: str) -> None:
    parts = [part.strip(" :(),") for part in sentence.split("…")]
    assert all(part in SAID for part in parts if part not in {"record", "task"}), sentence
