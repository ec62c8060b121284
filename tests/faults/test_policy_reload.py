"""Newer rules while the gateway runs, and all that can be wrong with them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.ports import JSON
from tests.support.bundles import PACKAGE
from tests.support.installation import (
    Agent,
    Gateway,
    Office,
    change,
    done,
    eventually,
    install,
    opened_office,
    refusal,
    running,
)

PERMIT = 'permit contains {"id": "x"} if input.call.tool == "office.get_case"\n'
NO_CASES = '\ndeny contains {"id": "no-cases"} if input.call.tool == "office.get_case"\n'


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


class Operator:
    """Who has the gateway's directory, and a terminal."""

    def __init__(self, directory: Path, policy: Path | None = None) -> None:
        self.directory = directory
        self.rules = (policy or directory / "policy") / "rules" / "office.rego"
        self.permissive = self.rules.read_text()

    def write(self, rules: str) -> None:
        self.rules.write_text(rules)

    def reload(self) -> subprocess.CompletedProcess[str]:
        command = ["-m", "safeconduct", "policy", "reload", "--config", str(self.directory)]
        return subprocess.run(
            [sys.executable, *command], check=False, capture_output=True, text=True, timeout=60
        )

    def log(self) -> str:
        return (self.directory / "gateway.log").read_text()


def installed(directory: Path, office: Office, **policy: object) -> tuple[Config, Operator]:
    install(directory, office)
    change(directory / "safeconduct.yaml", {"policy": {"bundle": "policy/", **policy}})
    return load(directory), Operator(directory)


def policies(gateway: Gateway) -> list[JSON]:
    return gateway.records("policy")


def case(agent: Agent) -> bool:
    """Whether a case may be read."""
    reply = agent.call("office__get_case", {"case_id": "C-1"})
    if done(reply):
        return True
    assert refusal(reply) == "policy-denied"
    return False


def test_newer_rules_decide_at_the_operators_word(office: Office, tmp_path: Path) -> None:
    config, operator = installed(tmp_path, office)
    with running(config) as gateway:
        agent = gateway.task()
        assert case(agent)
        (started,) = policies(gateway)
        assert (started["phase"], started["by"]) == ("loaded", "start")
        assert operator.reload().stdout == "nothing has changed\n"
        operator.write(operator.permissive + NO_CASES)
        assert case(agent)
        assert "the policy is now" in operator.reload().stdout
        assert not case(agent)
        _, now = policies(gateway)
        assert now["before"] == started["policy"] != now["policy"]
        assert now["by"].startswith("uid:")
        decisions = gateway.records("decision")
        assert [one["policy"]["bundle"] for one in decisions] == [
            *[started["policy"]] * 2,
            now["policy"],
        ]
        gateway.verified()


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ("package agent.tools\n\npermit contains {", "rules/office.rego:"),
        ('package agent.tools\nimport rego.v1\npermit contains {"id": "x"} if true\n', "permits"),
        (PACKAGE + PERMIT + "x := http.send({})\n", "http.send"),
        ("package agent.tools\na := " + "[" * 5000, "nested deeper"),
    ],
    ids=["broken", "vacuous", "http.send", "brackets"],
)
def test_rules_that_are_refused_change_nothing(
    office: Office, tmp_path: Path, rules: str, why: str
) -> None:
    config, operator = installed(tmp_path, office)
    with running(config) as gateway:
        agent = gateway.task()
        (started,) = policies(gateway)
        operator.write(rules)
        for _ in range(2):
            told = operator.reload()
            assert (told.returncode, why in told.stderr) == (1, True), told.stderr
            assert "the policy stays as it is" in told.stderr
        assert case(agent)
        _, refused = policies(gateway)
        assert (refused["phase"], refused["policy"]) == ("refused", started["policy"])
        assert why in refused["why"]
        assert why in operator.log()
        operator.write(operator.permissive)
        assert operator.reload().stdout == "nothing has changed\n"
        gateway.verified()


def test_a_signal_reloads_and_does_not_end_the_gateway(office: Office, tmp_path: Path) -> None:
    config, operator = installed(tmp_path, office)
    with running(config) as gateway:
        agent = gateway.task()
        operator.write(operator.permissive + NO_CASES)
        gateway.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(policies(gateway)) == 2, gateway)
        eventually(lambda: not case(agent), gateway)
        assert policies(gateway)[1]["by"] == "SIGHUP"


