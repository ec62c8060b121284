"""`safeconduct release`: what the operator says reaches the gateway as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import reading
from safeconduct.cli import main, output, release
from safeconduct.cli.operator import SaidNo

TASK, DECISION = f"t_{24 * '1'}", f"d_{24 * 'a'}"
COMMON = ["--task", TASK, "--why", "she asked"]
TOOL = ["--tool", "email.send"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["result", "--decision", DECISION, *TOOL],
            {"decision": DECISION, "tool": "email.send", "calls": 1, "minutes": 5},
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
        (["withheld", "--decision", DECISION], {"withheld": DECISION, "minutes": 5}),
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
    assert asked == [{"task": TASK, "why": "she asked", **expected}]
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
        {"task": TASK, "decision": DECISION, "tool": "m.get", "at_ms": 0, "findings": found}
    )
    assert main.main(line) == output.OK
    assert capsys.readouterr().out == (
        f"1970-01-01T00:00:00+00:00  {DECISION}  of task {TASK}  m.get: "
        "document.hidden, instruction.model\n"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        ["--minutes", "61"],
        ["--minutes", "0"],
        ["--minutes", "soon"],
        ["--why", " "],
        ["--why", "x" * 501],
        ["--task", "t_1"],
        ["--decision", TASK],
    ],
)
def test_what_makes_no_sense_is_not_asked(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["release", "withheld", "--decision", DECISION, *COMMON, *wrong])
    assert ended.value.code == output.USAGE


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([], f"the log knows no decision {DECISION}"),
        ([{"task": "t_2"}], f"{DECISION} is a decision of task t_2, and not of {TASK}"),
        ([{"task": TASK}], "has returned nothing yet, or was not made"),
        ([{"task": TASK}, {"status": "ok"}], "nothing is withheld of d_aaa"),
        (
            [{"task": TASK}, {"status": "withheld", "reason": "result-withheld"}],
            "was withheld as result-withheld: nobody could look at it",
        ),
        ([{"task": TASK}, {"status": "withheld", "reason": "result-quarantined"}], "not at hand"),
    ],
)
def test_a_no_says_what_became_of_the_result(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    records: list[dict[str, str]],
    said: str,
) -> None:
    def no(*_: object, **__: object) -> Mapping[str, Any]:
        raise SaidNo("what this decision returned is not at hand")

    def found(_: Path, decision: str) -> tuple[dict[str, str], dict[str, str] | None]:
        if not records:
            raise LookupError(decision)
        return records[0], records[1] if len(records) > 1 else None

    monkeypatch.setattr(release, "ask", no)
    monkeypatch.setattr(reading, "find_decision", found)
    assert main.main(["init", str(tmp_path / "gateway")]) == output.OK
    at = ["--config", str(tmp_path / "gateway")]
    line = ["release", "withheld", "--decision", DECISION, *COMMON, *at]
    assert main.main(line) == output.FOUND
    assert said in capsys.readouterr().err
    assert main.main(["release", "result", "--decision", DECISION, *TOOL, *COMMON, *at]) == 1
    assert "not at hand" in capsys.readouterr().err
