"""Becoming an agent without being it: stolen, forged and borrowed evidence."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509

from safeconduct.identity.attestors.issuance import Issuance
from safeconduct.identity.bundles import open_bundles
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.svid import Svids
from safeconduct.kit.jwk import PrivateKey, encode
from safeconduct.ports import TokenRefused, Unauthenticated
from tests.support.attesting import CLERK, ISSUER, Attesting, configured
from tests.support.hardware import DAY, Authenticator, Maker, certified, ec_key, pin
from tests.support.kubernetes import KEYS, REVIEWER, Kubernetes, cluster
from tests.support.providers import KEY, POOL, pool_world, said, token
from tests.support.publishers import public, rsa, signed
from tests.support.worlds import AGENT

PODS: Final = "kubernetes-sa"
HARDWARE: Final = "hardware"


@pytest.fixture
def kubernetes() -> Generator[Kubernetes]:
    with cluster() as running:
        yield running


def pods(directory: Path, kubernetes: Kubernetes, **block: Any) -> Attesting:
    """The copilot and the clerk run in one namespace, as two service accounts."""
    cluster_block = {
        "issuer": kubernetes.issuer,
        "jwks": kubernetes.url + KEYS,
        "api": kubernetes.url,
        "token": "file:reviewer",
        **block,
    }
    workloads = {
        agent: {PODS: {"cluster": "prod", "namespace": "crm", "service_account": account}}
        for agent, account in ((AGENT, "copilot"), (CLERK, "clerk"))
    }
    return Attesting(configured(directory, {PODS: {"prod": cluster_block}}, workloads), REVIEWER)


@contextmanager
def refused(attesting: Attesting) -> Generator[None]:
    """Refused, with nothing said of why, and nothing on record."""
    before = len(attesting.ledger.records)
    with pytest.raises(TokenRefused) as raised:
        yield
    fault = raised.value
    assert (fault.error, fault.sentence, fault.told) == (
        "invalid_grant",
        "This evidence is not accepted here.",
        {},
    )
    assert len(attesting.ledger.records) == before


async def test_a_token_for_another_service_that_got_it_honestly(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    attesting, pod = pods(tmp_path, kubernetes), kubernetes.run()
    for audience in ("https://vault.example", kubernetes.issuer, f"{ISSUER}/", ISSUER.upper()):
        with refused(attesting):
            await attesting.show(PODS, kubernetes.token(pod, audience))
    assert kubernetes.reviewed == 0, "it was sent to nobody"


async def test_a_neighbour_in_the_namespace_is_itself_and_nobody_else(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    attesting = pods(tmp_path, kubernetes)
    clerk = kubernetes.run("clerk-0", service_account="clerk")
    issued = await attesting.show(PODS, kubernetes.token(clerk, ISSUER))
    assert issued["spiffe_id"] == CLERK
    for other in ({"service_account": "default"}, {"namespace": "crm2"}, {"namespace": "CRM"}):
        with refused(attesting):
            await attesting.show(PODS, kubernetes.token(kubernetes.run("x", **other), ISSUER))


async def test_claims_that_the_sender_changed(tmp_path: Path, kubernetes: Kubernetes) -> None:
    """The clerk's token with the copilot's name, under the clerk's signature."""
    attesting = pods(tmp_path, kubernetes)
    mine = kubernetes.token(kubernetes.run("clerk-0", service_account="clerk"), ISSUER)
    theirs = kubernetes.token(kubernetes.run(), ISSUER)
    head, _, signature = mine.split(".")
    with refused(attesting):
        await attesting.show(PODS, f"{head}.{theirs.split('.')[1]}.{signature}")


