"""Somebody looks into what an agent did: they get all of it, can prove it, and it is on record."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import lock
from safeconduct.audit.reading import read
from safeconduct.cli import output
from safeconduct.cli.operator import SaidNo, ask
from safeconduct.config import load
from safeconduct.demo import plot
from safeconduct.kit import accounts
from tests.stories import test_operator as operator
from tests.support.company import Company, Installed
from tests.support.pages import ROOT

VERIFIER = ROOT / "scripts" / "verify_log.py"

pytestmark = operator.pytestmark
company, gateway = operator.company, operator.gateway


def log_of(gateway: Installed) -> Path:
    return output.log_of(load(gateway.directory))


def reads(gateway: Installed) -> list[dict[str, Any]]:
    return [one for one in read(log_of(gateway)) if one["kind"] == "audit.read"]


async def called(gateway: Installed) -> tuple[str, list[str]]:
    """A task of two calls, and how to ask for what its agent did for its user."""
    task = await gateway.task()
    async with gateway.tools(task) as tools:
        await tools.call("crm.get_case", {"case_id": plot.CASE_ID})
        await operator.sent(tools, gateway.customer, "hello")
    agent = next(iter(load(gateway.directory).root.assignments))
    started = next(one for one in read(log_of(gateway)) if one.get("task") == task.task)
    assert agent in started["agent"]["id"]
    return task.task, ["--agent", started["agent"]["id"], "--user", plot.USER, "--since", "1h"]


async def test_everything_that_an_agent_did_for_a_user_is_shown_to_be_everything(
    gateway: Installed,
) -> None:
    task, asked = await called(gateway)
    code, lines = await gateway.operate("audit", "query", *asked, "--prove")
    assert code == 0, lines
    *records, last = lines
    assert (last["complete"], last["missing"]) == ("pair_n", None)
    kinds = [one["record"]["kind"] for one in records if one["answers"]]
    assert kinds[0] == "task"
    assert kinds.count("decision") == 2
    # Nothing came after: the reading itself has the next number.
    closing = records[-1]["record"]
    assert (closing["kind"], closing["task"], records[-1]["answers"]) == ("audit.read", task, False)
    assert [one["record"]["pair_n"] for one in records] == [*range(1, len(records) + 1)]


async def test_that_there_is_nothing_is_learned_on_record_too(
    gateway: Installed, tmp_path: Path
) -> None:
    await called(gateway)
    nobody = ("--user", "nobody@private.example")
    case = ("export", "--case", "C-1", "--out", str(tmp_path / "case.zip"))
    verbs: list[tuple[str, ...]] = [
        ("query", *nobody),
        ("query", *nobody, "--prove"),
        (*case, *nobody),
        (*case, "--tool", "crm.nobody"),
    ]
    for verb in verbs:
        code, said = await gateway.operate("audit", *verb)
        assert code == 1, said
    found = reads(gateway)
    assert [(one["phase"], one["records"]) for one in found] == [(verb[0], 0) for verb in verbs]
    assert [one["asked"].get("user") for one in found] == ["u_nobody"] * 3 + [None]
    assert not any(
        b"nobody@private.example" in one.read_bytes()
        for one in log_of(gateway).rglob("*")
        if one.is_file()
    )


async def test_audit_read_for_every_forensic_query(gateway: Installed, tmp_path: Path) -> None:
    task, asked = await called(gateway)
    decision = next(one["decision"] for one in read(log_of(gateway)) if one["kind"] == "decision")
    bundle = str(tmp_path / "case.zip")
    verbs = [
        ("query", *asked),
        ("query", *asked, "--prove"),
        ("query", "--task", task, "--verdict", "deny"),
        ("show", decision),
        ("show", "--last", "3"),
        ("timeline", task),
        ("timeline", "t_none"),
        ("export", "--case", "C-1", "--out", bundle, "--task", task),
    ]
    last: list[int] = []
    for verb in verbs:
        code, said = await gateway.operate("audit", *verb)
        assert code == (1 if "t_none" in verb else 0), said
        if "--last" in verb:
            last = [one["n"] for one in said]
    found = reads(gateway)
    assert [one["phase"] for one in found] == [verb[0] for verb in verbs]
    assert {one["by"] for one in found} == {accounts.operator()}
    assert [one["records"] for one in found][4:7:2] == [3, 0]
    assert found[0]["asked"]["agent"] == asked[1]
    assert found[0]["asked"]["user"].startswith("u_")  # nobody's name is written for good
    assert found[2]["asked"]["verdict"] == "deny"
    assert (found[4]["last"] - found[4]["first"], found[5]["asked"]) == (2, {"task": task})
    # What is on record as the answer is what was shown, and comes before that record.
    assert last == [found[4]["first"], found[4]["last"] - 1, found[4]["last"]]
    assert found[4]["last"] == found[4]["n"] - 1
    # The bundle's case is the one on record, and a stranger's program finds nothing wrong.
    verify = await asyncio.create_subprocess_exec(
        sys.executable, str(VERIFIER), bundle, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await verify.communicate()
    assert verify.returncode == 0, said
    code, report = await gateway.operate("audit", "verify")
    assert (code, report["verified"]) == (0, True)


async def test_what_was_asked_of_a_time_that_has_passed_is_a_bundle_that_verifies(
    gateway: Installed, tmp_path: Path
) -> None:
    """However much followed: the evidence goes on to the record of the question itself."""
    task, asked = await called(gateway)
    decided = [one for one in read(log_of(gateway)) if one["kind"] == "decision"]
    until = datetime.fromtimestamp(decided[1]["at_ms"] / 1000, UTC).isoformat()
    bundle = str(tmp_path / "case.zip")
    code, said = await gateway.operate(
        *("audit", "export", "--case", "C-1", "--out", bundle, *asked, "--until", until)
    )
    assert (code, said["complete"], said["missing"]) == (0, "pair_n", None)
    records = [json.loads(one) for one in dict(members(Path(bundle)))["records.jsonl"].splitlines()]
    assert (records[-1]["kind"], records[-1]["task"]) == ("audit.read", task)
    assert len(records) > said["records"] + 2
    for program in (["-m", "safeconduct", "audit", "verify", "--bundle"], [str(VERIFIER)]):
        verify = await asyncio.create_subprocess_exec(
            sys.executable, *program, bundle, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await verify.communicate()
        assert verify.returncode == 0, told


async def test_explaining_comparing_replaying_and_publishing_are_on_record_too(
    gateway: Installed, tmp_path: Path
) -> None:
    await called(gateway)
    log, out = log_of(gateway), tmp_path / "out"
    recorded = list(read(log))
    one = next(record["decision"] for record in recorded if record["kind"] == "decision")
    policy = str(gateway.directory / "policy")
    code, explained = await gateway.operate("explain", one)
    assert (code, explained["decision"]["decision"]) == (0, one)
    assert (await gateway.operate("explain", "d_none"))[0] == output.FOUND
    code, compared = await gateway.operate("policy", "diff", policy, policy)
    assert (code, compared["changed"]) == (0, 0)
    for more in ((), ("--policy", policy, "--until", "2999-01-01")):
        code, replayed = await gateway.operate("audit", "replay", *more)
        assert code == 0, replayed
    code, published = await gateway.operate("audit", "publish", "--to", str(out))
    assert code == 0
    explaining, nothing, comparing, replaying, instead, publishing = reads(gateway)
    assert [explaining["phase"], comparing["phase"], publishing["phase"]] == [
        "explain", "diff", "publish",
    ]  # fmt: skip
    assert (explaining["asked"], explaining["opened"]) == ({"decision": one}, True)
    shown = [record for record in recorded if record.get("decision") == one]
    assert (explaining["records"], explaining["first"]) == (2, shown[0]["n"])
    assert (nothing["phase"], nothing["records"]) == ("explain", 0)
    decided = sum(record["kind"] == "decision" for record in recorded)
    assert (comparing["records"], comparing["asked"]) == (decided, {"kind": "decision"})
    assert (replaying["phase"], replaying["opened"]) == ("replay", True)
    assert replaying["asked"] == {"kind": "decision"}
    assert instead["asked"] == {"kind": "decision", "until_ms": 32_472_144_000_000}
    assert replaying["answer"] == instead["answer"] == comparing["answer"]
    # What is published is what was said to be, and the record of it comes after.
    assert (publishing["first"], publishing["last"]) == (0, published["size"] - 1)
    assert publishing["records"] == published["size"] <= publishing["n"]
    assert {record["tenant"] for record in reads(gateway)} == {explaining["tenant"]}


async def test_a_log_that_is_being_written_is_no_copy(gateway: Installed, tmp_path: Path) -> None:
    await called(gateway)
    log, policy = str(log_of(gateway)), str(gateway.directory / "policy")
    stranger = Installed(tmp_path, "")
    for verb in (
        ("explain", "d_1", "--log", log),
        ("policy", "diff", policy, policy, "--against", log),
        ("audit", "replay", log),
        ("audit", "publish", log, "--to", str(tmp_path / "out")),
    ):
        code, said = await stranger.operate(*verb)
        assert (code, "reading it belongs on record" in said) == (output.USAGE, True), said
    assert (reads(gateway), (tmp_path / "out").exists()) == ([], False)


async def test_what_was_sealed_is_opened_for_who_has_the_keys_and_that_is_on_record(
    gateway: Installed, tmp_path: Path
) -> None:
    task, _ = await called(gateway)
    decision = next(one["decision"] for one in read(log_of(gateway)) if one["kind"] == "decision")
    _, shown = await gateway.operate("audit", "show", decision)
    opened = {one["record"]["kind"]: one["payload"]["content"] for one in shown if one["payload"]}
    assert opened["decision"]["arguments"] == {"case_id": plot.CASE_ID}
    assert plot.CASE_ID in str(opened["outcome"]["result"])
    bundles = [tmp_path / "sealed.zip", tmp_path / "opened.zip"]
    for bundle, more in zip(bundles, ([], ["--open"]), strict=True):
        code, _ = await gateway.operate(
            *("audit", "export", "--case", "C", "--task", task, "--out", str(bundle), *more)
        )
        assert code == 0
    sealed, clear = (dict(members(bundle)) for bundle in bundles)
    payloads = [name for name in sealed if name.startswith("payloads/")]
    assert len(payloads) >= 2
    assert not [name for name in sealed if name.startswith("opened/")]
    n = next(one["record"]["n"] for one in shown if one["record"]["kind"] == "decision")
    assert json.loads(clear[f"opened/{n}.json"])["arguments"] == {"case_id": plot.CASE_ID}
    assert [one.get("opened", False) for one in reads(gateway)] == [True, False, True]


def members(bundle: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(bundle) as file:
        for name in file.namelist():
            yield name, file.read(name)


async def test_what_a_command_notes_has_a_shape_and_its_author_is_the_peer(
    gateway: Installed,
) -> None:
    socket = gateway.directory / load(gateway.directory).root.gateway.operator_socket
    whole = {
        "kind": "audit.read", "phase": "query", "tenant": "x", "asked": {}, "records": 0,
        "answer": "0" * 64,
    }  # fmt: skip
    for wrong in (
        {"kind": "decision", "verdict": "permit"},
        {**whole, "kind": "task"},
        {**whole, "by": "uid:0"},
        {**whole, "at_ms": 1},
        {**whole, "answer": "short"},
        {**whole, "asked": {"agent": ["a"]}},
        None,
    ):
        with pytest.raises(SaidNo, match="this is no note"):
            await asyncio.to_thread(ask, socket, "note", record=wrong)
    assert reads(gateway) == []
    n = (await asyncio.to_thread(ask, socket, "note", record=whole))["n"]
    (found,) = reads(gateway)
    assert (found["n"], found["by"]) == (n, accounts.operator())


async def test_without_a_gateway_the_log_is_opened_to_note_it_or_nothing_is_read(
    company: Company, tmp_path: Path
) -> None:
    stopped = company.installed(tmp_path)
    async with stopped.running():
        _, asked = await called(stopped)
    code, lines = await stopped.operate("audit", "query", *asked, "--prove")
    assert (code, lines[-1]["missing"]) == (0, None), lines
    assert [one["phase"] for one in reads(stopped)] == ["query"]
    decision = next(one["decision"] for one in read(log_of(stopped)) if "decision" in one)
    policy, out = str(stopped.directory / "policy"), tmp_path / "out"
    held = lock.acquire(log_of(stopped))
    try:
        for verb in (
            ("audit", "query", *asked),
            ("explain", decision),
            ("policy", "diff", policy, policy),
            ("audit", "replay", "--list"),
            ("audit", "publish", "--to", str(out)),
        ):
            code, said = await stopped.operate(*verb)
            assert code == output.FAULT
            assert "nothing was read, as reading could not be put on record" in said
            assert decision not in said
    finally:
        os.close(held)
    assert not out.exists()
    assert len(reads(stopped)) == 1
    log = str(log_of(stopped))
    code, said = await Installed(tmp_path, "").operate("audit", "show", decision, log)
    assert (code, decision in said) == (output.USAGE, False)
    # By its directory it is the same log, and reading it is as much on record.
    code, _ = await stopped.operate("audit", "show", decision, log)
    assert (code, [one["phase"] for one in reads(stopped)]) == (0, ["query", "show"])
    code, report = await stopped.operate("audit", "verify")
    assert (code, report["verified"]) == (0, True)
