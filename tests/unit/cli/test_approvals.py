from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.cli import approvals, main, output


@pytest.mark.parametrize("verb", ["show", "approve", "deny"])
def test_a_question_that_does_not_stand_may_never_have(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(path: Path, said: str, **request: object) -> Mapping[str, Any]:
        del path, request
        assert said == "approvals"
        return {"pending": []}

    monkeypatch.setattr(approvals, "ask", ask)
    assert main.main(["init", str(tmp_path / "gateway")]) == 0
    words = ["approvals", verb, "a_nonsense", "--config", str(tmp_path / "gateway")]
    assert main.main(words) == output.FOUND
    assert capsys.readouterr().err == (
        "safeconduct: no such question stands: it was answered, its time has passed, "
        "or it was never asked\n"
    )
