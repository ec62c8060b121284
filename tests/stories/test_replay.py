"""What a gateway decided is decided again from its log, and as another policy had."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit.payloads.keystore import DIRECTORY, Keystore
from safeconduct.audit.payloads.opening import opener
from safeconduct.audit.reading import read
from safeconduct.cli import main, output
from safeconduct.policy.loading import load
from safeconduct.simulation import SimulatedTask
from tests.support.bundles import write
from tests.support.logs import written
from tests.support.worlds import USER, config, configured, operated

MAIL = 'permit contains {"id": "mail"} if input.call.tool == "mail.send"\n'
CAREFUL = (
    'permit contains {"id": "mail"} if '
    '{ input.call.tool == "mail.send"; input.labels.integrity == "trusted" }\n'
)
NO_READ = 'deny contains {"id": "closed"} if input.call.tool == "crm.get_case"\n'
TWO_MAILS = (
    'permit contains {"id": "few"} if '
    '{ input.call.tool == "mail.send"; object.get(input.task.counts, "mail:send", 0) < 2 }\n'
)
LATER = (
    'permit contains {"id": "few"} if '
    '{ input.call.tool == "mail.send"; object.get(input.task.counts, "calls", 0) > 0; '
    'object.get(input.task.counts, "mail:send", 0) < 2 }\n'
)
DONE = {"to": "dana@customer.example", "body": "done"}

Run = Callable[..., Any]


def case(**_: object) -> dict[str, Any]:
    return {"id": "C-1", "customer_email": "dana@customer.example", "messages": [{"body": "x"}]}


def letter(**_: object) -> dict[str, Any]:
    return {"id": "C-1", "messages": [{"body": "x"}]}


def sent(**_: object) -> dict[str, bool]:
    return {"sent": True}


MAILED: tuple[str, dict[str, Any], Run] = ("mail.send", DONE, sent)
READ: tuple[str, dict[str, Any], Run] = ("crm.get_case", {"case_id": "C-1"}, letter)
LOOKED: tuple[str, dict[str, Any], Run] = ("crm.get_case", {"case_id": "C-1"}, case)


async def decided(
    tmp_path: Path,
    rules: str,
    *calls: tuple[str, dict[str, Any], Run],
    budgets: dict[str, int] | None = None,
    masks: str = "{}\n",
    purpose: str = "Answer C-1.",
) -> Path:
    """The log of a gateway that decided these calls by these rules."""
    old = load(write(tmp_path / "old", rules, files={"masks.yaml": masks}))
    async with SimulatedTask(
        config(tmp_path, budgets=budgets),
        purpose,
        policy=old,
        resolvers={"crm.on_file": lambda: {"emails": ["dana@customer.example"]}},
        directory=tmp_path,
    ) as task:
        for tool, arguments, run in calls:
            await task.call(tool, arguments, run)
        log = Path(task.config.directory) / task.config.root.audit.directory
    configured(tmp_path)
    return log


def replay(log: Path, tmp_path: Path, *more: str, bundle: str = "old") -> int:
    place = ["--bundle", str(tmp_path / bundle)] if bundle else []
    where = str(tmp_path if log.parent == tmp_path else log)
    return operated("audit", "replay", str(log), "--config", where, *place, *more)


def counterfactual(log: Path, tmp_path: Path, rules: str, *more: str) -> int:
    new = write(tmp_path / "new", rules)
    return replay(log, tmp_path, "--policy", str(new), "--format", "json", *more)


def groups(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(one["tool"], one["old"], one["new"], one["decisions"]) for one in report["groups"]]


async def test_r1_nightly_zero_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = await decided(tmp_path, CAREFUL, MAILED, LOOKED, MAILED, MAILED)
    assert replay(log, tmp_path) == output.OK
    assert capsys.readouterr().out == "4 decisions, of these 4 replayed, 0 differ\n"
    assert replay(log, tmp_path, "--since", "1h", "--format", "json") == output.OK
    found = json.loads(capsys.readouterr().out)
    assert (found["decisions"], found["replayed"], found["differing"]) == (4, 4, 0)
    assert found["unreplayed"] == []


def test_what_was_not_decided_so_is_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = asyncio.run(decided(tmp_path, MAIL, MAILED))
    records = opened(log)
    (one,) = [record for record in records if record["kind"] == "decision"]
    one["policy"] |= {"permit": [], "deny": ["mail"]}
    (tmp_path / "copy").mkdir()
    written(tmp_path / "copy" / "forged", records)
    assert replay(tmp_path / "copy" / "forged", tmp_path) == output.FOUND
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith(f"DIFFERS {one['decision']}  ")
    assert shown[0].endswith("  mail.send: policy.deny, policy.permit")
    assert shown[-1] == "1 decision, of these 0 replayed, 1 differ"


def test_what_cannot_be_replayed_is_counted_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing: dict[str, Any] = {}
    log = asyncio.run(decided(tmp_path, MAIL, MAILED, ("crm.no_such_tool", nothing, sent)))
    assert replay(log, tmp_path, bundle="") == output.FAULT
    said = capsys.readouterr()
    assert "not replayed: 1 decision, other bundle (d_" in said.out
    assert "not replayed: 1 decision, not asked (d_" in said.out
    assert "name the bundle that decided" in said.err
    assert replay(log, tmp_path, "--until", "2000-01-01") == output.FAULT
    none = "nothing was replayed: no decision was asked for (fix: another span or task)\n"
    assert capsys.readouterr().err.endswith(none)
    records = opened(log)
    for record in records:
        if record["kind"] == "decision" and "policy" in record:
            record["policy"] |= {"engine": "regorus 0.0.1", "permit": ["another"]}
    (tmp_path / "copy").mkdir()
    written(tmp_path / "copy" / "engines", records)
    assert replay(tmp_path / "copy" / "engines", tmp_path, "--list") == output.FAULT
    shown = capsys.readouterr().out
    assert "  other engine: another version of the engine decided" in shown
    assert "  not asked: refused before the policy was asked" in shown


async def test_erase_then_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = await decided(tmp_path, MAIL, MAILED, LOOKED)
    keys = Keystore(tmp_path / "state" / DIRECTORY)
    keys.erase("crm.example", USER)
    keys.close()
    assert replay(log, tmp_path) == output.FAULT
    said = capsys.readouterr()
    assert "not replayed: 2 decisions, erased (d_" in said.out
    assert "nothing was replayed: the key to what the rules saw was erased (fix: " in said.err
    assert "--bundle" not in said.err
    assert counterfactual(log, tmp_path, MAIL) == output.FAULT
    (left,) = json.loads(capsys.readouterr().out)["straight"]["left"]
    assert (left["why"], left["decisions"]) == ("erased", 2)


async def test_same_policy_counterfactual_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await decided(
        tmp_path, TWO_MAILS, MAILED, LOOKED, MAILED, MAILED, MAILED, budgets={"calls": 3}
    )
    assert replay(log, tmp_path, "--policy", str(tmp_path / "old"), "--format", "json") == output.OK
    found = json.loads(capsys.readouterr().out)
    assert found["straight"]["decisions"] == 5
    assert (found["straight"]["changed"], found["diverged"]["decisions"]) == (0, 0)


async def test_after_a_refusal_the_task_had_not_read_what_it_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = "Mail dana@customer.example that C-1 is done."
    log = await decided(tmp_path, CAREFUL, MAILED, READ, MAILED, purpose=asked)
    # The old policy refuses the second mail, as the task had read what a customer wrote.
    assert counterfactual(log, tmp_path, NO_READ + CAREFUL) == output.FOUND
    found = json.loads(capsys.readouterr().out)
    straight, diverged = found["straight"], found["diverged"]
    assert groups(straight) == [("crm.get_case", "permit", "deny (policy-denied)", 1)]
    assert (straight["decisions"], straight["widened"], straight["narrowed"]) == (2, 0, 1)
    # Under the new one it had not read it, so that the mail goes out.
    assert groups(diverged) == [("mail.send", "deny (policy-denied)", "permit", 1)]
    assert (diverged["decisions"], diverged["widened"]) == (1, 1)
    assert diverged["groups"][0]["agents"] == {"spiffe://crm.example/agents/copilot": 1}
    assert len(diverged["groups"][0]["samples"]) == 1


async def test_what_a_task_had_not_been_taught_is_not_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The case vouches for the address that the second mail goes to.
    log = await decided(tmp_path, MAIL, MAILED, LOOKED, MAILED)
    assert counterfactual(log, tmp_path, NO_READ + MAIL) == output.FOUND
    said = capsys.readouterr()
    diverged = json.loads(said.out)["diverged"]
    assert (diverged["decisions"], diverged["replayed"], diverged["changed"]) == (1, 0, 0)
    assert [(one["why"], one["decisions"]) for one in diverged["left"]] == [("hangs on more", 1)]
    assert "1 decision not replayed, of which NEW may permit more" in said.err
    assert counterfactual(log, tmp_path, NO_READ + MAIL, "--accept-unreplayed") == output.OK


async def test_a_policy_that_permits_less_changes_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await decided(tmp_path, MAIL, MAILED, LOOKED, MAILED)
    assert counterfactual(log, tmp_path, CAREFUL) == output.OK
    found = json.loads(capsys.readouterr().out)
    assert groups(found["straight"]) == [("mail.send", "permit", "deny (policy-denied)", 1)]
    assert (found["straight"]["decisions"], found["diverged"]["decisions"]) == (3, 0)


async def test_a_policy_that_permits_more_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await decided(tmp_path, CAREFUL, LOOKED, MAILED)
    assert counterfactual(log, tmp_path, MAIL) == output.FOUND
    found = json.loads(capsys.readouterr().out)
    assert groups(found["straight"]) == [("mail.send", "deny (policy-denied)", "permit", 1)]
    assert replay(log, tmp_path, "--policy", str(tmp_path / "new")) == output.FOUND
    assert capsys.readouterr().out.startswith(
        "WIDER mail.send: deny (policy-denied) -> permit\n  1 decision\n  rules +mail\n  d_"
    )


async def test_what_was_not_spent_is_there_to_be_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Two mails and no more: the third is refused.
    log = await decided(tmp_path, TWO_MAILS, MAILED, MAILED, MAILED)
    # The first had waited for another call, so it spends nothing, and neither do the others.
    assert counterfactual(log, tmp_path, LATER) == output.OK
    found = json.loads(capsys.readouterr().out)
    assert groups(found["straight"]) == [("mail.send", "permit", "deny (policy-denied)", 1)]
    assert groups(found["diverged"]) == [("mail.send", "permit", "deny (policy-denied)", 1)]
    assert (found["diverged"]["decisions"], found["diverged"]["widened"]) == (2, 0)


async def test_what_had_been_spent_is_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Three calls of all kinds: under the new policy the first, refused mail had used up one.
    log = await decided(tmp_path, LATER, MAILED, LOOKED, MAILED, MAILED, budgets={"calls": 3})
    assert counterfactual(log, tmp_path, MAIL) == output.FOUND
    found = json.loads(capsys.readouterr().out)
    assert groups(found["straight"]) == [("mail.send", "deny (policy-denied)", "permit", 1)]
    assert groups(found["diverged"]) == [("mail.send", "permit", "deny (budget-exhausted)", 1)]
    assert (found["diverged"]["decisions"], found["diverged"]["widened"]) == (3, 0)


async def test_only_the_calls_of_some_time_or_task_are_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await decided(tmp_path, MAIL, MAILED, MAILED)
    task = next(record["task"] for record in opened(log) if record["kind"] == "decision")
    for more, decisions, code in (
        (("--task", task), 2, output.OK),
        (("--task", "t_0"), 0, output.FAULT),
        (("--until", "2020-01-01"), 0, output.FAULT),
        (("--since", "2999-01-01"), 0, output.FAULT),
    ):
        assert replay(log, tmp_path, *more, "--format", "json") == code
        assert json.loads(capsys.readouterr().out)["decisions"] == decisions
        assert counterfactual(log, tmp_path, MAIL, *more) == code
        found = json.loads(capsys.readouterr().out)
        assert found["straight"]["decisions"] == decisions


def test_what_is_not_there_or_broken_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "log", [{"kind": "config"}])
    write(tmp_path / "broken", "permit contains {")
    for more, words in ((("--policy", "nowhere"), "there is no"), ((), "there is no")):
        assert replay(tmp_path / "log", tmp_path, *more) == output.USAGE
        assert words in capsys.readouterr().err
    assert replay(tmp_path / "log", tmp_path, bundle="broken") == output.USAGE
    assert "broken/rules/test.rego:" in capsys.readouterr().err
    assert main.main(["audit", "replay", str(tmp_path / "nowhere")]) == output.FAULT


def opened(log: Path) -> list[dict[str, Any]]:
    """The records of a log as they were handed to it."""
    opening = opener(log)
    records = [opening.whole(record) for record in read(log)]
    for record in records:
        for added in ("n", "task_n", "pair_n", "payload"):
            record.pop(added, None)
    return records
