"""`safeconduct resume`: what the operator says reaches the gateway as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.cli import main, output, resume


def test_it_asks_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Mapping[str, object]] = []

    def ask(path: Path, said: str, **request: object) -> Mapping[str, Any]:
        assert (path.name, said) == ("operator.sock", "resume")
        asked.append(request)
        return {"resumed": "t_1"}

    monkeypatch.setattr(resume, "ask", ask)
    assert main.main(["init", str(tmp_path / "gateway")]) == output.OK
    capsys.readouterr()
    line = ["resume", "t_1", "--why", "it is fixed", "--config", str(tmp_path / "gateway")]
    assert main.main(line) == output.OK
    assert asked == [{"task": "t_1", "why": "it is fixed"}]
    assert capsys.readouterr().out == "resumed t_1\n"
