"""Entries that tell an agent by its process, and whose trust domain they make ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.configs import Gateway

COPILOT = "spiffe://crm.example/agents/copilot"
DIGEST = "a" * 64


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path / "gateway")


def entry(selectors: str) -> str:
    return f"workloads:\n  {COPILOT}:\n    unix: {selectors}\n"


@pytest.mark.parametrize(
    "selectors",
    [
        "{uid: 0}",
        "{gid: 4294967295}",
        "{cgroup: /system.slice/copilot.service}",
        f"{{uid: 1000, gid: 1000, path: /usr/bin/copilot, sha256: {DIGEST}, cgroup: /x}}",
    ],
)
def test_who_runs_a_program_tells_an_agent(gateway: Gateway, selectors: str) -> None:
    gateway.add("safeconduct.yaml", entry(selectors))
    assert gateway.problems == []


@pytest.mark.parametrize(
    "selectors",
    [
        "{}",
        f"{{sha256: {DIGEST}}}",
        "{path: /usr/bin/copilot}",
        f"{{path: /usr/bin/python3, sha256: {DIGEST}}}",
    ],
)
def test_a_program_alone_is_nobody(gateway: Gateway, selectors: str) -> None:
    gateway.add("safeconduct.yaml", entry(f"{selectors} # here"))
    problems = [one for one in gateway.problems if not one.warning]
    assert ["a program alone is nobody" in one.sentence for one in problems] == [True]
    assert "`uid`, `gid` or `cgroup`" in problems[0].fix


@pytest.mark.parametrize(
    "name",
    ["python3", "python3.11", "node", "bash", "sh", "perl5.36", "ruby", "java", "busybox", "deno"],
)
def test_an_interpreter_narrows_nothing(gateway: Gateway, name: str) -> None:
    gateway.add("safeconduct.yaml", entry(f"{{uid: 1000, path: /usr/bin/{name}}} # here"))
    gateway.expect("runs any program", warning=True)


def test_a_program_whose_name_begins_like_an_interpreter_is_none(gateway: Gateway) -> None:
    gateway.add("safeconduct.yaml", entry("{uid: 1000, path: /usr/bin/node-exporter}"))
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("selectors", "word"),
    [
        ("{uid: 1000, path: copilot}", "`path` is not a whole path"),
        ("{uid: 1000, path: /}", "`path` is not a whole path"),
        ('{uid: 1000, cgroup: ""}', "`cgroup` is not a whole path"),
        ("{uid: 1000, cgroup: system.slice}", "`cgroup` is not a whole path"),
        ("{uid: -1}", "unix.uid"),
        ("{uid: 4294967296}", "unix.uid"),
        ("{uid: root}", "unix.uid"),
        ("{uid: 1000, sha256: ABC}", "unix.sha256"),
        ("{uid: 1000, user: copilot}", "unknown key"),
    ],
)
def test_selectors_are_exact(gateway: Gateway, selectors: str, word: str) -> None:
    gateway.add("safeconduct.yaml", entry(f"{selectors} # here"))
    gateway.expect(word)


def test_a_trust_domain_that_is_fetched_is_not_issued_here(gateway: Gateway) -> None:
    gateway.change(
        "safeconduct.yaml", "{jwks: state/trust.json}", '{bundle: "https://a.example/b"} # here'
    )
    assert gateway.problems == []
    gateway.add("safeconduct.yaml", entry("{uid: 1000}"))
    gateway.expect("are made here")


def test_an_agent_of_a_trust_domain_of_ours_needs_its_own_entry(gateway: Gateway) -> None:
    gateway.add("safeconduct.yaml", entry("{uid: 1000}"))
    text = (gateway.directory / "agents" / "copilot.yaml").read_text()
    text = text.replace("agents/copilot", "agents/clerk")
    gateway.add("agents/clerk.yaml", text.replace("attestation: unix", "attestation: unix # here"))
    root = (gateway.directory / "safeconduct.yaml").read_text()
    assigned = f"  {COPILOT}:\n    zone: office\n    tier: 2\n    profiles: [triage]\n"
    assert assigned in root
    both = assigned + assigned.replace("copilot", "clerk")
    (gateway.directory / "safeconduct.yaml").write_text(root.replace(assigned, both))
    gateway.expect("nobody issues an SVID to `spiffe://crm.example/agents/clerk`", warning=True)
