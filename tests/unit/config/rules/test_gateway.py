"""Issuers are https, and what is for one machine stays on it."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
ISSUER = "issuer: http://127.0.0.1:8700"
LISTEN = "listen: 127.0.0.1:8700"
DEV = "  unsafe_dev_identity: true\n"


@pytest.mark.parametrize(
    "issuer",
    [
        "ftp://127.0.0.1",
        "127.0.0.1:8700",
        "https://",
        "https://x.example?a=b",
        "'https://x.example#a'",
        "https://user@x.example",
        "https://x.example:70000",
        "'https://x .example'",
        "https://[x",
    ],
)
def test_an_issuer_is_a_plain_url(gateway: Gateway, issuer: str) -> None:
    gateway.change(ROOT, ISSUER, f"issuer: {issuer} # here")
    gateway.expect("not an http(s) URL")


@pytest.mark.parametrize("host", ["gateway.example", "10.0.0.1", "localhost.example"])
def test_an_issuer_beyond_this_machine_is_https(gateway: Gateway, host: str) -> None:
    gateway.change(ROOT, ISSUER, f"issuer: http://{host} # here")
    gateway.expect("plain http beyond this machine")


@pytest.mark.parametrize(
    "issuer", ["http://localhost:8700", "http://[::1]:8700", "https://g.example"]
)
def test_issuers_that_are_fine(gateway: Gateway, issuer: str) -> None:
    gateway.change(ROOT, ISSUER, f"issuer: {issuer}")
    assert gateway.problems == []


@pytest.mark.parametrize(
    "listen", ["127.0.0.1", "'8700'", "':8700'", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:x",
               "'::1:8700'", "'[127.0.0.1]:8700'", "127.0.0.1:８７００"],
)  # fmt: skip
def test_listen_is_host_and_port(gateway: Gateway, listen: str) -> None:
    gateway.change(ROOT, LISTEN, f"listen: {listen} # here")
    gateway.expect("not host:port")


@pytest.mark.parametrize("listen", ["localhost:1", "'[::1]:65535'", "127.8.8.8:8700"])
def test_listening_on_this_machine_is_fine(gateway: Gateway, listen: str) -> None:
    gateway.change(ROOT, LISTEN, f"listen: {listen}")
    assert gateway.problems == []


@pytest.mark.parametrize("listen", ["0.0.0.0:8700", "'[::]:8700'", "gateway.example:8700"])
def test_the_development_identity_stays_on_this_machine(gateway: Gateway, listen: str) -> None:
    gateway.change(ROOT, ISSUER, "issuer: https://gateway.example")
    gateway.change(ROOT, LISTEN, f"listen: {listen} # here")
    gateway.expect("development identity would be reachable")


def test_plain_http_stays_on_this_machine(gateway: Gateway) -> None:
    gateway.change(ROOT, DEV, "")
    gateway.change(ROOT, LISTEN, "listen: 0.0.0.0:8700 # here")
    gateway.expect("would speak plain http")


def test_behind_tls_and_with_real_identity_it_may_listen_anywhere(gateway: Gateway) -> None:
    gateway.change(ROOT, DEV, "")
    gateway.change(ROOT, ISSUER, "issuer: https://gateway.example")
    gateway.change(ROOT, LISTEN, "listen: 0.0.0.0:8700")
    assert gateway.problems == []


def test_a_tenant_has_a_name(gateway: Gateway) -> None:
    gateway.change(ROOT, "tenant: crm.example", "tenant: ' ' # here")
    assert "the tenant is empty" in [problem.sentence for problem in gateway.problems]


@pytest.mark.parametrize("origin", ["*", "crm.example", "https://crm.example/path", "null"])
def test_origins_are_origins(gateway: Gateway, origin: str) -> None:
    line = f"  allowed_origins: ['https://a.example', '{origin}'] # here\n"
    gateway.change(ROOT, DEV, f"{DEV}{line}")
    gateway.expect("is not an origin")
