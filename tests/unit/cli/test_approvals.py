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
        return {"pending": pending, "terminal": True}

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
        return {"pending": [], "terminal": False}

    monkeypatch.setattr(approvals, "ask", ask)
    assert main.main(["init", str(tmp_path / "gateway")]) == 0
    words = ["approvals", verb, "a_nonsense", "--config", str(tmp_path / "gateway")]
    assert main.main(words) == output.FOUND
    assert capsys.readouterr().err == (
        "safeconduct: no such question stands: it was answered, its time has passed, "
        "or it was never asked\n"
    )


# --- a yes that is given at a page ----------------------------------------------------------------

ASKED: dict[str, Any] = {
    "approval": "a_1",
    "title": "",
    "tool": "crm.refund",
    "effect": "write",
    "reversible": False,
    "arguments": "{}",
    "changes": {"amount": {"before": 1, "after": 2}},
    "digest": "sha256:00",
    "agent": "spiffe://a/b",
    "user": "jane",
    "task": "t_1",
    "purpose": "x",
    "purpose_source": "app",
    "templates": ["refund"],
    "requires": ["policy:refund"],
    "origins": {},
    "follows": {"calls": 10, "fields": ["crm.get:to"]},
    "labels": {},
    "agreed": [],
    "missing": [{"who": "user", "count": 1}, {"who": "desk", "count": 2}],
    "expires_ms": 0,
}
PAGE = "http://localhost:8790/approvals/a_1"


class Answering:
    """A gateway that answers what it is told to, in this order."""

    def __init__(self, *became: Mapping[str, Any], **question: Any) -> None:
        self.question = {**ASKED, **question}
        self.became = iter(became)
        self.asked: list[tuple[str, dict[str, object]]] = []

    def __call__(self, path: Path, verb: str, **request: object) -> Mapping[str, Any]:
        del path
        self.asked.append((verb, request))
        match verb:
            case "approvals":
                return {"pending": [self.question], "terminal": False}
            case "approval":
                return next(self.became)
            case "elevations":
                return {"elevations": [ELEVATION]}
            case _:
                return dict(request)


ELEVATION: dict[str, Any] = {
    "elevation": "e_1",
    "task": "t_1",
    "user": "jane",
    "tool": "crm.refund",
    "left": 14,
    "until_ms": 0,
    "objects": "same",
    "by": ["kim", "lee"],
}


@pytest.fixture
def directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main.main(["init", str(tmp_path / "gateway")]) == 0
    capsys.readouterr()
    return str(tmp_path / "gateway")


@pytest.mark.parametrize(
    ("became", "code", "says"),
    [
        ("granted", 0, "approved  a_1"),
        ("denied", 1, "denied  a_1\n  said       ring her up\\u001b"),
        ("narrowed", 1, "not approved: a smaller call was  a_1"),
        ("lapsed", 1, "lapsed: nobody has answered in time  a_1"),
    ],
)
def test_approving_waits_for_what_is_answered_at_the_page(
    became: str,
    code: int,
    says: str,
    directory: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = {"who": "desk", "count": 2}
    one = {"state": "pending", "missing": [desk], "agreed": [{"by": "jane", "for": "user"}]}
    last = {"approval": "a_1", "state": became}
    if became == "denied":
        last["said"] = "ring her up\x1b"
    gateway = Answering(
        {"state": "pending", "missing": ASKED["missing"]}, one, one, last, page=PAGE
    )
    monkeypatch.setattr(approvals, "ask", gateway)
    monkeypatch.setattr(approvals, "POLL_S", 0)
    assert main.main(["approvals", "approve", "a_1", "--config", directory]) == code
    told = capsys.readouterr()
    assert told.out == f"{says}\n"
    assert told.err.splitlines() == [
        f"to be answered there, by the user, 2 of desk: {PAGE}",
        "jane said yes; missing: 2 of desk",
    ]
    assert "answer" not in [verb for verb, _ in gateway.asked]


@pytest.mark.parametrize(
    ("page", "words", "fix"),
    [
        (PAGE, ["--yes"], "leave out --yes, and open the page"),
        (None, ["--yes"], "configure `console`"),
        (None, [], "configure `console`"),
    ],
)
def test_no_yes_is_given_by_who_can_open_a_file(
    page: str | None,
    words: list[str],
    fix: str,
    directory: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gateway = Answering(**({} if page is None else {"page": page}))
    monkeypatch.setattr(approvals, "ask", gateway)
    command = ["approvals", "approve", "a_1", *words, "--config", directory]
    assert main.main(command) == output.FOUND
    assert capsys.readouterr().err.endswith(f"{fix}\n")
    assert [verb for verb, _ in gateway.asked] == ["approvals"]


def test_what_waits_is_listed_and_shown(
    directory: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"title": "Refund\x1b", "agreed": [{"by": "kim", "for": "desk"}], "page": PAGE}
    monkeypatch.setattr(approvals, "ask", Answering(**said))
    assert main.main(["approvals", "list", "--config", directory]) == 0
    assert capsys.readouterr().out == (
        "a_1      0 s left  crm.refund  Refund\\u001b  for jane  by the user, 2 of desk\n"
    )
    assert main.main(["approvals", "show", "a_1", "--config", directory]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  title      Refund\\u001b" in lines
    assert "  changes    amount: 1 -> 2" in lines
    assert "  asked      the user, 2 of desk" in lines
    goes_on = "10 more calls that only these values steer, or others in crm.get:to"
    assert f"  goes on    {goes_on}" in lines
    assert "  said yes   kim" in lines
    assert lines[-1] == f"  page       {PAGE}"


def test_an_elevation_is_listed_and_ended(
    directory: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = Answering()
    monkeypatch.setattr(approvals, "ask", gateway)
    assert main.main(["approvals", "elevations", "--config", directory]) == 0
    assert capsys.readouterr().out == (
        "e_1  0 s left, 14 more of crm.refund (same objects)  for jane, task t_1  by kim, lee\n"
    )
    assert main.main(["approvals", "elevations", "--end", "e_1", "--config", directory]) == 0
    assert capsys.readouterr().out == "ended e_1\n"
    assert gateway.asked[-1] == ("end-elevation", {"elevation": "e_1"})
