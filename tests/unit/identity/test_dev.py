from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from safeconduct.config.workloads import Workload
from safeconduct.identity import dev
from safeconduct.identity.dev import DevIdentityRefused
from tests.support.parties import DESK, NOW_MS, OTHER, Parties, configuration
from tests.support.worlds import AGENT, USER


def test_makes_every_party_once(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    public = {
        name: (tmp_path / "state" / name).read_bytes()
        for name in (
            "trust.json",
            "users.json",
            "desk.json",
            "jane.json",
        )
    }
    private = sorted((tmp_path / "state" / "dev").iterdir())
    assert len(private) == len(public) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert all(b'"d"' not in document for document in public.values())
    dev.create(parties.state, parties.config)
    assert {name: (tmp_path / "state" / name).read_bytes() for name in public} == public


async def test_its_tokens_hold_and_are_marked(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    evidence = parties.evidence
    assert (await evidence.workload(parties.svid(), NOW_MS)).id == AGENT
    assert (await evidence.person(parties.user_token(), NOW_MS)).id == USER
    assert (await evidence.attestation(parties.attestation(), NOW_MS)).source == "app"
    assert (await evidence.attestation(parties.attestation(USER), NOW_MS)).source == "user"


async def test_two_tokens_of_one_moment_differ(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    one, two = [await parties.evidence.workload(parties.svid(), NOW_MS) for _ in range(2)]
    assert one.digest != two.digest


def test_runs_only_where_the_switch_is_on(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    off = configuration(tmp_path, unsafe_dev_identity=False)
    with pytest.raises(DevIdentityRefused):
        dev.create(tmp_path / "elsewhere", off)
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(DevIdentityRefused):
        dev.svid(parties.state, off, AGENT, NOW_MS)
    with pytest.raises(DevIdentityRefused):
        dev.user_token(parties.state, off, USER, NOW_MS)
    with pytest.raises(DevIdentityRefused):
        dev.purpose(
            parties.state, off, issuer=DESK, user=USER, agent=AGENT, text="x", now_ms=NOW_MS
        )


def test_real_public_keys_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "users.json").write_text('{"keys": []}')
    with pytest.raises(DevIdentityRefused, match=r"users\.json"):
        dev.create(tmp_path / "state", configuration(tmp_path))
    assert (tmp_path / "state" / "users.json").read_text() == '{"keys": []}'


def test_plays_no_party_that_the_configuration_does_not_name(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    with pytest.raises(DevIdentityRefused, match="trust other"):
        parties.svid(OTHER.replace("crm.example", "other.example"))
    with pytest.raises(DevIdentityRefused, match="device unknown-desk"):
        parties.attestation("unknown-desk")
    with pytest.raises(DevIdentityRefused):
        parties.attestation("../../trust-crm.example")


async def test_plays_no_agent_of_a_domain_that_has_workloads(tmp_path: Path) -> None:
    """The embedded issuer publishes its own keys there, and knows agents by evidence."""
    config = configuration(tmp_path)
    workload = {AGENT: msgspec.convert({"unix": {"uid": 1000}}, Workload)}
    config = replace(config, root=replace(config.root, workloads=workload))
    dev.create(tmp_path / "state", config)
    assert not (tmp_path / "state" / "trust.json").exists()
    with pytest.raises(DevIdentityRefused, match="no development key for trust"):
        dev.svid(tmp_path / "state", config, AGENT, NOW_MS)
