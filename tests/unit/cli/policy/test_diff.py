"""`safeconduct policy diff` over the log of a gateway that decided by the old bundle."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import checkpoint
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.payloads.opening import opener
from safeconduct.audit.reading import decisions
from safeconduct.cli import main, output
from safeconduct.cli.policy.diff import since_ms
from safeconduct.policy.bundles.archive import pack
from safeconduct.policy.bundles.folder import files_in
from safeconduct.policy.loading import load
from safeconduct.simulation import SimulatedTask
from tests.support.bundles import write
from tests.support.logs import numbers, written
from tests.support.worlds import config, configured, operated

MAIL = 'permit contains {"id": "mail"} if input.call.tool == "mail.send"\n'
CAREFUL = MAIL.replace(
    'if input.call.tool == "mail.send"',
    'if { input.call.tool == "mail.send"; input.labels.integrity == "trusted" }',
)


def case(**_: object) -> dict[str, Any]:
    return {"id": "C-1", "customer_email": "dana@customer.example", "messages": [{"body": "x"}]}


def sent(**_: object) -> dict[str, bool]:
    return {"sent": True}


GROUPS = (
    'permit contains {"id": "sales"} if '
    '{ input.call.tool == "mail.send"; "sales" in input.user.groups }\n'
)


async def decided_by(rules: str, tmp_path: Path, masks: str = "{}\n") -> Path:
    """The log of two mails to a customer on file, the second one after untrusted text was read."""
    old = load(write(tmp_path / "old", rules, files={"masks.yaml": masks}))
    on_file = {"crm.on_file": lambda: {"emails": ["dana@customer.example"]}}
    mail = {"to": "dana@customer.example", "body": "done"}
    async with SimulatedTask(
        config(tmp_path), "Answer C-1.", policy=old, resolvers=on_file, directory=tmp_path
    ) as task:
        for tool, arguments, result in (
            ("mail.send", mail, sent),
            ("crm.get_case", {"case_id": "C-1"}, case),
            ("mail.send", mail, sent),
            ("crm.no_such_tool", {}, sent),
        ):
            await task.call(tool, arguments, result)
        log = Path(task.config.directory) / task.config.root.audit.directory
    configured(tmp_path)
    return log


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    return await decided_by(MAIL, tmp_path)


def diff(tmp_path: Path, log: Path, old: str, new: str, *more: str) -> int:
    bundles = str(tmp_path / old), str(tmp_path / new)
    place = ["--against", str(log), "--config", str(tmp_path)]
    return operated("policy", "diff", *bundles, *place, *more)


def test_a_policy_against_itself_changes_no_decision(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(tmp_path, log, "old", "old") == output.OK
    assert capsys.readouterr().out == (
        "4 decisions, of these 3 replayed, 1 decided before the policy was asked\n"
        "0 decisions change\n"
    )


def test_what_gets_narrower_is_shown_with_what_the_task_had_read(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "new", CAREFUL)
    assert diff(tmp_path, log, "old", "new") == output.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "NARROWER mail.send: permit -> deny (policy-denied)"
    assert lines[1:3] == ["  1 decision", "  rules -mail"]
    assert lines[3].endswith("  untrusted internal pii")
    assert lines[-1] == "1 decision changes, 0 of them wider, 1 narrower"


async def test_what_gets_wider_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await decided_by(CAREFUL, tmp_path)
    write(tmp_path / "new", MAIL)
    assert diff(tmp_path, log, "old", "new") == output.FOUND
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "WIDER mail.send: deny (policy-denied) -> permit"
    assert lines[-1] == "1 decision changes, 1 of them wider, 0 narrower"
    assert diff(tmp_path, log, "old", "new", "--format", "json") == output.FOUND
    found = json.loads(capsys.readouterr().out)
    assert (found["changed"], found["widened"], found["replayed"]) == (1, 1, 3)
    assert found["groups"][0]["samples"][0]["labels"]["integrity"] == "untrusted"


def test_decisions_of_another_bundle_are_named_and_not_replayed(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "new", CAREFUL)
    assert diff(tmp_path, log, "new", "old") == output.FAULT
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("not replayed: 3 decisions, other bundle (d_")
    assert lines[-1] == "0 decisions change"
    assert "is OLD the bundle that decided?" in said.err


def test_what_is_not_replayed_may_be_wider_unless_that_is_accepted(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # As in a log of which a part was decided by another bundle.
    records = list(decisions(log, opener(log)))
    records[0]["policy"]["bundle"] = "0" * 64
    for record in records:
        for added in ("n", "task_n", "pair_n", "payload"):
            record.pop(added, None)
    mixed = tmp_path / "copy" / "mixed"
    mixed.parent.mkdir()
    written(mixed, records)
    assert diff(tmp_path, mixed, "old", "old") == output.FOUND
    said = capsys.readouterr()
    assert "1 decision not replayed, of which NEW may permit more (fix: " in said.err
    assert said.out.endswith("\n0 decisions change\n")
    assert diff(tmp_path, mixed, "old", "old", "--accept-unreplayed") == output.OK
    assert capsys.readouterr().err == (
        "safeconduct: this reading is not on record: a copy of a log takes no records\n"
    )


async def test_what_new_looks_at_and_records_hide_is_not_taken_for_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await decided_by(CAREFUL, tmp_path, "erase: [/user/groups]\n")
    write(tmp_path / "new", CAREFUL + GROUPS)
    assert diff(tmp_path, log, "old", "old") == output.OK
    assert diff(tmp_path, log, "old", "new", "--accept-unreplayed") == output.FAULT
    assert "not replayed: 3 decisions, masked for NEW (d_" in capsys.readouterr().out


async def test_constraints_that_nobody_can_judge_are_taken_as_met(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await decided_by(CAREFUL, tmp_path)
    header = (
        "name: test\nengine: rego\nentrypoint: agent.tools\n"
        "obligations: {own: {constrain: {to: user.id}}}\n"
    )
    own = MAIL.replace('{"id": "mail"}', '{"id": "mail", "obligations": ["own"]}')
    write(tmp_path / "new", own, header=header)
    assert diff(tmp_path, log, "old", "new") == output.FOUND
    shown = capsys.readouterr().out
    met = "permit if its arguments meet what NEW demands\n"
    assert f"WIDER mail.send: deny (policy-denied) -> {met}" in shown
    assert f"NARROWER mail.send: permit -> {met}" in shown


def test_a_log_that_ends_before_its_checkpoint_is_a_fault(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claimed = checkpoint.load(log)
    assert claimed is not None
    checkpoint.store(log, Checkpoint(claimed.origin, claimed.size + 6, claimed.root))
    assert diff(tmp_path, log, "old", "old") == output.FAULT
    size = claimed.size
    said = capsys.readouterr().err
    assert f"the checkpoint knows {size + 6} records, the log holds {size}" in said


def test_what_logged_rules_had_done_is_told(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "name: test\nengine: rego\nentrypoint: agent.tools\nmodes: {strict: log_only}\n"
    strict = 'deny contains {"id": "strict"} if input.labels.integrity != "trusted"\n'
    write(tmp_path / "new", MAIL + strict, header=header)
    assert diff(tmp_path, log, "old", "new") == output.OK
    out = capsys.readouterr().out
    assert "logged only in NEW: strict: permit -> deny 1\n" in out
    assert out.endswith("\n0 decisions change\n")


@pytest.mark.parametrize(
    ("since", "decisions", "code"),
    [("1h", 4, output.OK), ("2999-01-01", 0, output.FAULT), ("2020-02-03T04:05Z", 4, output.OK)],
)
def test_only_what_is_recent_is_replayed(
    tmp_path: Path,
    log: Path,
    capsys: pytest.CaptureFixture[str],
    since: str,
    decisions: int,
    code: int,
) -> None:
    assert diff(tmp_path, log, "old", "old", "--since", since, "--format", "json") == code
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["decisions"], found["compared"]) == (decisions, decisions > 0)
    assert ("no decision in this time" in said.err) is (decisions == 0)


async def test_decisions_before_the_policy_compare_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = load(write(tmp_path / "old", MAIL))
    async with SimulatedTask(
        config(tmp_path), "Answer C-1.", policy=old, directory=tmp_path
    ) as task:
        await task.call("crm.no_such_tool", {}, sent)
        log = Path(task.config.directory) / task.config.root.audit.directory
    configured(tmp_path)
    assert diff(tmp_path, log, "old", "old") == output.FAULT
    assert "the policy was asked about none of these decisions" in capsys.readouterr().err


def test_bundles_may_be_archives(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.tar.gz").write_bytes(pack(files_in(tmp_path / "old")))
    (tmp_path / "broken.tar.gz").write_bytes(b"")
    assert diff(tmp_path, log, "old.tar.gz", "old") == output.OK
    assert capsys.readouterr().out.startswith("4 decisions, of these 3 replayed")
    assert diff(tmp_path, log, "old", "broken.tar.gz") == output.USAGE
    assert "broken.tar.gz:1: " in capsys.readouterr().err


def test_a_moment_is_a_span_back_from_now_or_a_date_in_utc() -> None:
    assert since_ms("2026-11-20") == since_ms("2026-11-20T01:00+01:00") == 1_795_132_800_000
    assert -1 < time.time() * 1000 - since_ms("30m") - 1_800_000 < 60_000
    for text in ("yesterday", "24", "5w", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="neither"):
            since_ms(text)


def test_what_is_not_there_or_broken_is_not_taken_for_wider(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "log", *numbers(1))
    write(tmp_path / "old", MAIL)
    write(tmp_path / "broken", "permit contains {")
    (tmp_path / "segment").write_bytes(b"")
    for log, old, new, words in (
        ("nowhere", "old", "old", "no log in"),
        ("old", "old", "old", "--against"),
        ("segment", "old", "old", "no log in"),
        ("log", "nowhere", "old", "there is no"),
        ("log", "old", "nowhere", "there is no"),
        ("log", "old", "broken", "broken/rules/test.rego:"),
    ):
        assert diff(tmp_path, tmp_path / log, old, new) == output.USAGE
        said = capsys.readouterr().err
        assert (words in said, "(fix: " in said) == (True, True), said
    bundle = str(tmp_path / "old")
    nowhere = str(tmp_path / "nowhere")
    assert main.main(["policy", "diff", bundle, bundle, "--config", nowhere]) == output.USAGE
    assert "fix: " in capsys.readouterr().err
