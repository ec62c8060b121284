"""Workloads at providers: tokens with the claims that each provider documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from safeconduct.ports import TokenRefused
from tests.support.attesting import CLERK, ISSUER, Attesting, configured
from tests.support.providers import GUID, KEY, POOL, POOLS, ROLE, TENANT, pool_world, said, token
from tests.support.publishers import public, rsa, signed
from tests.support.worlds import AGENT


async def refused(world: Attesting, evidence: object, why: str) -> None:
    with pytest.raises(TokenRefused) as raised:
        await world.show(POOL, evidence)
    assert raised.value.error == "invalid_grant"
    assert why in world.why


def without(claims: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (claims | change).items() if value is not None}


@pytest.mark.parametrize("provider", POOLS)
async def test_a_workload_of_each_provider(tmp_path: Path, provider: str) -> None:
    issued = await pool_world(tmp_path, provider).show(POOL, signed(KEY, said(provider)))
    assert issued["spiffe_id"] == AGENT


@pytest.mark.parametrize("provider", POOLS)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"aud": "https://elsewhere.example"}, "another audience"),
        ({"aud": [ISSUER, "sts.amazonaws.com"]}, "another audience"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"exp": 1}, "expired"),
        ({"nbf": 9_999_999_999}, "not valid yet"),
        ({"exp": None}, "missing"),
        ({"sub": None}, "missing"),
    ],
)
async def test_what_every_token_must_say(
    tmp_path: Path, provider: str, change: dict[str, Any], why: str
) -> None:
    token = signed(KEY, without(said(provider), change))
    await refused(pool_world(tmp_path, provider), token, why)


@pytest.mark.parametrize(
    ("provider", "change"),
    [
        ("aws", {"sub": "arn:aws:iam::123456789012:role/Other"}),
        ("aws", {"sub": ROLE.lower()}),
        ("azure", {"oid": GUID.replace("7", "8"), "sub": GUID.replace("7", "8")}),
        ("github", {"repository_id": "75"}),
        ("github", {"repository_id": 74}),
        ("github", {"repository_id": ["74"]}),
        ("github", {"environment": "test"}),
        ("github", {"environment": None}),
        ("google", {"email": "other@crm.iam.gserviceaccount.com"}),
        ("google", {"email_verified": False}),
        ("google", {"email_verified": "true"}),
        ("google", {"email_verified": None}),
    ],
)
async def test_another_workload_of_the_same_provider(
    tmp_path: Path, provider: str, change: dict[str, Any]
) -> None:
    token = signed(KEY, without(said(provider), change))
    await refused(pool_world(tmp_path, provider), token, "stands for no workload")


@pytest.mark.parametrize(
    ("provider", "claims"),
    [
        ("aws", {"sub": ROLE, "aws_account": "123456789012", "source_region": "eu-west-1"}),
        ("azure", {"xms_mirid": said("azure")["xms_mirid"], "appid": said("azure")["appid"]}),
        ("github", {"repository": "acme/crm", "ref": ["refs/heads/next", "refs/heads/main"]}),
        ("google", {"sub": "112233445566778899001", "project_id": "crm-prod", "instance_id": "42"}),
    ],
)
async def test_claims_wherever_they_stand(
    tmp_path: Path, provider: str, claims: dict[str, Any]
) -> None:
    await pool_world(tmp_path, provider, claims).show(POOL, signed(KEY, said(provider)))
    for name in claims:
        wrong = pool_world(tmp_path, provider, claims | {name: "another"})
        await refused(wrong, signed(KEY, said(provider)), "stands for no workload")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tid": "00000000-0000-4000-8000-000000000000"}, "another directory"),
        ({"tid": None}, "another directory"),
        ({"scp": "user_impersonation"}, "of a user"),
        ({"idtyp": "user"}, "of a user"),
        ({"sub": "pairwise"}, "of a user"),
        ({"iss": f"https://login.microsoftonline.com/{GUID}/v2.0"}, "another issuer"),
    ],
)
async def test_a_user_of_azure_is_no_workload(
    tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    token = signed(KEY, without(said("azure"), change))
    await refused(pool_world(tmp_path, "azure"), token, why)


async def test_both_versions_of_azure_s_tokens(tmp_path: Path) -> None:
    issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    await pool_world(tmp_path, "azure").show(POOL, signed(KEY, said("azure") | {"iss": issuer}))


async def test_evidence_for_two_agents_is_for_none(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github", others={"repository": "acme/crm"})
    await refused(attesting, signed(KEY, said("github")), "stands for 2 workloads")


@pytest.mark.parametrize(
    ("evidence", "why"),
    [
        ("", "does not hold"),
        ("x", "does not hold"),
        ({"token": "x"}, "no token"),
        ("a" * 9000, "longer than 8 KiB"),
    ],
    ids=["empty", "x", "object", "long"],
)
async def test_what_is_no_token(tmp_path: Path, evidence: object, why: str) -> None:
    await refused(pool_world(tmp_path, "github"), evidence, why)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"typ": "at+jwt"}, "another type"),
        ({"kid": None}, "names no key"),
        ({"kid": "other"}, "a key that ours have not"),
        ({"alg": "PS256"}, "not signed by a key"),
        ({"jku": "https://evil.example/keys"}, "not supported"),
        ({"x5u": "https://evil.example/cert"}, "not supported"),
    ],
)
async def test_headers(tmp_path: Path, header: dict[str, Any], why: str) -> None:
    await refused(pool_world(tmp_path, "github"), signed(KEY, said("github"), **header), why)


async def test_somebody_else_s_key_under_this_name(tmp_path: Path) -> None:
    token = signed(rsa("other"), said("github"), kid="provider")
    await refused(pool_world(tmp_path, "github"), token, "not signed by a key")


async def test_no_signature_at_all(tmp_path: Path) -> None:
    head, body, signature = signed(KEY, said("github")).split(".")
    none = "eyJhbGciOiJub25lIiwia2lkIjoicHJvdmlkZXIifQ"  # {"alg":"none","kid":"provider"}
    for made in (f"{none}.{body}.", f"{none}.{body}.{signature}", f"{head}.{body}."):
        await refused(pool_world(tmp_path, "github"), made, "does not hold")


async def test_one_provider_for_two_audiences(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(orjson.dumps({"keys": [public(KEY)]}))
    pools = {
        "one": {"provider": "github", "jwks": "keys.json", "audience": "one"},
        "two": {"provider": "github", "jwks": "keys.json", "audience": "two"},
    }
    workloads = {
        agent: {POOL: {"pool": pool, "claims": {"repository": "acme/crm"}}}
        for agent, pool in ((AGENT, "one"), (CLERK, "two"))
    }
    attesting = Attesting(configured(tmp_path, {POOL: pools}, workloads))
    for audience, agent in (("two", CLERK), (["one"], AGENT)):
        issued = await attesting.show(POOL, token(aud=audience))
        assert issued["spiffe_id"] == agent
    for audience in ("three", ["one", "two"], []):
        await refused(attesting, token(aud=audience), "another audience")
