"""docs/guides/inspect.md against what the command says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from safeconduct.cli.main import main
from safeconduct.cli.output import FAULT, FOUND, OK, USAGE
from safeconduct.inspectors.matches import (
    MAX_ALIKE,
    MIN_CHARACTERS,
    NEAR,
    MatchInspector,
    learn,
)
from tests.support.pages import DOCS, FENCE, codes, sections, tables

PAGE = DOCS / "guides" / "inspect.md"
TEXT = PAGE.read_text(encoding="utf-8")
ANSWER = {"note": f"the key is {'AKIA' + 'Z7QWERTYUIOPLK2H'}", "to": ["dana@customer.example"]}


def test_the_example_is_what_the_command_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shown,) = (one[3] for one in FENCE.finditer(TEXT) if one[2] == "text")
    (tmp_path / "answer.json").write_text(json.dumps(ANSWER))
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", "answer.json"]) == FOUND
    assert capsys.readouterr().out == shown


def test_the_exit_codes_are_all() -> None:
    ((_, *rows),) = tables(sections(PAGE)["Exit codes, for a pipeline"])
    assert [int(row[0]) for row in rows] == [OK, FOUND, USAGE, FAULT]


def test_what_is_not_learned() -> None:
    assert f"more than {MAX_ALIKE} rows share" in TEXT
    assert MIN_CHARACTERS == 3
    assert "fewer than three\ncharacters" in TEXT


def test_what_counts_as_the_same_value() -> None:
    (*_, (_, *rows)) = tables(sections(PAGE)["Have your own records found"])
    written = [(codes(row[0]), row[1]) for row in rows if "`" in row[0]]
    pairs = [(*ones[at : at + 2], said) for ones, said in written for at in range(0, len(ones), 2)]
    for other, value, said in pairs:
        match = MatchInspector("crm.x", learn([{"a": value, "b": "Cobalt"}], ["a", "b"]))
        for text, found in ((value, True), (value.upper(), True), (other, said == "the same")):
            assert bool(match.inspect(f"Cobalt: {text}")) is found
    assert len(pairs) == 6
    assert f"within {NEAR} characters" in TEXT
