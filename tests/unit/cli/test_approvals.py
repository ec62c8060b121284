from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.approvals.desk import Desk
from safeconduct.cli import approvals, main, output
from safeconduct.core.verdict import Requirement
from tests.support.facts import NOW_MS, call, facts


class Unasked:
    """A ledger of a desk that nobody answers at."""

    async def append(self, *records: Mapping[str, Any]) -> int:
        raise AssertionError(records)


def test_a_question_has_the_name_that_its_rule_gave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(Unasked(), lambda: NOW_MS, lambda kind: f"{kind}_1")
    wanted = Requirement(
        templates=("opportunity-amount", "scope"),
        sources=("policy:a", "scope:b"),
        ttl_s=60,
        origins={"id": ("crm.get_case:deal", "mail.read:text\x1b")},
    )
    assert desk.hold("a_1", call(), facts(), wanted)
    pending = [one.told() for one in desk.pending()]

    def ask(path: Path, said: str, **request: object) -> Mapping[str, Any]:
        del path, said, request
        return {"pending": pending}

    monkeypatch.setattr(approvals, "ask", ask)
    assert main.main(["init", str(tmp_path / "gateway")]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("one upstream, one policy")
    assert main.main(["approvals", "show", "--config", str(tmp_path / "gateway")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  question   opportunity-amount, scope"
    assert "  because    policy:a, scope:b" in lines
    assert "  seen in    id: crm.get_case:deal, mail.read:text\\u001b" in lines


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
