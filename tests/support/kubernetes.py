"""An API server of Kubernetes, as far as service account tokens go: it issues them for pods,
publishes its keys, and reviews tokens (authentication.k8s.io/v1) as the real one does.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.publishers import public, rsa, signed
from tests.support.web import Answer, Asked, Web, document, serving

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
KEYS: Final = "/openid/v1/jwks"
REVIEWER: Final = "the-reviewer"
"""The credential that may ask the API server."""


class Pod(msgspec.Struct, frozen=True):
    """A pod that runs as a service account."""

    namespace: str
    service_account: str
    name: str
    uid: str
    labels: dict[str, str]

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"


class Kubernetes:
    """The cluster. `audiences` are those that the API server itself accepts when none are asked."""

    def __init__(self, web: Web, issuer: str = ISSUER, kid: str = "cluster-key") -> None:
        self.web = web
        self.url = web.url
        self.issuer = issuer
        self.key = rsa(kid)
        self.pods: dict[str, Pod] = {}
        self.accounts: dict[tuple[str, str], str] = {}
        self.reviewed = 0
        web.pages[KEYS] = self._authorized(
            lambda _: document({"keys": [public(self.key, alg="RS256")]})
        )
        web.pages[REVIEWS] = self._authorized(self._review)

    def run(
        self,
        name: str = "copilot-0",
        *,
        namespace: str = "crm",
        service_account: str = "copilot",
        **labels: str,
    ) -> Pod:
        """Starts a pod."""
        account = (namespace, service_account)
        self.accounts.setdefault(account, str(uuid.uuid4()))
        pod = Pod(namespace, service_account, name, str(uuid.uuid4()), labels)
        self.pods[pod.uid] = pod
        metadata = {"name": name, "namespace": namespace, "uid": pod.uid, "labels": labels}
        found = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}}
        self.web.pages[pod.path] = self._authorized(lambda _: document(found))
        return pod

    def delete(self, pod: Pod) -> None:
        """Ends a pod; its tokens stay signed."""
        del self.pods[pod.uid]
        del self.web.pages[pod.path]

    def claims(self, pod: Pod, audience: str, now_s: int | None = None) -> dict[str, Any]:
        """What the kubelet's token for this pod says."""
        now_s = int(time.time()) if now_s is None else now_s
        uid = self.accounts[pod.namespace, pod.service_account]
        return {
            "iss": self.issuer,
            "aud": [audience],
            "exp": now_s + 600,
            "iat": now_s,
            "nbf": now_s,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": pod.namespace,
                "node": {"name": "node-1", "uid": "9c1fa0d6-0000-4000-8000-000000000001"},
                "pod": {"name": pod.name, "uid": pod.uid},
                "serviceaccount": {"name": pod.service_account, "uid": uid},
                "warnafter": now_s + 3607,
            },
            "sub": f"system:serviceaccount:{pod.namespace}:{pod.service_account}",
        }

    def token(self, pod: Pod, audience: str, now_s: int | None = None) -> str:
        """What the kubelet projects into this pod."""
        return signed(self.key, self.claims(pod, audience, now_s), typ=None)

    def _authorized(self, page: Any) -> Any:
        def guarded(asked: Asked) -> Answer:
            if asked.headers.get("authorization") != f"Bearer {REVIEWER}":
                return document({"kind": "Status", "code": 401}, 401)
            answer: Answer = page(asked)
            return answer

        return guarded

    def _review(self, asked: Asked) -> Answer:
        self.reviewed += 1
        review = json.loads(asked.body)
        wanted = review["spec"].get("audiences") or [self.issuer]
        try:
            status = self._status(review["spec"]["token"], wanted)
        except (ValueError, KeyError, InvalidSignature) as error:
            status = {"authenticated": False, "error": f"[invalid bearer token, {error}]"}
        return document({**review, "status": status}, 201)

    def _status(self, token: str, wanted: list[str]) -> dict[str, Any]:
        head, body, signature = token.split(".")
        key = self.key.public_key
        assert isinstance(key, RSAPublicKey)
        message = f"{head}.{body}".encode()
        key.verify(_octets(signature), message, padding.PKCS1v15(), SHA256())
        claims = json.loads(_octets(body))
        if claims["iss"] != self.issuer or claims["exp"] <= time.time():
            raise ValueError("token is expired, or of another issuer")
        audiences = [one for one in wanted if one in claims["aud"]]
        if not audiences:
            raise ValueError("token audiences is invalid for the target audiences")
        bound = claims["kubernetes.io"]
        pod = self.pods.get(bound["pod"]["uid"])
        if pod is None:
            raise ValueError("service account token has been invalidated")
        account = f"system:serviceaccount:{pod.namespace}:{pod.service_account}"
        return {
            "authenticated": True,
            "audiences": audiences,
            "user": {
                "username": account,
                "uid": self.accounts[pod.namespace, pod.service_account],
                "groups": [
                    "system:serviceaccounts",
                    f"system:serviceaccounts:{pod.namespace}",
                    "system:authenticated",
                ],
                "extra": {
                    "authentication.kubernetes.io/credential-id": [f"JTI={claims['jti']}"],
                    "authentication.kubernetes.io/node-name": [bound["node"]["name"]],
                    "authentication.kubernetes.io/node-uid": [bound["node"]["uid"]],
                    "authentication.kubernetes.io/pod-name": [pod.name],
                    "authentication.kubernetes.io/pod-uid": [pod.uid],
                },
            },
        }


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def cluster(issuer: str = ISSUER, kid: str = "cluster-key") -> Generator[Kubernetes]:
    """Runs a cluster without nodes."""
    with serving() as web:
        yield Kubernetes(web, issuer, kid)
