"""Whoever vouches for workloads is out of reach: nobody is accepted, and the operator reads why."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.ports import TokenRefused
from tests.support.attesting import ISSUER, Attesting, configured
from tests.support.kubernetes import KEYS, REVIEWER, REVIEWS, Kubernetes, cluster
from tests.support.web import Answer, document
from tests.support.worlds import AGENT

KIND = "kubernetes-sa"


@pytest.fixture
def kubernetes() -> Generator[Kubernetes]:
    with cluster() as running:
        yield running


def world(
    directory: Path, kubernetes: Kubernetes, secret: str | None = REVIEWER, **chosen: Any
) -> Attesting:
    block = {
        "issuer": kubernetes.issuer,
        "jwks": kubernetes.url + KEYS,
        "api": kubernetes.url,
        "token": "file:reviewer",
    }
    copilot = {"cluster": "prod", "namespace": "crm", "service_account": "copilot", **chosen}
    config = configured(directory, {KIND: {"prod": block}}, {AGENT: {KIND: copilot}})
    return Attesting(config, secret)


async def unjudged(world: Attesting, evidence: str, why: str) -> None:
    with pytest.raises(TokenRefused) as raised:
        await world.show(KIND, evidence)
    fault = raised.value
    assert (fault.error, fault.status) == ("temporarily_unavailable", 503)
    assert fault.sentence == "No evidence can be judged now; try again."
    assert why in world.why
    assert world.ledger.records == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (document({}, 500), "answers with status 500"),
        (document({"kind": "Status"}, 401), "answers with status 401"),
        (document({"kind": "Status"}, 403), "answers with status 403"),
        (document({}, 404), "answers with status 404"),
        (document({}, 201), "does not make sense"),
        (document({"status": {"authenticated": "yes"}}, 201), "does not make sense"),
        (document([], 201), "does not make sense"),
        (Answer(201, b"<html>"), "does not make sense"),
        (Answer(201, b""), "does not make sense"),
        (Answer(302, b"", {"Location": "https://elsewhere.example"}), "answers with status 302"),
    ],
)
async def test_a_review_that_is_none(
    tmp_path: Path, kubernetes: Kubernetes, answer: Answer, why: str
) -> None:
    attesting = world(tmp_path, kubernetes)
    token = kubernetes.token(kubernetes.run(), ISSUER)
    good = kubernetes.web.pages[REVIEWS]
    kubernetes.web.pages[REVIEWS] = lambda _: answer
    await unjudged(attesting, token, why)
    kubernetes.web.pages[REVIEWS] = good
    assert (await attesting.show(KIND, token))["spiffe_id"] == AGENT


async def test_the_api_server_goes_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with cluster() as kubernetes:
        attesting = world(tmp_path, kubernetes)
        pod = kubernetes.run()
        await attesting.show(KIND, kubernetes.token(pod, ISSUER))
        attesting.ledger.records.clear()
        token = kubernetes.token(pod, ISSUER)
    caplog.clear()
    await unjudged(attesting, token, "the API server of prod does not answer")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "the API server of prod does not answer" in record.getMessage()
    assert token not in record.getMessage()


async def test_a_pod_cannot_be_looked_up(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = world(tmp_path, kubernetes, labels={"app": "copilot"})
    pod = kubernetes.run(app="copilot")
    kubernetes.web.pages[pod.path] = lambda _: document({}, 403)
    await unjudged(attesting, kubernetes.token(pod, ISSUER), "answers with status 403")


async def test_our_credential_is_not_there(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = world(tmp_path, kubernetes, secret=None)
    await unjudged(attesting, kubernetes.token(kubernetes.run(), ISSUER), "keys of prod")


async def test_our_credential_is_not_there_for_the_review(
    tmp_path: Path, kubernetes: Kubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    attesting = world(tmp_path, kubernetes)
    token = kubernetes.token(kubernetes.run(), ISSUER)
    await attesting.show(KIND, token)
    attesting.ledger.records.clear()
    attesting.secret = None
    await unjudged(attesting, token, "our credential is not to be had")


async def test_no_keys_are_to_be_had(tmp_path: Path, kubernetes: Kubernetes) -> None:
    attesting = world(tmp_path, kubernetes)
    kubernetes.web.pages[KEYS] = lambda _: document({}, 500)
    await unjudged(attesting, kubernetes.token(kubernetes.run(), ISSUER), "keys of prod")
    assert kubernetes.reviewed == 0
