"""`safeconduct audit query`, `show`, `timeline`, `export`: over a copy of a log."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import checkpoint, lock, segments
from safeconduct.audit.index.moments import moment_ms
from safeconduct.cli import main, output
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import is_included
from tests.support.evidence import theirs
from tests.support.logs import sign
from tests.support.trails import DAY_MS, START_MS, Trail

NOT_NOTED = "safeconduct: this reading is not on record: a copy of a log takes no records\n"
FIRST = f"d_{1:024x}"
SECOND = f"d_{2:024x}"


def trail() -> Trail:
    made = Trail()
    made.start("t_1")
    made.add({"kind": "decision", "decision": FIRST, "task": "t_1", "tenant": "crm.example",
              "agent": "triage", "user": "jane", "tool": "crm.get_case", "verdict": "permit",
              "labels": {"integrity": "trusted", "confidentiality": "public", "categories": []},
              "checks": []})  # fmt: skip
    dirty = {"integrity": "untrusted", "confidentiality": "confidential", "categories": ["pii"]}
    made.add({"kind": "memory", "decision": FIRST, "task": "t_1", "labels": dirty, "vouched": []})
    made.add({"kind": "outcome", "decision": FIRST, "task": "t_1", "status": "ok"})
    made.start("t_2", agent="helper", parent="t_1")
    made.call("t_2", "crm.search")
    made.add({"kind": "decision", "decision": SECOND, "task": "t_1", "tenant": "crm.example",
              "agent": "triage", "user": "jane", "tool": "mail.send", "verdict": "deny",
              "reason": "flow-not-allowed", "labels": dirty,
              "checks": [{"check": "flow", "said": "deny"}]})  # fmt: skip
    made.at_ms = START_MS + DAY_MS
    made.call("t_1")
    return made


@pytest.fixture
def log(tmp_path: Path) -> Path:
    directory = tmp_path / "copy"
    trail().write(directory)
    return directory


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main.main(["audit", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_records_are_found_by_what_is_said_of_them(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(
        capsys, "query", log, "--agent", "triage", "--user", "jane", "--verdict", "deny"
    )
    assert (code, err) == (output.OK, NOT_NOTED)
    assert out.split() == [
        "8", "2026-11-18T11:06:48+00:00", "decision", "deny", SECOND, "mail.send",
        "flow-not-allowed", "t_1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        (["--since", "2026-11-18T11:06:46Z", "--until", "2026-11-18T12:06:47+01:00"], [6]),
        (["--label", "pii"], [3, 8]),
        (["--task", "t_2"], [5, 6, 7]),
        (["--kind", "outcome", "--limit", "1"], [10]),
        (["--tool", "crm.search", "--tenant", "crm.example"], [6]),
        (["--tenant", "other.example"], []),
    ],
)
def test_each_option_narrows(
    asked: list[str], numbers: list[int], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "query", log, "--format", "json", *asked)
    assert (code, [record["n"] for record in lines(out)]) == (output.OK, numbers)


@pytest.mark.parametrize(
    ("option", "word", "known"),
    [("--verdict", "denied!", "permit, elevate, deny, ok"), ("--kind", "decisions", "decision")],
)
def test_a_word_that_no_record_says_is_a_mistake(
    option: str, word: str, known: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "query", log, option, word)
    assert (code, out, known in err) == (output.USAGE, "", True)
    assert err.startswith(f"safeconduct: {option} {word}: no record says that of itself (fix: ")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--verdict", "elevate"], "0 records"),
        (["--tool", "crm.get"], "0 records; no record names the tool crm.get"),
        (
            ["--agent", "sales", "--tool", "none", "--task", "t_1"],
            "0 records; no record names the agent sales; no record names the tool none",
        ),
        (["--agent", "triage", "--tool", "crm.search"], "0 records"),
    ],
)
def test_no_record_is_said_to_be_none(
    asked: list[str], said: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = f"{NOT_NOTED}safeconduct: {said}\n"
    assert run(capsys, "query", log, *asked) == (output.OK, "", told)
    assert run(capsys, "query", log, *asked, "--format", "json") == (output.OK, "", NOT_NOTED)


def test_who_asks_for_the_last_is_told_of_the_limit(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(capsys, "query", log, "--last", "3")
    assert ended.value.code == output.USAGE
    assert "(the newest are asked for by --limit N)" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["soon", "7", "0d", "2026-11-18T11:06:47", "7d ago"])
def test_what_is_no_time_is_told_what_would_be(
    text: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(capsys, "query", log, "--since", text)
    assert ended.value.code == output.USAGE
    assert "7d, 24h, or as in 2026-11-21T09:00:00Z" in capsys.readouterr().err


def test_times_ago_count_from_now() -> None:
    assert moment_ms("7d", 10 * DAY_MS) == 3 * DAY_MS
    assert moment_ms("90s", 100_000) == 10_000
    assert moment_ms("1970-01-02T00:00:00Z", 0) == DAY_MS


def test_a_proof_says_that_none_is_missing(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "query", log, "--agent", "triage", "--user", "jane", "--prove",
        "--until", "2026-11-18T12:00:00Z", "--verdict", "deny",
    )  # fmt: skip
    first, last = out.splitlines()
    assert (code, SECOND in first) == (output.OK, True)
    assert last.startswith("1 record proven under the root ")
    assert last.endswith("; none is missing: pair_n 1 to 7 without a gap")


def test_a_copy_cannot_show_that_nothing_came_after(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "query", log, "--task", "t_1", "--prove")
    assert code == output.FOUND
    assert out.endswith("NOT shown to be complete: nothing shows that number 7 was the last\n")


def test_a_wide_question_is_proven_record_by_record(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "query", log, "--kind", "task", "--prove")
    assert code == output.OK
    assert out.endswith("that none is missing can be shown of one task, or one agent and user\n")


def test_a_proof_can_be_checked_by_others(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--agent", "triage", "--user", "jane", "--until", "2026-11-18T12:00:00Z"]
    code, out, _ = run(capsys, "query", log, *asked, "--prove", "--format", "json")
    *records, last = lines(out)
    assert code == output.OK
    assert (last["complete"], last["missing"]) == ("pair_n", None)
    _, size, root, *_ = last["checkpoint"].split("\n")
    for one in records:
        data = json.dumps(one["record"], sort_keys=True, separators=(",", ":")).encode()
        assert leaf_hash(data).hex() == one["leaf"]
        path = [bytes.fromhex(node) for node in one["proof"]]
        assert is_included(leaf_hash(data), one["record"]["n"], int(size), path, b64decode(root))
    assert [one["record"]["pair_n"] for one in records] == [1, 2, 3, 4, 5, 6, 7]
    assert [one["answers"] for one in records] == [True] * 5 + [False] * 2


def test_of_a_damaged_log_what_comes_before_is_found_and_it_is_said(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = segments.path(log, 0)
    data = bytearray(path.read_bytes())
    data[data.index(b'"n":6')] ^= 1
    path.write_bytes(data)
    code, out, err = run(capsys, "query", log, "--format", "json")
    assert code == output.FAULT
    assert [record["n"] for record in lines(out)] == [0, 1, 2, 3, 4]
    assert "the log is damaged, and this is what comes before: " in err


@pytest.mark.parametrize(
    "verb",
    [["query", "--agent", "triage"], ["show", FIRST], ["timeline", "t_1"], ["timeline", "t_none"]],
)
def test_an_index_that_somebody_wrote_to_is_said_to_be_damaged_and_loses_nothing(
    verb: list[str], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run(capsys, *verb, log)
    week = log / "index" / "2026-W47.sqlite3"
    with sqlite3.connect(week) as db:
        db.execute("delete from rows where n < 8")
    db.close()
    code, out, err = run(capsys, *verb, log)
    assert (code, out) == before[:2]
    said = "safeconduct: the index was damaged, and built anew from the log: "
    assert f"{said}{week.name} is not as it was written\n" in err
    assert run(capsys, *verb, log) == before


def test_an_index_is_not_written_where_nobody_may_write(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert run(capsys, "query", log, "--kind", "config")[0] == output.OK
    assert not (log / "index").exists()


def test_a_timeline_says_what_brought_a_label_and_what_was_refused_for_it(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "timeline", "t_1", log)
    assert (code, err) == (output.OK, NOT_NOTED)
    shown = [" ".join(line.split()[1:]) for line in out.splitlines()]
    assert shown[:3] == [
        "started task Answer C-1",
        f"permit crm.get_case {FIRST} ok",
        "result brought: untrusted, confidential, pii",
    ]
    assert shown[3].startswith("started task [t_2] Answer C-1")
    assert shown[4].startswith("permit [t_2] crm.search")
    assert shown[5] == f"deny mail.send {SECOND} flow-not-allowed"
    assert shown[6] == "of: " + "; ".join(
        f"{word} (from crm.get_case, {FIRST})" for word in ("untrusted", "confidential", "pii")
    )


def test_a_timeline_for_programs(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "timeline", "t_1", log, "--format", "json")
    (value,) = lines(out)
    assert code == output.OK
    assert (value["task"], value["children"]) == ("t_1", ["t_2"])
    refused = next(event for event in value["events"] if event.get("decision") == SECOND)
    assert refused["because"][0] == {
        "word": "untrusted", "decision": FIRST, "tool": "crm.get_case",
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [["timeline", "t_none"], ["show", f"d_{9:024x}"]])
def test_what_the_log_does_not_know(
    arguments: list[str], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *arguments, log)
    assert (code, out) == (output.FOUND, "")
    assert f"the log knows no {'task' if arguments[0] == 'timeline' else 'decision'} " in err


def test_all_about_a_decision(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "show", FIRST, log, "--format", "json")
    assert code == output.OK
    assert [one["record"]["kind"] for one in lines(out)] == ["decision", "memory", "outcome"]
    code, out, _ = run(capsys, "show", FIRST, log)
    assert "    tool            crm.get_case\n" in out


def test_what_is_nearly_a_decision_is_no_directory(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "show", "d_nope")
    assert (code, "there is no decision d_nope: an id is d_ and 24 hex" in err) == (1, True)


def test_two_directories_are_not_understood(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "show", log, log)
    assert (code, "is no decision" in err) == (output.USAGE, True)


def test_show_of_a_growing_log_ends_where_it_was_counted(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "show", log, "--last", "2", "--format", "json")
    assert (code, err) == (output.OK, NOT_NOTED)
    assert [record["n"] for record in lines(out)] == [9, 10]


def test_a_bundle_holds_what_its_page_says_and_is_the_same_each_time(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--agent", "triage", "--user", "jane", "--until", "2026-11-18T12:00:00Z"]
    for name in ("one.zip", "two.zip"):
        where = tmp_path / name
        code, _, _ = run(capsys, "export", log, "--case", "C-1", "--out", where, *asked)
        assert code == output.OK
        assert where.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(tmp_path / "one.zip") as bundle:
        members = {name: bundle.read(name) for name in bundle.namelist()}
    with zipfile.ZipFile(tmp_path / "two.zip") as bundle:
        assert {name: bundle.read(name) for name in bundle.namelist()} == members
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert list(members) == [
        "README.md", "case.json", "records.jsonl", "proofs.jsonl", "checkpoint", "verify_log.py",
    ]  # fmt: skip
    case = json.loads(members["case.json"])
    assert case["asked"] == {
        "tenant": "crm.example", "agent": "triage", "user": "jane",
        "until_ms": START_MS + 3_200_000,
    }  # fmt: skip
    assert (case["case"], case["complete"], case["origin"]) == (
        "C-1",
        "pair_n",
        "crm.example/audit",
    )
    leaves = {
        json.loads(one)["n"]: leaf_hash(one).hex()
        for one in members["records.jsonl"].split(b"\n")[:-1]
    }
    assert {one["n"]: one["leaf"] for one in case["answer"]}.items() <= leaves.items()
    assert sha256(members["case.json"]).hexdigest() not in members["records.jsonl"].decode()


def test_nothing_is_written_over(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = tmp_path / "out.zip"
    where.write_text("mine")
    code, _, err = run(capsys, "export", log, "--case", "C-1", "--out", where)
    assert (code, where.read_text()) == (output.USAGE, "mine")
    assert "exists (fix: name another file)" in err


def test_a_bundle_of_nothing_is_none(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = tmp_path / "out.zip"
    code, _, err = run(capsys, "export", log, "--case", "C", "--out", where, "--kind", "pin")
    assert (code, where.exists()) == (output.FOUND, False)
    assert "no record answers" in err
    code, _, err = run(capsys, "export", log, "--case", "C", "--out", where, "--task", "t_none")
    assert (code, where.exists()) == (output.FOUND, False)
    assert "no record answers" in err


def test_a_bundle_that_cannot_be_written_leaves_nothing(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    where = tmp_path / "new" / "out.zip"
    where.parent.mkdir()
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        code, _, _ = run(capsys, "export", log, "--case", "C", "--out", where, "--kind", "task")
    assert (code, list(where.parent.iterdir())) == (output.FAULT, [])
    code, _, _ = run(capsys, "export", log, "--case", "C", "--out", where, "--kind", "task")
    assert (code, list(where.parent.iterdir())) == (output.OK, [where])


@pytest.mark.parametrize(
    ("asked", "code", "claim"),
    [
        (["--agent", "triage", "--user", "jane"], 0, "of what triage did for jane all 5 records"),
        (["--agent", "triage", "--user", "jane", "--verdict", "deny"], 0,
         "of what triage did for jane all records that were asked for"),
        (["--kind", "decision"], 0, "a selection: completeness is not claimed"),
        (["--task", "t_2"], 1, "completeness is NOT claimed"),
    ],
)  # fmt: skip
def test_a_bundle_says_whether_it_claims_to_be_complete(
    asked: list[str],
    code: int,
    claim: str,
    log: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    until = ["--until", "2026-11-18T12:00:00Z"] if code == 0 else []
    where = tmp_path / "out.zip"
    ended, out, _ = run(capsys, "export", log, "--case", "C", "--out", where, *asked, *until)
    last = claim if "ompleteness" in claim else f"{claim}, none is missing"
    assert (ended, out.splitlines()[-1]) == (code, last)


def test_a_bundle_of_a_task_names_the_tasks_below_it_which_it_leaves_out(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, early = tmp_path / "out.zip", tmp_path / "early.zip"
    tree = checkpoint.load(log)
    assert tree is not None
    sign(log, tree)
    task = ["export", log, "--case", "C", "--until", "2026-11-18T12:00:00Z", "--task", "t_1"]
    code, out, _ = run(capsys, *task, "--out", where)
    _, line, claim = out.splitlines()
    assert code == output.OK
    assert line == "what was done in the tasks below it is not in the bundle: t_2"
    assert claim == "of task t_1 all 5 records, none is missing"
    told = json.loads(zipfile.ZipFile(where).read("case.json"))
    assert (told["complete"], told["below"]) == ("task_n", ["t_2"])
    code, out, _ = run(capsys, "verify", "--bundle", where)
    assert (code, "what was done in the tasks below it is not in here: t_2" in out) == (0, True)
    said = theirs(where)
    assert said.code == 0, said.text
    assert "complete by task_n; tasks below, which are not in it: ['t_2']" in said.text
    # Before the other one was started there was none below it.
    task[task.index("--until") + 1] = "2026-11-18T11:06:44Z"
    code, out, _ = run(capsys, *task, "--out", early, "--format", "json")
    assert (code, lines(out)[0]["below"]) == (output.OK, [])


def test_a_week_that_has_passed_is_archived_and_still_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    past = Trail(at_ms=START_MS - 365 * DAY_MS)
    past.start("t_1")
    past.call("t_1")
    past.write(tmp_path / "log")
    code, out, _ = run(capsys, "archive", tmp_path / "log", "--week", "2025-W47")
    assert (code, "2025-W47.parquet: 4 records, SHA-256 " in out) == (output.OK, True)
    code, out, _ = run(capsys, "query", tmp_path / "log", "--kind", "decision")
    assert (code, len(out.splitlines())) == (output.OK, 1)
    assert not list((tmp_path / "log" / "index").glob("*.sqlite3"))


@pytest.mark.parametrize(
    ("week", "code", "said"),
    [
        ("2025-W01", output.FOUND, "the log has no record of 2025-W01"),
        ("2199-W01", output.FOUND, "2199-W01 has not passed yet"),
        ("last", output.USAGE, "last is no week (fix: write it as in 2026-W45)"),
    ],
)
def test_what_cannot_be_archived(
    week: str, code: int, said: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "archive", log, "--week", week)[::2] == (code, f"safeconduct: {said}\n")


@pytest.mark.parametrize("verb", [["query"], ["show"], ["timeline", "t_1"]])
def test_a_log_in_use_is_no_copy_and_not_read_past_its_gateway(
    verb: list[str], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = lock.acquire(log)
    try:
        code, out, err = run(capsys, *verb, log)
    finally:
        os.close(held)
    assert (code, out) == (output.USAGE, "")
    assert "name the configuration of its gateway with --config" in err


@pytest.mark.parametrize(
    ("lies", "kept"),
    [
        (".", "keys/keystore.sqlite3"),
        ("..", "keys/keystore.sqlite3"),
        ("state", "keys/keystore.sqlite3"),
        ("..", "audit.signed"),
        ("state", "audit.signed"),
    ],
)
@pytest.mark.parametrize("linked", [False, True])
def test_a_log_that_has_its_gateways_keys_beside_it_is_no_copy(
    lies: str, kept: str, linked: bool, log: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    beside = (tmp_path / lies if lies == "state" else log / lies) / kept
    beside.parent.mkdir(parents=True, exist_ok=True)
    beside.touch()
    if linked:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "log").symlink_to(log)
        log = tmp_path / "elsewhere" / "log"
    before = sorted(log.iterdir())
    said = (
        f"safeconduct: {log} has its gateway's keys beside it, and is no copy, so reading it "
        "belongs on record (fix: name the configuration of its gateway with --config; a copy lies "
        "elsewhere)\n"
    )
    out = str(tmp_path / "out.zip")
    for verb in (
        ["audit", "show", FIRST, str(log)],
        ["audit", "show", str(log)],
        ["audit", "query", str(log)],
        ["audit", "timeline", "t_1", str(log)],
        ["audit", "export", "--case", "C", "--out", out, str(log)],
        ["audit", "replay", str(log)],
        ["explain", FIRST, "--log", str(log)],
    ):
        assert main.main(verb) == output.USAGE, verb
        shown = capsys.readouterr()
        assert (shown.out, shown.err) == ("", said)
    assert sorted(log.iterdir()) == before