async def test_a_pod_that_was_deleted(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting, pod = pods(tmp_path, kubernetes), kubernetes.run()
    evidence = kubernetes.token(pod, ISSUER)
    await attesting.show(PODS, evidence)
    kubernetes.delete(pod)
    with refused(attesting):
        await attesting.show(PODS, evidence)
    kubernetes.run(pod.name)
    with refused(attesting):
        await attesting.show(PODS, evidence)


async def test_a_token_of_before_projection(tmp_path: Path, kubernetes: Kubernetes) -> None:
    """Tokens in secrets never end, are for everybody, and are bound to no pod."""
    legacy = {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": "crm",
        "kubernetes.io/serviceaccount/service-account.name": "copilot",
        "sub": "system:serviceaccount:crm:copilot",
    }
    attesting = pods(tmp_path, kubernetes)
    with refused(attesting):
        await attesting.show(PODS, signed(kubernetes.key, legacy))
    with refused(attesting):
        await attesting.show(PODS, signed(kubernetes.key, legacy | {"iss": kubernetes.issuer}))


async def test_stolen_evidence_that_was_used(tmp_path: Path) -> None:
    attesting, evidence = pool_world(tmp_path, "github"), token()
    await attesting.show(POOL, evidence)
    with refused(attesting):
        await attesting.show(POOL, evidence, key=PrivateKey.generate())


async def test_stolen_evidence_after_a_restart(tmp_path: Path) -> None:
    """What is remembered is on record, not in the process."""
    attesting, evidence = pool_world(tmp_path, "github"), token()
    await attesting.show(POOL, evidence)
    page = attesting.page
    attesting.page = Issuance(
        attesting.config,
        attestors=page.attestors,
        nonces=attesting.nonces,
        signers=attesting.signers,
        proofs=Proofs(since_ms=0),
        ledger=attesting.ledger,
        clock_ms=lambda: attesting.now_ms,
    )
    with refused(attesting):
        await attesting.show(POOL, evidence, key=PrivateKey.generate())
    await attesting.show(POOL, evidence)


async def test_the_same_evidence_in_another_spelling(tmp_path: Path) -> None:
    """A digest of the whole token would change with bits that nobody signed; this one does not."""
    attesting, evidence = pool_world(tmp_path, "github"), token()
    await attesting.show(POOL, evidence)
    for spelled in (f"{evidence}=", f" {evidence}", f"{evidence}.", evidence.replace(".", "..", 1)):
        with refused(attesting):
            await attesting.show(POOL, spelled, key=PrivateKey.generate())


async def test_another_customer_of_the_same_provider(tmp_path: Path) -> None:
    """Anybody can have GitHub sign a token for our audience."""
    attesting = pool_world(tmp_path, "github")
    for change in (
        {"repository": "evil/crm", "repository_id": "999", "repository_owner": "evil"},
        {"sub": "repo:acme/crm:environment:prod", "repository_id": "999"},
        {"environment": "prod\n"},
    ):
        with refused(attesting):
            await attesting.show(POOL, token(**change))


async def test_a_pull_request_from_a_fork(tmp_path: Path) -> None:
    """It runs in the same repository, without the environment that has reviewers."""
    attesting = pool_world(tmp_path, "github")
    with refused(attesting):
        await attesting.show(
            POOL, token(environment=None, ref="refs/pull/1/merge", event_name="pull_request")
        )


@pytest.mark.parametrize("name", ["none", "HS256", "ES256", "PS256", "RS512"])
async def test_algorithms(tmp_path: Path, name: str) -> None:
    attesting = pool_world(tmp_path, "github")
    _, body, signature = token().split(".")
    head = encode(f'{{"alg":"{name}","kid":"provider","typ":"JWT"}}'.encode())
    for made in (f"{head}.{body}.", f"{head}.{body}.{signature}"):
        with refused(attesting):
            await attesting.show(POOL, made)


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": public(rsa("thief"))},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"kid": "../../thief"},
        {"kid": "provider"},
    ],
    ids=["jwk", "jku", "x5u", "x5c", "path", "name"],
)
async def test_a_key_that_the_token_brings_along(tmp_path: Path, header: dict[str, Any]) -> None:
    attesting = pool_world(tmp_path, "github")
    with refused(attesting):
        await attesting.show(POOL, signed(rsa("thief"), said("github"), **header))


