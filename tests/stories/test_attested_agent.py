"""An agent in a pod, from the kubelet's token to a tool call, at a gateway that runs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from safeconduct.cli.main import main
from safeconduct.cli.operator import ask
from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.identity.client import NotStarted, StartedTask, proof, start_task
from safeconduct.kit import keyfile
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON
from tests.support.hardware import Maker, certified, ec_key, pin
from tests.support.installation import (
    COPILOT,
    USER,
    Agent,
    Gateway,
    Office,
    done,
    install,
    opened_office,
    running,
)
from tests.support.kubernetes import KEYS, REVIEWER, Kubernetes, cluster

PODS: Final = "kubernetes-sa"


def attested(directory: Path, office: Office, kind: str, source: JSON, workload: JSON) -> Config:
    """The office's gateway, where the copilot is told by evidence of this kind."""
    install(directory, office)
    root = json.loads((directory / "safeconduct.yaml").read_text())
    root["attestors"] = {kind: {"prod": source}}
    root["workloads"] = {COPILOT: {kind: workload}}
    (directory / "safeconduct.yaml").write_text(json.dumps(root, indent=1))
    agent = directory / "agents" / "copilot.yaml"
    agent.write_text(agent.read_text().replace('"unix"', f'"{kind}"'))
    return load(directory)


def in_a_pod(directory: Path, office: Office, kubernetes: Kubernetes) -> Config:
    """The copilot runs in a cluster."""
    (directory / "reviewer").write_text(REVIEWER)
    source = {
        "issuer": kubernetes.issuer,
        "jwks": kubernetes.url + KEYS,
        "api": kubernetes.url,
        "token": "file:reviewer",
    }
    workload = {"cluster": "prod", "namespace": "crm", "service_account": "copilot"}
    return attested(directory, office, PODS, source, workload)


def asked(gateway: Gateway, method: str, path: str, *sent: Any) -> tuple[int, Any]:
    """Status and answer of a request."""
    connection = http.client.HTTPConnection(gateway.config.root.gateway.listen, timeout=30)
    try:
        connection.request(method, path, *sent)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def shown(gateway: Gateway, kind: str, evidence: object, key: PrivateKey) -> tuple[int, Any]:
    """What the gateway answers to evidence and a proof by this key."""
    made = proof(key, "POST", f"{gateway.issuer}/identity/svid", None)
    fields = {"Content-Type": "application/json", "DPoP": made}
    body = json.dumps({"attestor": kind, "evidence": evidence})
    return asked(gateway, "POST", "/identity/svid", body, fields)


def started(gateway: Gateway, svid: str, key: PrivateKey) -> StartedTask:
    return start_task(
        gateway.config,
        agent=COPILOT,
        user=USER,
        profile="triage",
        purpose="Answer case C-1.",
        source="app",
        svid=svid,
        key=key,
    )


@pytest.fixture
def world(tmp_path: Path) -> Generator[tuple[Gateway, Kubernetes]]:
    with ExitStack() as stack:
        kubernetes = stack.enter_context(cluster())
        office = stack.enter_context(opened_office())
        yield stack.enter_context(running(in_a_pod(tmp_path, office, kubernetes))), kubernetes


def test_from_the_kubelet_s_token_to_a_tool(world: tuple[Gateway, Kubernetes]) -> None:
    gateway, kubernetes = world
    key, pod = PrivateKey.generate(), kubernetes.run()
    token = kubernetes.token(pod, gateway.issuer)
    status, issued = shown(gateway, PODS, token, key)
    assert (status, issued["spiffe_id"]) == (200, COPILOT)
    # The SVID is the key's as well.
    with pytest.raises(NotStarted, match="another key"):
        started(gateway, issued["jwt_svid"], PrivateKey.generate())
    agent = Agent(gateway, started(gateway, issued["jwt_svid"], key))
    assert done(agent.call("office__get_case", {"case_id": "C-1"}))
    # An SVID starts one task, and the pod's token is good for the next one.
    with pytest.raises(NotStarted):
        started(gateway, issued["jwt_svid"], key)
    _, again = shown(gateway, PODS, token, key)
    started(gateway, again["jwt_svid"], key)
    # Whoever finds the token in a log has another key.
    status, refused = shown(gateway, PODS, token, PrivateKey.generate())
    assert (status, refused) == (
        400,
        {"error": "invalid_grant", "error_description": "This evidence is not accepted here."},
    )
    # A pod that is gone gets nothing, although its token is signed and has not ended.
    kubernetes.delete(pod)
    assert shown(gateway, PODS, token, key)[0] == 400
    assert [record["agent"] for record in gateway.records("svid")] == [COPILOT, COPILOT]
    gateway.verified()
    socket = Path(gateway.config.directory) / gateway.config.root.gateway.operator_socket
    why = [one["why"] for one in ask(socket, "refused")["refused"]]
    assert why[-2:] == [
        "the evidence was shown with another key before",
        "TokenReview of prod does not know the token (any more)",
    ]


def test_from_a_key_in_hardware_to_a_tool(tmp_path: Path) -> None:
    maker, device, key = Maker(), ec_key(), PrivateKey.generate()
    source = {"roots": maker.write(tmp_path)}
    workload = {"maker": "prod", "key": pin(device)}
    with opened_office() as office:
        config = attested(tmp_path, office, "hardware", source, workload)
        with running(config) as gateway:
            _, told = asked(gateway, "GET", "/identity/nonce")
            evidence = certified(
                maker.chain(device), device, told["nonce"], key.public.thumbprint, maker="prod"
            )
            status, issued = shown(gateway, "hardware", evidence, key)
            assert (status, issued["spiffe_id"]) == (200, COPILOT)
            agent = Agent(gateway, started(gateway, issued["jwt_svid"], key))
            assert done(agent.call("office__get_case", {"case_id": "C-1"}))
            assert shown(gateway, "hardware", evidence, key)[0] == 400
            gateway.verified()


def test_from_a_shell_in_the_pod(
    world: tuple[Gateway, Kubernetes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway, kubernetes = world
    evidence, out = tmp_path / "token", tmp_path / "svid"
    evidence.write_text(kubernetes.token(kubernetes.run(), gateway.issuer))
    code = main(
        [
            "identity", "attest", "--gateway", gateway.issuer, "--kind", PODS,
            "--evidence", str(evidence), "--out", str(out),
        ]
    )  # fmt: skip
    assert (code, len(capsys.readouterr().out.splitlines())) == (0, 3)
    key = keyfile.load(out / "key.jwk")
    agent = Agent(gateway, started(gateway, (out / "svid.jwt").read_text(), key))
    assert done(agent.call("office__get_case", {"case_id": "C-1"}))
