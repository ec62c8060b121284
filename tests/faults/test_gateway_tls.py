"""Certificates and bundles that break while the gateway runs, or were broken before."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.config.schema import Config
from tests.faults.test_gateway_start import refuses_to_start
from tests.support.certificates import Authority, anonymous
from tests.support.installation import (
    COPILOT,
    Gateway,
    Office,
    done,
    eventually,
    opened_office,
    running,
)
from tests.support.secured import (
    CORPORATE,
    HANDSHAKE_FAILED,
    Client,
    refused,
    secured,
    token_of,
)

HOME = Authority("crm.example")
AGENT = HOME.svid(COPILOT)


@pytest.fixture
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture
def config(office: Office, tmp_path: Path) -> Config:
    return secured(tmp_path, office, HOME)


def shows(gateway: Gateway) -> bytes | None:
    """The certificate that it shows now."""
    host, port = gateway.config.root.gateway.listen.split(":")
    with (
        socket.create_connection((host, int(port))) as plain,
        anonymous(CORPORATE).wrap_socket(plain, server_hostname=host) as link,
    ):
        return link.getpeercert(binary_form=True)


@pytest.mark.parametrize("file", ["gateway.pem", "gateway.key"])
def test_garbage_instead_of_a_certificate_leaves_the_one_before(
    config: Config, tmp_path: Path, file: str
) -> None:
    with running(config) as gateway:
        before, log = shows(gateway), tmp_path / "gateway.log"
        client = Client(config, tmp_path, AGENT)
        token = token_of(client.start())
        good = (tmp_path / file).read_bytes()
        (tmp_path / file).write_bytes(b"garbage")
        assert shows(gateway) == before
        assert done(client.call(token))
        assert "the certificate stays the one before: gateway.tls: no certificate" in (
            log.read_text()
        )
        # It is said once, and what is good again is shown again.
        assert log.read_text().count("stays the one before") == 1
        (tmp_path / file).write_bytes(good)
        CORPORATE.server().write(tmp_path, "gateway")
        assert shows(gateway) not in {None, before}


def test_an_empty_bundle_refuses_everybody(config: Config, tmp_path: Path) -> None:
    bundle = tmp_path / "crm.example.json"
    with running(config) as gateway:
        client = Client(config, tmp_path, AGENT)
        token = token_of(client.start())
        bundle.write_bytes(b'{"keys": []}')

        def refuses() -> bool:
            try:
                return refused(client.start()) == "invalid_client"
            except HANDSHAKE_FAILED:
                return True

        # The very next exchange knows, and soon every handshake does.
        assert refuses()
        eventually(lambda: not connects(client, token), gateway)
        bundle.write_bytes(HOME.bundle())
        eventually(lambda: connects(client, token), gateway)
        token_of(client.start())


def connects(client: Client, token: str) -> bool:
    try:
        return client.call(token).status == 200
    except HANDSHAKE_FAILED:
        return False


def test_a_bundle_that_cannot_be_read_is_the_one_before_for_a_while(
    config: Config, tmp_path: Path
) -> None:
    with running(config):
        (tmp_path / "crm.example.json").write_bytes(b"garbage")
        token_of(Client(config, tmp_path, AGENT).start())
    assert "crm.example.json cannot be read again" in (tmp_path / "gateway.log").read_text()


def test_plain_http_at_the_port_is_not_answered(config: Config) -> None:
    with running(config) as gateway:
        host, port = gateway.config.root.gateway.listen.split(":")
        with socket.create_connection((host, int(port))) as link:
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"HTTP" not in link.recv(100)
        assert shows(gateway) is not None


def test_a_gateway_does_not_start_with_a_key_that_everybody_can_read(
    config: Config, tmp_path: Path
) -> None:
    (Path(config.directory) / "gateway.key").chmod(0o644)
    refuses_to_start(tmp_path, "gateway.key: everybody can read this key; chmod o= it")


def test_a_gateway_does_not_start_with_the_key_of_another_certificate(
    config: Config, tmp_path: Path
) -> None:
    del config
    (tmp_path / "gateway.key").write_bytes(HOME.key_pem)
    refuses_to_start(tmp_path, "gateway.tls: the key belongs to another certificate")


def test_a_gateway_does_not_start_without_its_certificate(config: Config, tmp_path: Path) -> None:
    del config
    (tmp_path / "gateway.pem").unlink()
    refuses_to_start(tmp_path, "there is no file `gateway.pem`")
