"""Pods, with the API server of `tests.support.kubernetes`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from safeconduct.ports import TokenRefused
from tests.support.attesting import CLERK, ISSUER, Attesting, configured
from tests.support.kubernetes import ISSUER as CLUSTER
from tests.support.kubernetes import KEYS, REVIEWER, REVIEWS, Kubernetes, cluster
from tests.support.publishers import public, rsa, signed
from tests.support.web import Answer, Asked, document, serving
from tests.support.worlds import AGENT

KIND = "kubernetes-sa"
COPILOT = {"cluster": "prod", "namespace": "crm", "service_account": "copilot"}


@pytest.fixture
def kubernetes() -> Generator[Kubernetes]:
    with cluster() as running:
        yield running


def attestor(kubernetes: Kubernetes, **changed: Any) -> dict[str, Any]:
    return {
        "issuer": kubernetes.issuer,
        "jwks": kubernetes.url + KEYS,
        "api": kubernetes.url,
        "token": "file:reviewer",
        **changed,
    }


def world(
    directory: Path,
    kubernetes: Kubernetes,
    *,
    tier: int = 2,
    chosen: dict[str, Any] | None = None,
    **changed: Any,
) -> Attesting:
    config = configured(
        directory,
        {KIND: {"prod": attestor(kubernetes, **changed)}},
        {AGENT: {KIND: COPILOT | (chosen or {})}},
        {AGENT: tier},
    )
    return Attesting(config, REVIEWER)


async def refused(world: Attesting, evidence: object, why: str, *, status: int = 400) -> None:
    with pytest.raises(TokenRefused) as raised:
        await world.show(KIND, evidence)
    assert raised.value.status == status
    assert why in world.why


async def test_a_pod_is_its_agent_when_the_api_server_says_so(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    attesting = world(tmp_path, kubernetes)
    issued = await attesting.show(KIND, kubernetes.token(kubernetes.run(), ISSUER))
    assert issued["spiffe_id"] == AGENT
    assert kubernetes.reviewed == 1


async def test_below_the_tier_the_signature_is_enough(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    attesting = world(tmp_path, kubernetes, tier=1)
    await attesting.show(KIND, kubernetes.token(kubernetes.run(), ISSUER))
    assert kubernetes.reviewed == 0


async def test_a_deleted_pod_is_known_to_the_api_server_alone(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    pod = kubernetes.run()
    token = kubernetes.token(pod, ISSUER)
    kubernetes.delete(pod)
    low, high = (world(tmp_path / str(tier), kubernetes, tier=tier) for tier in (1, 2))
    assert (await low.show(KIND, token))["spiffe_id"] == AGENT
    await refused(high, token, "does not know the token")


async def test_an_audience_of_our_own(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = world(tmp_path, kubernetes, audience="svids")
    pod = kubernetes.run()
    await attesting.show(KIND, kubernetes.token(pod, "svids"))
    await refused(attesting, kubernetes.token(pod, ISSUER), "another audience")


def with_a_file(directory: Path, kubernetes: Kubernetes) -> Attesting:
    """The keys are in a file, so that nobody is asked for one that is not known."""
    keys = {"keys": [public(kubernetes.key, alg="RS256")]}
    (directory / "keys.json").write_bytes(document(keys).body)
    return world(directory, kubernetes, jwks="keys.json")


async def test_keys_in_a_file(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = with_a_file(tmp_path, kubernetes)
    await attesting.show(KIND, kubernetes.token(kubernetes.run(), ISSUER))
    assert kubernetes.web.count(KEYS) == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"aud": ["https://elsewhere.example"]}, "another audience"),
        ({"aud": [ISSUER, "https://elsewhere.example"]}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"iss": "https://other.example"}, "another issuer"),
        ({"iss": ["x"]}, "another issuer"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "missing or of the wrong type"),
        ({"nbf": 9_999_999_999}, "not valid yet"),
        ({"sub": "system:serviceaccount:crm:clerk"}, "contradicts itself"),
        ({"sub": None}, "missing or of the wrong type"),
        ({"kubernetes.io": None}, "missing or of the wrong type"),
    ],
)
async def test_what_a_token_must_say(
    tmp_path: Path, kubernetes: Kubernetes, change: dict[str, Any], why: str
) -> None:
    claims = {**kubernetes.claims(kubernetes.run(), ISSUER), **change}
    given = {name: value for name, value in claims.items() if value is not None}
    await refused(world(tmp_path, kubernetes), signed(kubernetes.key, given), why)
    assert kubernetes.reviewed == 0


async def test_a_token_that_is_bound_to_no_pod(tmp_path: Path, kubernetes: Kubernetes) -> None:
    claims = kubernetes.claims(kubernetes.run(), ISSUER)
    del claims["kubernetes.io"]["pod"]
    await refused(world(tmp_path, kubernetes), signed(kubernetes.key, claims), "missing")


@pytest.mark.parametrize(
    "other", [{"namespace": "sales"}, {"service_account": "default"}, {"service_account": "copilo"}]
)
async def test_another_service_account(
    tmp_path: Path, kubernetes: Kubernetes, other: dict[str, str]
) -> None:
    token = kubernetes.token(kubernetes.run(**other), ISSUER)
    await refused(world(tmp_path, kubernetes), token, "stands for no workload")
    assert kubernetes.reviewed == 0


async def test_another_cluster_of_the_same_name(tmp_path: Path, kubernetes: Kubernetes) -> None:
    claims = kubernetes.claims(kubernetes.run(), ISSUER)
    attesting = with_a_file(tmp_path, kubernetes)
    await refused(attesting, signed(rsa("elsewhere"), claims), "a key that prod have not")
    stolen = signed(rsa("elsewhere"), claims, kid="cluster-key")
    await refused(attesting, stolen, "not signed by a key")


async def test_two_clusters_of_one_name_are_told_apart_by_their_keys(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    with cluster(kid="other-key") as other:
        config = configured(
            tmp_path,
            {KIND: {"prod": attestor(kubernetes), "test": attestor(other)}},
            {AGENT: {KIND: COPILOT}, CLERK: {KIND: COPILOT | {"cluster": "test"}}},
        )
        attesting = Attesting(config, REVIEWER)
        for where, agent in ((kubernetes, AGENT), (other, CLERK), (kubernetes, AGENT)):
            assert where.issuer == CLUSTER
            issued = await attesting.show(KIND, where.token(where.run(), ISSUER))
            assert issued["spiffe_id"] == agent


async def test_labels_are_the_api_server_s_word(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = world(tmp_path, kubernetes, tier=1, chosen={"labels": {"app": "copilot"}})
    token = kubernetes.token(kubernetes.run(app="copilot", more="x"), ISSUER)
    await attesting.show(KIND, token)
    assert kubernetes.reviewed == 1
    for labels in ({}, {"app": "copilot-2"}):
        other = kubernetes.token(kubernetes.run("other", **labels), ISSUER)
        await refused(attesting, other, "stands for no workload")


async def test_labels_tell_agents_apart(tmp_path: Path, kubernetes: Kubernetes) -> None:
    workloads = {
        agent: {KIND: COPILOT | {"labels": {"app": app}}}
        for agent, app in ((AGENT, "copilot"), (CLERK, "clerk"))
    }
    config = configured(tmp_path, {KIND: {"prod": attestor(kubernetes)}}, workloads)
    attesting = Attesting(config, REVIEWER)
    for app, agent in (("clerk", CLERK), ("copilot", AGENT)):
        token = kubernetes.token(kubernetes.run(app, app=app), ISSUER)
        assert (await attesting.show(KIND, token))["spiffe_id"] == agent
    assert kubernetes.reviewed == 2


async def test_labels_of_a_pod_that_took_the_name_over(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    attesting = world(tmp_path, kubernetes, chosen={"labels": {"app": "copilot"}})
    token = kubernetes.token(kubernetes.run(app="other"), ISSUER)
    kubernetes.run(app="copilot")
    await refused(attesting, token, "another pod of prod has its name")


async def test_labels_of_a_pod_that_is_gone_meanwhile(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    attesting = world(tmp_path, kubernetes, chosen={"labels": {"app": "copilot"}})
    pod = kubernetes.run(app="copilot")
    del kubernetes.web.pages[pod.path]
    await refused(attesting, kubernetes.token(pod, ISSUER), "not in prod (any more)")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"authenticated": False}, "does not know the token"),
        ({"authenticated": None}, "does not know the token"),
        ({"audiences": ["https://elsewhere.example"]}, "did not confirm the audience"),
        ({"audiences": None}, "did not confirm the audience"),
        ({"user": None}, "somebody else"),
        ({"user": {"username": "system:serviceaccount:crm:copilot"}}, "somebody else"),
    ],
)
async def test_a_review_has_to_agree_with_the_token(
    tmp_path: Path, kubernetes: Kubernetes, change: dict[str, Any], why: str
) -> None:
    pod = kubernetes.run()
    token = kubernetes.token(pod, ISSUER)
    user = {
        "username": "system:serviceaccount:crm:copilot",
        "uid": kubernetes.accounts["crm", "copilot"],
        "extra": {"authentication.kubernetes.io/pod-uid": [pod.uid]},
    }
    status: dict[str, Any] = {"authenticated": True, "audiences": [ISSUER], "user": user, **change}
    told = {name: value for name, value in status.items() if value is not None}
    kubernetes.web.pages[REVIEWS] = lambda _: document({"status": told}, 201)
    await refused(world(tmp_path, kubernetes), token, why)


@pytest.mark.parametrize("member", ["uid", "username", "extra"])
async def test_a_review_of_somebody_else(
    tmp_path: Path, kubernetes: Kubernetes, member: str
) -> None:
    pod = kubernetes.run()
    other = {"extra": {"authentication.kubernetes.io/pod-uid": ["another"]}}.get(member, "another")
    user = {
        "username": "system:serviceaccount:crm:copilot",
        "uid": kubernetes.accounts["crm", "copilot"],
        "extra": {"authentication.kubernetes.io/pod-uid": [pod.uid]},
        member: other,
    }
    status = {"authenticated": True, "audiences": [ISSUER], "user": user}
    kubernetes.web.pages[REVIEWS] = lambda _: document({"status": status}, 201)
    token = kubernetes.token(pod, ISSUER)
    await refused(world(tmp_path, kubernetes), token, "somebody else")


async def test_our_credential_goes_to_the_api_server_alone(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    token = kubernetes.token(kubernetes.run(), ISSUER)
    await world(tmp_path, kubernetes).show(KIND, token)
    asked = [one.headers["authorization"] for one in kubernetes.web.asked]
    assert asked == [f"Bearer {REVIEWER}"] * 2
    with serving() as elsewhere:
        elsewhere.publish({KEYS: {"keys": [public(kubernetes.key, alg="RS256")]}})
        await world(tmp_path / "other", kubernetes, jwks=elsewhere.url + KEYS).show(KIND, token)
        assert ["authorization" in one.headers for one in elsewhere.asked] == [False]


async def test_the_api_server_is_asked_two_things_at_once(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    """Whoever has many tokens must not take every thread."""
    attesting = world(tmp_path, kubernetes)
    tokens = [kubernetes.token(kubernetes.run(f"pod-{n}"), ISSUER) for n in range(6)]
    await attesting.show(KIND, tokens[0])
    inside, most = 0, 0
    lock, full, review = threading.Lock(), threading.Event(), kubernetes.web.pages[REVIEWS]

    def slow(asked: Asked) -> Answer:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            if inside == 2:
                full.set()
        full.wait(30)
        answer = review(asked)
        with lock:
            inside -= 1
        return answer

    kubernetes.web.pages[REVIEWS] = slow
    await asyncio.gather(*(attesting.show(KIND, token) for token in tokens[1:]))
    assert most == 2


async def test_keys_are_followed_in_the_background(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = world(tmp_path, kubernetes)
    published, asked = kubernetes.web.pages[KEYS], asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard(request: Asked) -> Answer:
        loop.call_soon_threadsafe(asked.set)
        return published(request)

    kubernetes.web.pages[KEYS] = heard
    following = asyncio.create_task(attesting.page.keep_up())
    await asked.wait()
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def test_the_api_server_s_url_may_end_in_a_slash(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    attesting = world(tmp_path, kubernetes, api=kubernetes.url + "/")
    await attesting.show(KIND, kubernetes.token(kubernetes.run(), ISSUER))
    assert kubernetes.reviewed == 1


async def test_an_agent_without_a_tier(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = world(tmp_path, kubernetes)
    attesting.config.root.assignments.clear()
    token = kubernetes.token(kubernetes.run(), ISSUER)
    await refused(attesting, token, "has no tier")
