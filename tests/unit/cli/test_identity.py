"""`safeconduct identity`: what it shows, what it issues, and what it refuses to serve."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from safeconduct.audit import lock
from safeconduct.cli import identity, main, output
from safeconduct.config import load
from safeconduct.delegation.feed import Feed
from safeconduct.identity.issuer.workload_api import Unknown
from safeconduct.rooms import clock_ms
from tests.support.configs import Gateway
from tests.support.svids import COPILOT, DOMAIN, workload

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return workload(tmp_path / "gateway").directory


def run(*arguments: object) -> int:
    return main.main(["identity", *(str(one) for one in arguments)])


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_jwt_svid_is_issued_by_hand(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("issue", COPILOT, "--audience", "x", "--config", directory) == output.OK
    assert capsys.readouterr().out.count(".") == 2
    arguments = ("issue", COPILOT, "--audience", "x", "--config", directory, "--format", "json")
    assert run(*arguments) == output.OK
    assert told(capsys)["agent"] == COPILOT


def test_an_x509_svid_is_written_and_overwrites_nothing(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    assert run("issue", COPILOT, "--x509", made, "--config", directory) == output.OK
    names = ["key.pem", "svid.pem", "bundle.pem"]
    assert capsys.readouterr().out.split() == [str(made / name) for name in names]
    assert {stat.S_IMODE((made / name).stat().st_mode) for name in names} == {0o600}
    leaf, authority = (
        x509.load_pem_x509_certificate((made / name).read_bytes()) for name in names[1:]
    )
    leaf.verify_directly_issued_by(authority)
    assert run("issue", COPILOT, "--x509", made, "--config", directory) == output.FAULT
    assert x509.load_pem_x509_certificate((made / "svid.pem").read_bytes()) == leaf


def test_only_registered_agents_of_our_trust_domains_get_svids(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = f"spiffe://{DOMAIN}/agents/other"
    assert run("issue", other, "--audience", "x", "--config", directory) == output.FOUND
    assert f"{other} is not a registered agent" in capsys.readouterr().err
    without = Gateway(tmp_path / "without").directory
    assert run("issue", COPILOT, "--audience", "x", "--config", without) == output.FAULT
    assert "name a trust domain whose SVIDs are made here" in capsys.readouterr().err


def test_a_revoked_agent_gets_none_by_hand_either(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = directory / "state"
    (state / "audit").mkdir(parents=True)
    Feed(state, [("agent", COPILOT)]).close()
    assert run("issue", COPILOT, "--audience", "x", "--config", directory) == output.FOUND
    assert f"{COPILOT} is revoked" in capsys.readouterr().err


def test_it_lists_agents_and_keys(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--config", directory, "--format", "json") == output.OK
    demanded = {"attestation": ["unix"], "uid": [str(os.geteuid())]}
    assert told(capsys) == {"agents": {COPILOT: demanded}, "keys": []}
    assert run("bundle", "--config", directory) == output.OK
    kids = [key["kid"] for key in told(capsys)["keys"] if key["use"] == "jwt-svid"]
    assert run("list", "--config", directory) == output.OK
    agent, key = capsys.readouterr().out.splitlines()
    assert agent == f"{COPILOT}  attestation (unix), uid ({os.geteuid()})"
    assert key.split() == [DOMAIN, "signs", *kids]


def test_without_entries_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = Gateway(tmp_path / "gateway").directory
    assert run("list", "--config", directory) == output.OK
    assert capsys.readouterr().out == "no agent has an entry under `workloads`\n"
    assert run("serve", "--config", directory, "--socket", tmp_path / "socket") == output.FOUND
    assert f"{{unix: {{uid: {os.getuid()}}}}}" in capsys.readouterr().err


def test_the_bundle_is_what_is_published(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bundle", DOMAIN, "--config", directory) == output.OK
    printed = capsys.readouterr().out
    assert printed == (directory / "state" / "trust.json").read_text() + "\n"
    assert run("bundle", "other.example", "--config", directory) == output.FAULT
    assert DOMAIN in capsys.readouterr().err


def test_it_shows_what_is_seen_of_a_process(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("look", "--config", directory) == output.OK
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["uid", str(os.geteuid())]
    assert shown[-1] == f"it is {COPILOT}"
    assert run("look", os.getpid(), "--config", directory, "--format", "json") == output.OK
    answer = told(capsys)
    assert answer["agent"] == COPILOT
    assert Path(answer["seen"]["path"]).samefile(sys.executable)


def test_it_says_why_a_process_is_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uid = os.geteuid() + 1
    directory = workload(tmp_path / "gateway", f"{{uid: {uid}}}").directory
    assert run("look", "--config", directory) == output.FOUND
    assert "stands for no workload (uid" in capsys.readouterr().out
    with subprocess.Popen(["true"]) as ended:
        pass
    assert run("look", ended.pid, "--config", directory) == output.FAULT
    assert f"process {ended.pid}" in capsys.readouterr().err


def test_who_is_revoked_is_what_a_gateway_says_or_its_last_run_left(directory: Path) -> None:
    config = load(directory)
    state = directory / "state"
    revoked = identity.revocations(config)
    assert not revoked(COPILOT)  # no gateway has ever run
    log = lock.acquire(state / "audit")
    with pytest.raises(Unknown):
        revoked(COPILOT)  # one runs, and says nothing
    feed = Feed(state, [])
    feed.beat(clock_ms())
    assert not revoked(COPILOT)
    feed.revoke("agent", COPILOT)
    feed.beat(clock_ms())
    assert revoked(COPILOT)
    feed.beat(clock_ms() - 3_600_000)
    with pytest.raises(Unknown):
        revoked(COPILOT)  # it has not been heard of for an hour
    feed.close()
    with pytest.raises(Unknown):
        revoked(COPILOT)
    os.close(log)
    assert revoked(COPILOT)  # it has ended, and nobody can revoke or restore
    (state / "revocations").unlink()
    with pytest.raises(Unknown):
        revoked(COPILOT)
