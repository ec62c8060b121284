"""An agent works with nothing but its X.509-SVID, at the gateway's own port and behind another."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from safeconduct.identity.issuer.authority import own_authorities
from safeconduct.kit.jwk import PrivateKey
from safeconduct.rooms import clock_ms
from tests.support.certificates import Authority, Held
from tests.support.installation import (
    CLERK,
    COPILOT,
    TENANT,
    Gateway,
    Office,
    done,
    free_port,
    opened_office,
    running,
)
from tests.support.secured import CORPORATE, Client, secured, token_of

HOME = Authority("crm.example")
AGENT = HOME.svid(COPILOT)
GATEWAY = "spiffe://crm.example/gateway"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


def works(gateway: Gateway, client: Client, office: Office, *fields: tuple[str, str]) -> None:
    """A task and a call, both without a proof, and one of each with a proof as well."""
    for key in (None, PrivateKey.generate()):
        before = office.effects["get_case"]
        token = token_of(client.start(key=key, fields=fields))
        scheme = "Bearer" if key is None else "DPoP"
        assert done(client.call(token, key=key, scheme=scheme, fields=fields))
        assert office.effects["get_case"] == before + 1
    for record in gateway.records("task"):
        assert record["x5t"] == AGENT.shown.thumbprint
        assert (record["tenant"], record["agent"]["id"]) == (TENANT, COPILOT)
        assert record["unsafe"] == ["unsafe_dev_identity"]
    gateway.verified()


def test_an_agent_works_with_its_certificate(office: Office, tmp_path: Path) -> None:
    made = secured(tmp_path, office, HOME)
    with running(made) as gateway:
        works(gateway, Client(made, tmp_path, AGENT), office)


def test_a_load_balancer_tells_of_its_certificate(office: Office, tmp_path: Path) -> None:
    told = {"from": ["127.0.0.0/8"], "header": "client-cert"}
    made = secured(tmp_path, office, HOME, gateway={"forwarded_certificate": told})
    with running(made) as gateway:
        balancer = Client(made, tmp_path, None)
        field = ("client-cert", f":{base64.b64encode(AGENT.der).decode()}:")
        works(gateway, balancer, office, field)
        token = token_of(balancer.start(fields=[field]))
        assert balancer.call(token).status == 401


def test_a_gateway_and_its_agents_know_each_other_by_svids(office: Office, tmp_path: Path) -> None:
    made = secured(
        tmp_path,
        office,
        gateway={
            "issuer": f"https://127.0.0.1:{free_port()}",
            "tls": {"svid": GATEWAY, "client_certificates": True},
        },
        trust={TENANT: {"bundle": "state/bundle.json"}},
        workloads={COPILOT: {"unix": {"uid": 1}}, CLERK: {"unix": {"uid": 2}}},
    )
    with running(made) as gateway:
        authority = own_authorities(made)[TENANT]
        key = generate_private_key(SECP256R1())
        (leaf,) = authority.x509_svid(COPILOT, key.public_key(), clock_ms())
        agent = Held(x509.load_der_x509_certificate(leaf), key)
        (ours,) = authority.bundle(clock_ms()).certificates
        client = Client(made, tmp_path, agent, ours)
        assert done(client.call(token_of(client.start())))
        assert client.shown() == GATEWAY
        gateway.verified()


def test_doctor_looks_at_a_gateway_that_speaks_tls(office: Office, tmp_path: Path) -> None:
    made = secured(tmp_path, office)
    (tmp_path / "authorities.pem").write_bytes(CORPORATE.pem)
    with running(made):
        command = [sys.executable, "-m", "safeconduct", "doctor", "--config", str(tmp_path)]
        for named, found in ((True, "no way round the gateway was found"), (False, "problem")):
            known = {"SSL_CERT_FILE": str(tmp_path / "authorities.pem")} if named else {}
            said = subprocess.run(
                command, env={**os.environ, **known}, capture_output=True, text=True, check=False
            )
            assert found in said.stdout