async def test_evidence_of_one_kind_as_another(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = pods(tmp_path, kubernetes)
    for kind in (POOL, HARDWARE, "unix", "kubernetes", ""):
        with refused(attesting):
            await attesting.show(kind, kubernetes.token(kubernetes.run(), ISSUER))
    with refused(attesting):
        await attesting.show(PODS, signed(KEY, said("github")))


async def test_our_own_tokens_as_evidence(tmp_path: Path) -> None:
    """An SVID is not evidence for another one."""
    attesting = pool_world(tmp_path, "github")
    issued = await attesting.show(POOL, token())
    with refused(attesting):
        await attesting.show(POOL, issued["jwt_svid"])


async def test_an_svid_for_another_service_is_none_here(tmp_path: Path) -> None:
    attesting = pool_world(tmp_path, "github")
    issued = await attesting.show(POOL, token(), audience="https://other.example")
    svids = Svids(attesting.config, open_bundles(attesting.config))
    with pytest.raises(Unauthenticated):
        await svids.verify(issued["jwt_svid"], attesting.now_ms)


async def test_evidence_as_an_svid(tmp_path: Path) -> None:
    """What a provider signs is no SVID, whatever it says."""
    attesting = pool_world(tmp_path, "github")
    await attesting.show(POOL, token())
    svids = Svids(attesting.config, open_bundles(attesting.config))
    with pytest.raises(Unauthenticated):
        await svids.verify(token(sub=AGENT), attesting.now_ms)


def hardware(directory: Path, maker: Maker, key: str) -> Attesting:
    config = configured(
        directory,
        {HARDWARE: {"maker": {"roots": maker.write(directory)}}},
        {AGENT: {HARDWARE: {"maker": "maker", "key": key}}},
    )
    return Attesting(config)


@pytest.mark.parametrize(
    "forged",
    [
        {"authority": [x509.BasicConstraints(ca=False, path_length=None)]},
        {"authority": []},
        {"root_ends": -DAY},
    ],
    ids=["a device that signs", "no authority", "a root that has ended"],
)
async def test_hardware_that_a_maker_did_not_certify(
    tmp_path: Path, forged: dict[str, Any]
) -> None:
    maker, key = Maker(**forged), ec_key()
    attesting = hardware(tmp_path, maker, pin(key))
    nonce, thumbprint = attesting.page.nonce(), attesting.key.public.thumbprint
    with refused(attesting):
        await attesting.show(HARDWARE, certified(maker.chain(key), key, nonce, thumbprint))


async def test_a_recorded_ceremony(tmp_path: Path) -> None:
    """Who recorded it has neither the key of the proof nor a nonce that is still good."""
    maker = Maker()
    device = Authenticator(maker)
    attesting = hardware(tmp_path, maker, pin(device.key))
    shown = device.show(attesting.page.nonce(), attesting.key.public.thumbprint)
    with refused(attesting):
        await attesting.show(HARDWARE, shown, key=PrivateKey.generate())
    await attesting.show(HARDWARE, shown)
    with refused(attesting):
        await attesting.show(HARDWARE, shown)
    with refused(attesting):
        await attesting.show(HARDWARE, shown | {"nonce": attesting.page.nonce()})


async def test_a_key_in_software_with_a_genuine_key_s_papers(tmp_path: Path) -> None:
    maker, genuine, copy = Maker(), ec_key(), ec_key()
    attesting = hardware(tmp_path, maker, pin(copy))
    nonce, thumbprint = attesting.page.nonce(), attesting.key.public.thumbprint
    with refused(attesting):
        await attesting.show(HARDWARE, certified(maker.chain(genuine), copy, nonce, thumbprint))
