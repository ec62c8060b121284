from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.config.trust import Trust
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.identity.keys import UnusableKeys
from safeconduct.ports import Unauthenticated
from tests.support.parties import NOW_S, Parties, configuration

from safeconduct.identity.dpop import Proofs  # isort: skip


def test_an_svid_bundle_needs_svid_keys(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    root = parties.config.root
    mixed = replace(root, trust={"crm.example": Trust(jwks=root.users.jwks)})
    with pytest.raises(UnusableKeys):
        ConfiguredEvidence(replace(parties.config, root=mixed), Proofs(since_ms=0))


async def test_what_the_development_issuer_made_is_refused_where_it_is_off(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    strict = ConfiguredEvidence(
        configuration(tmp_path, unsafe_dev_identity=False), Proofs(since_ms=0)
    )
    now_ms = parties.now_ms
    with pytest.raises(Unauthenticated):
        await strict.workload(parties.svid(), now_ms)
    with pytest.raises(Unauthenticated):
        await strict.person(parties.user_token(), now_ms)
    with pytest.raises(Unauthenticated):
        await strict.attestation(parties.attestation(), now_ms)


async def test_a_mark_of_another_type_is_no_way_out(tmp_path: Path) -> None:
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
        await parties.evidence.workload(token, parties.now_ms)


async def test_only_expiry_is_told_apart(tmp_path: Path) -> None:
    parties = Parties(tmp_path)
    good = parties.svid()
    told = set[str]()
    for bad in ("", "x", good[:-4], parties.user_token(), parties.attestation()):
        with pytest.raises(Unauthenticated) as refused:
            await parties.evidence.workload(bad, parties.now_ms)
        told.add(refused.value.sentence)
    assert told == {"The actor token is not valid here."}
    with pytest.raises(Unauthenticated, match=r"The actor token has expired\."):
        await parties.evidence.workload(good, parties.now_ms + 600_000)
