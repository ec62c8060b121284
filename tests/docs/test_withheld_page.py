"""docs/guides/withheld.md against the commands; what they do: tests/e2e/test_quarantine.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.cli import main, output, release
from safeconduct.core.reasons import REASONS
from tests.support.pages import DOCS, FENCE, tables

TEXT = (DOCS / "guides" / "withheld.md").read_text(encoding="utf-8")


def test_the_line_is_what_the_command_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shown,) = (one[3] for one in FENCE.finditer(TEXT) if one[2] == "text")
    when, decision, _, _, task, tool, kind = shown.split()
    waiting = {"task": task, "decision": decision, "tool": tool.rstrip(":"), "findings": [kind]}

    def ask(*_: object, **__: object) -> Mapping[str, Any]:
        return {"withheld": [{**waiting, "at_ms": 1_795_316_711_000}]}

    monkeypatch.setattr(release, "ask", ask)
    assert main.main(["init", str(tmp_path / "gateway")]) == output.OK
    capsys.readouterr()
    assert main.main(["release", "show", "--config", str(tmp_path / "gateway")]) == output.OK
    assert capsys.readouterr().out == shown
    assert when == "2026-11-22T03:05:11+00:00"


def test_the_exit_codes_are_all() -> None:
    ((_, *rows),) = tables(TEXT)
    said = [output.OK, output.FOUND, output.USAGE, output.FAULT]
    assert [int(row[0]) for row in rows] == said


def test_every_command_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for one in FENCE.finditer(TEXT) if one[2] == "sh" for line in one[3].splitlines()]
    assert len(lines) == 5
    for line in lines:
        verb = re.split(r" (?:--|[A-Z]|result\.json)", line)[0].split()[1:]
        with pytest.raises(SystemExit) as ended:
            main.main([*verb, "--help"])
        assert ended.value.code == 0
        known = capsys.readouterr().out
        assert all(option in known for option in re.findall(r"--\w+", line))
    assert {"result-quarantined", "result-withheld", "inspector-failed"} <= REASONS.keys()
