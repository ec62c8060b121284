"""Pods, by the service account token that the kubelet projects into them.

The signature says that the API server issued the token for a pod, and stays true after the pod is
gone. So for the higher tiers, and where labels matter, the API server is asked as well each time
(TokenReview), and what it says has to agree with the token. The token is sent to nobody else, and
only after its signature and audience held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec
import orjson

from safeconduct.config.keys import is_url
from safeconduct.config.schema import Config
from safeconduct.config.workloads import Cluster
from safeconduct.identity.attestors.attested import Attested, NotAttested, Unjudged, Workloads
from safeconduct.identity.attestors.tokens import Issuer, Issuers, TokenClaims
from safeconduct.identity.keys import (
    SIGNING,
    Ask,
    KeyFile,
    Published,
    WebKeys,
    authorities,
    reader,
)
from safeconduct.kit import strictjson
from safeconduct.kit.fetch import Fetched, FetchError, fetch
from safeconduct.kit.jose import Text
from safeconduct.kit.jwk import KeySet
from safeconduct.ports import CredentialUnavailable

KIND: Final = "kubernetes-sa"

_AT_ONCE: Final = 2
"""How many questions one API server is asked at once: each takes a thread while it lasts."""

_LABEL: Final = "labels "
_TIMEOUT_S: Final = 5.0
_POD_UID: Final = "authentication.kubernetes.io/pod-uid"


class _Object(msgspec.Struct, frozen=True):
    name: Text
    uid: Text


class _Bound(msgspec.Struct, frozen=True):
    namespace: Text
    pod: _Object
    serviceaccount: _Object


class _PodClaims(TokenClaims, frozen=True, kw_only=True):
    """A token that is bound to a pod; the API server forgets it together with the pod."""

    bound: _Bound = msgspec.field(name="kubernetes.io")


class _User(msgspec.Struct, frozen=True):
    username: str = ""
    uid: str = ""
    extra: dict[str, tuple[str, ...]] = {}


class _Status(msgspec.Struct, frozen=True):
    authenticated: bool = False
    audiences: tuple[str, ...] = ()
    user: _User = _User()


class _Review(msgspec.Struct, frozen=True):
    status: _Status


class _Metadata(msgspec.Struct, frozen=True):
    uid: str
    labels: dict[str, str] = {}


class _Pod(msgspec.Struct, frozen=True):
    metadata: _Metadata


Shape = TypeVar("Shape", bound=msgspec.Struct)

Secret = Callable[[str | None], str]
"""Gets the secret behind a reference. Raises CredentialUnavailable."""


class Pods:
    """Attests pods of the configured clusters."""

    def __init__(self, config: Config, secret: Secret) -> None:
        """Raises UnusableKeys for a file of keys."""
        self._config = config
        self._clusters = config.root.attestors.kubernetes_sa
        self._servers = {
            name: _ApiServer(name, cluster, config, secret)
            for name, cluster in self._clusters.items()
        }
        self._issuers = Issuers(
            {
                name: Issuer(
                    names=frozenset({cluster.issuer}),
                    audience=self._servers[name].audience,
                    keys=self._servers[name].keys(),
                )
                for name, cluster in self._clusters.items()
            }
        )
        self._workloads = Workloads(config, KIND)

    async def attest(self, evidence: object, key: str, now_ms: int) -> Attested:
        del key
        name, signed = await self._issuers.verified(evidence, _PodClaims, now_ms)
        bound = signed.claims.bound
        if (
            signed.claims.sub
            != f"system:serviceaccount:{bound.namespace}:{bound.serviceaccount.name}"
        ):
            raise NotAttested(f"the token of {name} contradicts itself")
        facts = {
            "cluster": name,
            "namespace": bound.namespace,
            "service_account": bound.serviceaccount.name,
        }
        server = self._servers[name]
        labelled = any(map(self._labelled, self._workloads.meeting(facts, later=_LABEL)))
        if labelled:
            await server.review(str(evidence), signed.claims)
            facts |= {
                _LABEL + label: value for label, value in (await server.labels(bound)).items()
            }
        agent = self._workloads.only(facts)
        assigned = self._config.root.assignments.get(agent)
        if assigned is None:
            raise NotAttested(f"{agent} has no tier")
        if not labelled and assigned.tier >= self._clusters[name].review_from_tier:
            await server.review(str(evidence), signed.claims)
        return Attested(agent=agent, evidence=signed.digest)

    def _labelled(self, agent: str) -> bool:
        chosen = self._config.root.workloads[agent].kubernetes_sa
        return chosen is not None and bool(chosen.labels)

    async def keep_up(self) -> None:
        """Until cancelled: follows the keys of the clusters."""
        await self._issuers.keep_up()


class _ApiServer:
    """One cluster's API server, asked with a credential of ours."""

    def __init__(self, name: str, cluster: Cluster, config: Config, secret: Secret) -> None:
        self._name = name
        self._cluster = cluster
        self._directory = Path(config.directory)
        self._ca = authorities(self._directory, cluster)
        self._secret = secret
        self._api = (cluster.api or "").rstrip("/")
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.audience = cluster.audience or config.root.gateway.issuer

    def keys(self) -> KeyFile[KeySet] | WebKeys[KeySet]:
        """The keys of its tokens: in a file, or where it publishes them. Raises UnusableKeys."""
        cluster, where = self._cluster, self._cluster.jwks
        read = reader(cluster, where, SIGNING)
        if not is_url(where):
            return KeyFile(self._directory / where, read, max_stale_s=cluster.max_stale_s)
        return WebKeys(where, self._published(where), read, max_stale_s=cluster.max_stale_s)

    def _published(self, url: str) -> Ask:
        """Asks for the keys, with the credential if they are the API server's own: to strangers it
        shows them seldom, and nobody else gets to see it.
        """
        own = bool(self._api) and url.startswith(f"{self._api}/")

        async def ask(tag: str | None) -> Published:
            del tag
            headers = self._credential() if own else {}
            answer = await fetch(url, headers=headers, ca=self._ca, timeout_s=_TIMEOUT_S)
            if answer.status != 200:
                raise FetchError(f"{url}: HTTP status {answer.status}")
            return Published(answer.body)

        return ask

    async def review(self, token: str, claims: _PodClaims) -> None:
        """Has the token reviewed (authentication.k8s.io/v1). Raises: NotAttested, Unjudged."""
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self.audience]},
        }
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        answer = await self._ask(path, orjson.dumps(asked))
        status = self._read(answer, (200, 201), _Review).status
        if not status.authenticated:
            raise NotAttested(f"TokenReview of {self._name} does not know the token (any more)")
        # A server that does not know of audiences leaves them out, and has checked none.
        if self.audience not in status.audiences:
            raise NotAttested(f"TokenReview of {self._name} did not confirm the audience")
        bound = claims.bound
        if (
            status.user.username != claims.sub
            or status.user.uid != bound.serviceaccount.uid
            or status.user.extra.get(_POD_UID) != (bound.pod.uid,)
        ):
            raise NotAttested(f"TokenReview of {self._name} speaks of somebody else")

    async def labels(self, bound: _Bound) -> dict[str, str]:
        """What labels the pod has now. Raises: NotAttested, Unjudged."""
        namespace, pod = quote(bound.namespace, safe=""), quote(bound.pod.name, safe="")
        answer = await self._ask(f"/api/v1/namespaces/{namespace}/pods/{pod}")
        if answer.status == 404:
            raise NotAttested(f"the pod is not in {self._name} (any more)")
        metadata = self._read(answer, (200,), _Pod).metadata
        if metadata.uid != bound.pod.uid:
            raise NotAttested(f"another pod of {self._name} has its name now")
        return metadata.labels

    async def _ask(self, path: str, body: bytes | None = None) -> Fetched:
        """Asks the API server. Raises Unjudged."""
        try:
            async with self._turns:
                return await fetch(
                    f"{self._api}{path}",
                    method="GET" if body is None else "POST",
                    headers={**self._credential(), "Content-Type": "application/json"},
                    body=body,
                    ca=self._ca,
                    timeout_s=_TIMEOUT_S,
                )
        except FetchError as error:
            raise Unjudged(f"the API server of {self._name} does not answer: {error}") from None

    def _read(self, answer: Fetched, statuses: tuple[int, ...], shape: type[Shape]) -> Shape:
        """What the API server says. Raises Unjudged."""
        if answer.status not in statuses:
            raise Unjudged(f"the API server of {self._name} answers with status {answer.status}")
        try:
            return msgspec.convert(strictjson.loads(answer.body), shape)
        except (strictjson.StrictJSONError, msgspec.ValidationError):
            raise Unjudged(f"the API server of {self._name} does not make sense") from None

    def _credential(self) -> dict[str, str]:
        """Our credential, read anew each time as it may be renewed. Raises FetchError."""
        try:
            return {"Authorization": f"Bearer {self._secret(self._cluster.token)}"}
        except CredentialUnavailable as error:
            raise FetchError(f"our credential is not to be had: {error}") from None
