"""`safeconduct release`: what the operator says reaches the gateway as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.cli import main, output, release

COMMON = ["--task", "t_1", "--why", "she asked"]
TOOL = ["--tool", "email.send"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["result", "--decision", "d_1", *TOOL],
            {"decision": "d_1", "tool": "email.send", "calls": 1, "minutes": 5},
        ),
        (
            ["value", "--argument", "to", "--value", "a@b.example", "--calls", "3", *TOOL],
            {
                "argument": "to",
                "value": "a@b.example",
                "tool": "email.send",
                "calls": 3,
                "minutes": 5,
            },
        ),
        (["withheld", "--decision", "d_1"], {"withheld": "d_1", "minutes": 5}),
    ],
)
def test_it_asks_the_gateway(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    expected: dict[str, Any],
) -> None:
    asked: list[Mapping[str, object]] = []

    def ask(path: Path, said: str, **request: object) -> Mapping[str, Any]:
        assert (path.name, said) == ("operator.sock", "release")
        asked.append({name: value for name, value in request.items() if value is not None})
        return {"release": "r_1", "calls": expected.get("calls", 1), "tool": "email.send"}

    monkeypatch.setattr(release, "ask", ask)
    assert main.main(["init", str(tmp_path / "gateway")]) == output.OK
    capsys.readouterr()
    line = ["release", *words, *COMMON, "--config", str(tmp_path / "gateway")]
    assert main.main(line) == output.OK
    assert asked == [{"task": "t_1", "why": "she asked", **expected}]
    calls = expected.get("calls", 1)
    assert capsys.readouterr().out == f"released r_1: {calls} of email.send in 5 min\n"


def test_it_shows_what_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting: list[Mapping[str, Any]] = []

    def ask(_: Path, said: str, **request: object) -> Mapping[str, Any]:
        assert (said, request) == ("withheld", {})
        return {"withheld": waiting}

    monkeypatch.setattr(release, "ask", ask)
    assert main.main(["init", str(tmp_path / "gateway")]) == output.OK
    line = ["release", "show", "--config", str(tmp_path / "gateway")]
    capsys.readouterr()
    assert main.main(line) == output.OK
    assert capsys.readouterr().out == "nothing is withheld that may be released\n"
    found = ["document.hidden", "instruction.model"]
    waiting.append(
        {"task": "t_1", "decision": "d_1", "tool": "m.get", "at_ms": 0, "findings": found}
    )
    assert main.main(line) == output.OK
    assert capsys.readouterr().out == (
        "1970-01-01T00:00:00+00:00  d_1  of task t_1  m.get: document.hidden, instruction.model\n"
    )
