"""Providers of workload identities: tokens with the claims that each of them documents."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import orjson

from tests.support.attesting import CLERK, ISSUER, Attesting, configured
from tests.support.publishers import public, rsa, signed
from tests.support.worlds import AGENT

POOL: Final = "workload-identity-pool"
KEY: Final = rsa("provider")
TENANT: Final = "72f988bf-86f1-41af-91ab-2d7cd011db47"
ACCOUNT: Final = "https://abc123-def456.tokens.sts.global.api.aws"
ROLE: Final = "arn:aws:iam::123456789012:role/Copilot"
GUID: Final = "7c4d6a3e-1c2b-4f5a-9d8e-0123456789ab"

POOLS: Final[dict[str, dict[str, Any]]] = {
    "aws": {"provider": "aws", "issuer": ACCOUNT},
    "azure": {"provider": "azure", "tenant": TENANT},
    "github": {"provider": "github"},
    "google": {"provider": "google"},
}
CLAIMS: Final[dict[str, dict[str, Any]]] = {
    "aws": {"sub": ROLE},
    "azure": {"oid": GUID},
    "github": {"repository_id": "74", "environment": "prod"},
    "google": {"email": "copilot@crm.iam.gserviceaccount.com"},
}


def said(provider: str) -> dict[str, Any]:
    """What a token of the provider says."""
    now_s = int(time.time())
    times = {"iat": now_s, "nbf": now_s, "exp": now_s + 300}
    match provider:
        case "aws":
            return times | {
                "iss": ACCOUNT,
                "aud": ISSUER,
                "sub": ROLE,
                "jti": "f3a1",
                "https://sts.amazonaws.com/": {
                    "aws_account": "123456789012",
                    "source_region": "eu-west-1",
                    "org_id": "o-abc1234567",
                    "principal_tags": {"environment": "production"},
                    "request_tags": {"job-id": "job-1"},
                },
            }
        case "azure":
            return times | {
                "iss": f"https://sts.windows.net/{TENANT}/",
                "aud": ISSUER,
                "sub": GUID,
                "oid": GUID,
                "appid": "11111111-2222-4333-8444-555555555555",
                "appidacr": "2",
                "idtyp": "app",
                "tid": TENANT,
                "uti": "x",
                "ver": "1.0",
                "xms_mirid": "/subscriptions/s/resourcegroups/crm/providers/x/copilot",
            }
        case "github":
            return times | {
                "iss": "https://token.actions.githubusercontent.com",
                "aud": ISSUER,
                "sub": "repo:acme/crm:environment:prod",
                "jti": "5f2c",
                "repository": "acme/crm",
                "repository_id": "74",
                "repository_owner": "acme",
                "repository_owner_id": "65",
                "ref": "refs/heads/main",
                "ref_protected": "true",
                "environment": "prod",
                "workflow_ref": "acme/crm/.github/workflows/agent.yml@refs/heads/main",
                "job_workflow_ref": "acme/crm/.github/workflows/agent.yml@refs/heads/main",
                "event_name": "push",
                "runner_environment": "github-hosted",
            }
        case _:
            return times | {
                "iss": "https://accounts.google.com",
                "aud": ISSUER,
                "azp": "112233445566778899001",
                "sub": "112233445566778899001",
                "email": "copilot@crm.iam.gserviceaccount.com",
                "email_verified": True,
                "google": {
                    "compute_engine": {
                        "project_id": "crm-prod",
                        "instance_id": "42",
                        "zone": "europe-west1-b",
                    }
                },
            }


def pool_world(
    directory: Path,
    provider: str,
    claims: dict[str, Any] | None = None,
    others: dict[str, Any] | None = None,
) -> Attesting:
    (directory / "keys.json").write_bytes(orjson.dumps({"keys": [public(KEY)]}))
    pool = {**POOLS[provider], "jwks": "keys.json"}
    workloads = {AGENT: {POOL: {"pool": "ours", "claims": claims or CLAIMS[provider]}}}
    if others is not None:
        workloads[CLERK] = {POOL: {"pool": "ours", "claims": others}}
    return Attesting(configured(directory, {POOL: {"ours": pool}}, workloads))


def token(provider: str = "github", **changed: Any) -> str:
    """A token of the provider; None takes a claim out."""
    claims = said(provider) | changed
    given = {name: value for name, value in claims.items() if value is not None}
    return signed(KEY, given)
