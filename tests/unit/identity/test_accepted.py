from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.config.schema import JwksRef
from safeconduct.identity.accepted import UnusableKeys, load_keys
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.ports import Unauthenticated
from tests.support.parties import NOW_S, Parties, configuration

from safeconduct.identity.dpop import Proofs  # isort: skip


def test_key_files_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    with pytest.raises(UnusableKeys, match=r"absent\.json: No such file"):
        load_keys(config, "absent.json")
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(UnusableKeys, match=r"broken\.json: not a JWK Set"):
        load_keys(config, "broken.json")
    with pytest.raises(UnusableKeys):
        ConfiguredEvidence(config, Proofs(since_ms=0))


def test_an_svid_bundle_needs_svid_keys(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    root = parties.config.root
    mixed = replace(root, trust={"crm.example": JwksRef(jwks=root.users.jwks)})
    with pytest.raises(UnusableKeys):
        ConfiguredEvidence(replace(parties.config, root=mixed), Proofs(since_ms=0))


def test_what_the_development_issuer_made_is_refused_where_it_is_off(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    strict = ConfiguredEvidence(
        configuration(tmp_path, unsafe_dev_identity=False), Proofs(since_ms=0)
    )
    now_ms = parties.now_ms
    with pytest.raises(Unauthenticated):
        strict.workload(parties.svid(), now_ms)
    with pytest.raises(Unauthenticated):
        strict.person(parties.user_token(), now_ms)
    with pytest.raises(Unauthenticated):
        strict.attestation(parties.attestation(), now_ms)


def test_a_mark_of_another_type_is_no_way_out(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    token = parties.signed(
        "trust-crm.example",
        "JWT",
        {
            "sub": "spiffe://crm.example/agents/copilot",
            "aud": parties.config.root.gateway.issuer,
            "exp": NOW_S + 60,
            "unsafe_dev_identity": "true",
        },
    )
    with pytest.raises(Unauthenticated):
        parties.evidence.workload(token, parties.now_ms)


def test_only_expiry_is_told_apart(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    good = parties.svid()
    told = set[str]()
    for bad in ("", "x", good[:-4], parties.user_token(), parties.attestation()):
        with pytest.raises(Unauthenticated) as refused:
            parties.evidence.workload(bad, parties.now_ms)
        told.add(refused.value.sentence)
    assert told == {"The actor token is not valid here."}
    with pytest.raises(Unauthenticated, match=r"The actor token has expired\."):
        parties.evidence.workload(good, parties.now_ms + 600_000)