def test_newer_rules_are_found_when_it_is_time(office: Office, tmp_path: Path) -> None:
    config, operator = installed(tmp_path, office, reload_s=1)
    with running(config) as gateway:
        agent = gateway.task()
        operator.write("package agent.tools\n{")
        eventually(lambda: len(policies(gateway)) == 2, gateway)
        assert case(agent)
        operator.write(operator.permissive + NO_CASES)
        eventually(lambda: len(policies(gateway)) == 3, gateway)
        eventually(lambda: not case(agent), gateway)
        # What was refused was said once, however often it was looked at.
        assert [one["phase"] for one in policies(gateway)] == ["loaded", "refused", "loaded"]


def git(directory: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *arguments], check=True, cwd=directory, capture_output=True)


def sign(repository: Path, key: Path) -> JSON:
    """What a reviewer does: a release, committed."""
    command = ("policy", "sign", "policy", "--key", str(key), "--days", "30")
    done = subprocess.run(
        [sys.executable, "-m", "safeconduct", *command, "--format", "json"],
        check=True,
        cwd=repository,
        capture_output=True,
    )
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "release")
    told: JSON = json.loads(done.stdout)
    return told


def test_releases_reach_a_gateway_by_git(office: Office, tmp_path: Path) -> None:
    """As the guide says it: sign, commit, and the gateway has it; an older one it does not take."""
    directory, repository = tmp_path / "gateway", tmp_path / "repository"
    key = tmp_path / "signer.jwk"
    install(directory, office)
    repository.mkdir()
    (directory / "policy").rename(repository / "policy")
    git(repository, "init", "--quiet")
    operator = Operator(directory, repository / "policy")
    (directory / "signers.json").write_text(json.dumps(sign(repository, key)["jwks"]))
    block = {
        "source": {"git": "../repository", "ref": "main", "path": "policy"},
        "verify": {"jwks": "signers.json"},
    }
    change(directory / "safeconduct.yaml", {"policy": block})
    config = load(directory)
    with running(config) as gateway:
        agent = gateway.task()
        assert case(agent)
        git(repository, "tag", "first")
        operator.write(operator.permissive + NO_CASES)
        assert operator.reload().stdout == "nothing has changed\n"
        sign(repository, key)
        assert "the policy is now" in operator.reload().stdout
        assert not case(agent)
        git(repository, "reset", "--hard", "--quiet", "first")
        told = operator.reload()
        assert (told.returncode, "release 1 is older than 2" in told.stderr) == (1, True)
        assert not case(agent)
        assert [one.get("release") for one in policies(gateway)] == [1, 2, None]
        gateway.verified()
    shutil.rmtree(repository)
    with running(config) as gateway:
        assert not case(gateway.task())
        assert "git failed" in policies(gateway)[-1]["why"]


def calls(agent: Agent) -> None:
    for _ in range(15):
        case(agent)


def test_no_call_is_judged_by_a_mix(office: Office, tmp_path: Path) -> None:
    """One policy permits by two rules, the other by none: an answer names both or neither."""
    both = 'permit contains {"id": "a"} if input.call.tool == "office.get_case"\n'
    both += 'permit contains {"id": "b"} if input.call.tool == "office.get_case"\n'
    config, operator = installed(tmp_path, office)
    with running(config) as gateway, ThreadPoolExecutor(4) as pool:
        agents = [gateway.task() for _ in range(4)]
        going = [pool.submit(calls, one) for one in agents]
        digests = {policies(gateway)[0]["policy"]: {("office",)}}
        for turn in range(4):
            operator.write(operator.permissive + (both if turn % 2 == 0 else NO_CASES))
            assert operator.reload().returncode == 0
        for future in going:
            future.result(timeout=60)
        kinds = [one["policy"] for one in policies(gateway)]
        digests |= {kinds[1]: {("a", "b", "office")}, kinds[2]: {("office",)}}
        for decision in gateway.records("decision"):
            said = decision["policy"]
            assert tuple(sorted(said["permit"])) in digests[said["bundle"]]
            assert bool(said.get("deny")) == (said["bundle"] == kinds[2])
        gateway.verified()
