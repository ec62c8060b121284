"""Which evidence makes a workload which agent: the blocks `attestors` and `workloads`.

A kind of attestation has one name everywhere: in an agent's file, here, and in a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta

from safeconduct.config.keys import Algorithms, JwksRef, Keys
from safeconduct.config.names import Name

Provider = Literal["aws", "azure", "github", "google"]


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block of these two."""


class Cluster(JwksRef, frozen=True, kw_only=True):
    """One Kubernetes cluster: who signs its service account tokens, and who reviews them.

    `audience` is what the tokens are for, the gateway's issuer when left out. `api` is the URL of
    the API server; `token` refers to the credential for it, as `file:` or `env:`. Agents of tier
    `review_from_tier` and above are accepted only when the API server says so.
    """

    algorithms: Algorithms = ("RS256", "ES256")
    issuer: str
    audience: str | None = None
    api: str | None = None
    token: str | None = None
    review_from_tier: Annotated[int, Meta(ge=1, le=9)] = 2


class Pool(Keys, frozen=True, kw_only=True):
    """One issuer of workload identities at a provider. What is left out is the provider's own."""

    algorithms: Algorithms = ("RS256",)
    provider: Provider
    issuer: str | None = None
    jwks: str | None = None
    audience: str | None = None
    tenant: str | None = None


class Maker(Block, frozen=True):
    """Who makes keys that cannot leave their hardware: a file of PEM certificates."""

    roots: str


class Attestors(Block, frozen=True):
    """Where evidence comes from, by kind and name."""

    kubernetes_sa: dict[Name, Cluster] = msgspec.field(
        name="kubernetes-sa", default_factory=dict[str, Cluster]
    )
    workload_identity_pool: dict[Name, Pool] = msgspec.field(
        name="workload-identity-pool", default_factory=dict[str, Pool]
    )
    hardware: dict[Name, Maker] = {}


class ServiceAccount(Block, frozen=True):
    """Pods of one service account. `labels` are the pod's own; the API server is asked for them."""

    cluster: str
    namespace: str
    service_account: str
    labels: dict[str, str] = {}


class PoolIdentity(Block, frozen=True):
    """One identity of a pool: claims of its tokens, each with the value or values it may have."""

    pool: str
    claims: dict[str, str | tuple[str, ...]]


class HardwareKey(Block, frozen=True):
    """One key, by the SHA-256 of its SubjectPublicKeyInfo in hexadecimal."""

    maker: str
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Process(Block, frozen=True):
    """Processes on the issuer's own machine. What is given must all hold.

    `path` and `sha256` are of the program that runs, `cgroup` is its path in cgroup v2.
    """

    uid: Annotated[int, Meta(ge=0, lt=2**32)] | None = None
    gid: Annotated[int, Meta(ge=0, lt=2**32)] | None = None
    path: str | None = None
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")] | None = None
    cgroup: str | None = None


class Svids(Block, frozen=True):
    """How long what the embedded issuer makes is good for, and how long it signs with a key."""

    x509_ttl_s: Annotated[int, Meta(ge=60, le=86_400)] = 3600
    jwt_ttl_s: Annotated[int, Meta(ge=30, le=900)] = 300
    key_ttl_s: Annotated[int, Meta(ge=3600, le=7_776_000)] = 86_400


class Workload(Block, frozen=True):
    """What evidence must say of a workload for it to be this agent: one kind of evidence."""

    kubernetes_sa: ServiceAccount | None = msgspec.field(name="kubernetes-sa", default=None)
    workload_identity_pool: PoolIdentity | None = msgspec.field(
        name="workload-identity-pool", default=None
    )
    hardware: HardwareKey | None = None
    unix: Process | None = None

    def given(self) -> dict[str, Block]:
        """The kinds of evidence that it has, by name."""
        blocks = {
            field.encode_name: getattr(self, field.name) for field in msgspec.structs.fields(self)
        }
        return {kind: block for kind, block in blocks.items() if block is not None}

    def demanded(self) -> dict[str, frozenset[str]]:
        """What evidence must say, by name, and the values that will do: all names are needed.

        `attestation` is the kind; what stands below another key has it before its own name, as in
        `labels app`.
        """
        demands: dict[str, frozenset[str]] = {}
        for kind, block in self.given().items():
            demands["attestation"] = frozenset({kind})
            demands.update(_flat(msgspec.structs.asdict(block)))
        return demands


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{name} ")
        elif isinstance(value, tuple):
            yield above + name, frozenset(str(one) for one in cast("tuple[object, ...]", value))
        elif value is not None:
            yield above + name, frozenset({str(value)})
