"""Our judgement of pods beside OpenBao's: the same tokens, the same API server."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from safeconduct.ports import TokenRefused
from tests.e2e.openbao import OpenBao, openbao
from tests.support.attesting import ISSUER, Attesting, configured
from tests.support.hardware import Maker
from tests.support.kubernetes import KEYS, REVIEWER, Kubernetes, Pod, cluster
from tests.support.publishers import rsa, signed
from tests.support.worlds import AGENT

KIND: Final = "kubernetes-sa"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Generator[OpenBao]:
    with openbao(tmp_path_factory.mktemp("bao")) as running:
        running.write("sys/auth/kubernetes", type="kubernetes")
        yield running


def accepts(bao: OpenBao, kubernetes: Kubernetes, token: str) -> bool:
    """Whether OpenBao lets the pod log in."""
    bao.write(
        "auth/kubernetes/config",
        kubernetes_host=kubernetes.url,
        # Not used over plain HTTP, and yet asked for.
        kubernetes_ca_cert=Maker().root.public_bytes(Encoding.PEM).decode(),
        disable_local_ca_jwt=True,
        token_reviewer_jwt=REVIEWER,
    )
    bao.write(
        "auth/kubernetes/role/copilot",
        bound_service_account_names=["copilot"],
        bound_service_account_namespaces=["crm"],
        audience=ISSUER,
    )
    status, _ = bao.post("auth/kubernetes/login", {"role": "copilot", "jwt": token})
    return status == 200


async def attests(directory: Path, kubernetes: Kubernetes, token: str) -> bool:
    """Whether we take the pod for the copilot."""
    (directory / "state").mkdir()
    block = {
        "issuer": kubernetes.issuer,
        "jwks": kubernetes.url + KEYS,
        "api": kubernetes.url,
        "token": "file:reviewer",
    }
    copilot = {"cluster": "prod", "namespace": "crm", "service_account": "copilot"}
    config = configured(directory, {KIND: {"prod": block}}, {AGENT: {KIND: copilot}})
    try:
        issued = await Attesting(config, REVIEWER).show(KIND, token)
    except TokenRefused:
        return False
    return bool(issued["spiffe_id"] == AGENT)


def _of_nobody(kubernetes: Kubernetes, pod: Pod) -> str:
    return signed(rsa("elsewhere"), kubernetes.claims(pod, ISSUER), kid="cluster-key", typ=None)


def _of_before(kubernetes: Kubernetes, pod: Pod) -> str:
    return kubernetes.token(pod, ISSUER, 1_700_000_000)


def _of_a_deleted_pod(kubernetes: Kubernetes, pod: Pod) -> str:
    kubernetes.delete(pod)
    return kubernetes.token(pod, ISSUER)


CASES: Final[dict[str, tuple[Callable[[Kubernetes, Pod], str], bool]]] = {
    "good": (lambda kubernetes, pod: kubernetes.token(pod, ISSUER), True),
    "audience": (lambda kubernetes, pod: kubernetes.token(pod, "https://other.example"), False),
    "account": (
        lambda kubernetes, _: kubernetes.token(kubernetes.run(service_account="other"), ISSUER),
        False,
    ),
    "namespace": (
        lambda kubernetes, _: kubernetes.token(kubernetes.run(namespace="other"), ISSUER),
        False,
    ),
    "deleted": (_of_a_deleted_pod, False),
    "expired": (_of_before, False),
    "key": (_of_nobody, False),
    "none": (lambda *_: "x", False),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("case", CASES)
async def test_both_judge_alike(tmp_path: Path, bao: OpenBao, case: str) -> None:
    make, good = CASES[case]
    with cluster() as kubernetes:
        token = make(kubernetes, kubernetes.run())
        assert accepts(bao, kubernetes, token) is good
        assert await attests(tmp_path, kubernetes, token) is good
