"""What is fixed about each provider of workload identities: its issuer, its keys, its claims.

Claims are those that the providers document: AWS IAM outbound identity federation, Microsoft
identity platform access tokens, GitHub Actions OpenID Connect, Google Cloud identity tokens.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from safeconduct.config.workloads import Pool, Provider

_AWS: Final = "https://sts.amazonaws.com/"
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AWS_ISSUER: Final = re.compile(r"https://[a-z0-9-]{1,64}\.tokens\.sts\.global\.api\.aws")


class Provided(msgspec.Struct, frozen=True, kw_only=True):
    """A provider. `issuers` and `jwks` may hold `{tenant}`; without issuers a pool names its own.

    `claims` are those a workload can be told by, each with its path in the token, and `decisive`
    the ones that stand for one workload: without one of them anybody's would do. `own_issuer` says
    that a pool may name another, such as a server of the customer's.
    """

    issuers: tuple[str, ...] = ()
    jwks: str | None = None
    claims: dict[str, tuple[str, ...]]
    decisive: frozenset[str]
    own_issuer: bool = False
    tenant: bool = False


def _flat(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


PROVIDERS: Final[dict[Provider, Provided]] = {
    "aws": Provided(
        claims={
            **_flat("sub"),
            "aws_account": (_AWS, "aws_account"),
            "org_id": (_AWS, "org_id"),
            "source_region": (_AWS, "source_region"),
            "lambda_source_function_arn": (_AWS, "lambda_source_function_arn"),
            "ec2_instance_source_vpc": (_AWS, "ec2_instance_source_vpc"),
        },
        decisive=frozenset({"sub"}),
        own_issuer=True,
    ),
    "azure": Provided(
        # Version 2.0 and 1.0 of the tokens: the application that they are for chooses.
        issuers=(
            "https://login.microsoftonline.com/{tenant}/v2.0",
            "https://sts.windows.net/{tenant}/",
        ),
        jwks="https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys",
        claims=_flat("oid", "appid", "azp", "xms_mirid"),
        decisive=frozenset({"oid", "appid", "azp", "xms_mirid"}),
        tenant=True,
    ),
    "github": Provided(
        issuers=("https://token.actions.githubusercontent.com",),
        jwks="https://token.actions.githubusercontent.com/.well-known/jwks",
        claims=_flat(
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "ref",
            "ref_protected",
            "environment",
            "workflow_ref",
            "job_workflow_ref",
            "event_name",
            "runner_environment",
        ),
        decisive=frozenset({"repository", "repository_id"}),
        own_issuer=True,
    ),
    "google": Provided(
        issuers=("https://accounts.google.com",),
        jwks="https://www.googleapis.com/oauth2/v3/certs",
        claims={
            **_flat("sub", "email"),
            "project_id": ("google", "compute_engine", "project_id"),
            "instance_id": ("google", "compute_engine", "instance_id"),
            "zone": ("google", "compute_engine", "zone"),
        },
        decisive=frozenset({"sub", "email"}),
    ),
}


def issuers(pool: Pool) -> tuple[str, ...]:
    """The `iss` that a pool's tokens may have; empty when the pool does not say enough."""
    if pool.issuer is not None:
        return (pool.issuer,)
    return tuple(one.format(tenant=pool.tenant) for one in PROVIDERS[pool.provider].issuers)


def jwks(pool: Pool) -> str | None:
    """Where the keys of a pool are; None when the pool does not say enough."""
    if pool.jwks is not None:
        return pool.jwks
    if pool.provider == "aws" and pool.issuer is not None:
        return f"{pool.issuer}/.well-known/jwks.json"
    known = None if pool.issuer is not None else PROVIDERS[pool.provider].jwks
    return None if known is None else known.format(tenant=pool.tenant)


def misfit(pool: Pool) -> tuple[str, str, str] | None:
    """The key of a pool that does not fit its provider, with what is wrong and how to mend it."""
    provided = PROVIDERS[pool.provider]
    if provided.tenant and not _GUID.fullmatch(pool.tenant or ""):
        return "tenant", "`tenant` is not the id of one directory", "write its GUID, in lower case"
    if not provided.tenant and pool.tenant is not None:
        return "tenant", f"{pool.provider} has no tenants", "remove `tenant`"
    if pool.issuer is not None and not provided.own_issuer:
        return "issuer", f"the issuer of {pool.provider} is fixed", "remove `issuer`"
    if pool.provider == "aws" and not _AWS_ISSUER.fullmatch(pool.issuer or ""):
        fix = "write what `aws iam get-outbound-web-identity-federation-info` says"
        return "issuer", "`issuer` is not that of one AWS account", fix
    if jwks(pool) is None:
        return "jwks", "nobody says where the keys of this issuer are", "add `jwks: URL`"
    return None
