"""The gateway shows one certificate that it has, and takes certificates that somebody can have."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
HTTP = "issuer: http://127.0.0.1:8700"
HTTPS = "issuer: https://127.0.0.1:8700"
LISTEN = "  listen: 127.0.0.1:8700\n"
TRUST = "{jwks: state/trust.json}"
FILES = "tls: {certificate: gateway.pem, key: gateway.key"
GATEWAY = "spiffe://crm.example/gateway"
WORKLOADS = """workloads:
  spiffe://crm.example/agents/copilot: {unix: {uid: 1000}}
"""


@pytest.fixture
def gateway(gateway: Gateway) -> Gateway:
    gateway.change(ROOT, HTTP, HTTPS)
    for name in ("gateway.pem", "gateway.key"):
        gateway.add(name, "")
    return gateway


def add(gateway: Gateway, line: str) -> None:
    gateway.change(ROOT, LISTEN, f"{LISTEN}  {line}\n")


def trust(gateway: Gateway, text: str = "{bundle: state/trust.json}") -> None:
    gateway.change(ROOT, TRUST, text)


def issue(gateway: Gateway) -> None:
    """Has the gateway make SVIDs of its trust domain."""
    gateway.add(ROOT, WORKLOADS)


def test_a_certificate_and_its_key_are_shown(gateway: Gateway) -> None:
    add(gateway, FILES + "}")
    assert gateway.problems == []


def test_agents_may_show_theirs(gateway: Gateway) -> None:
    trust(gateway)
    add(gateway, FILES + ", client_certificates: true}")
    assert gateway.problems == []


def test_an_issuer_that_speaks_tls_is_https(gateway: Gateway) -> None:
    add(gateway, FILES + "}")
    gateway.change(ROOT, HTTPS, HTTP + " # here")
    gateway.expect("speaks TLS, and its issuer is plain http")


@pytest.mark.parametrize("which", ["certificate", "key"])
def test_a_file_that_is_not_there_is_not_shown(gateway: Gateway, which: str) -> None:
    (gateway.directory / f"gateway.{'pem' if which == 'certificate' else 'key'}").unlink()
    add(gateway, FILES + "} # here")
    gateway.expect("there is no file")


@pytest.mark.parametrize("which", ["certificate: gateway.pem", "key: gateway.key"])
def test_neither_is_shown_without_the_other(gateway: Gateway, which: str) -> None:
    add(gateway, f"tls: {{{which}}} # here")
    gateway.expect("to show")


def test_an_svid_of_its_own_is_shown_where_svids_are_made(gateway: Gateway) -> None:
    issue(gateway)
    add(gateway, f"tls: {{svid: {GATEWAY}}}")
    assert gateway.problems == []


@pytest.mark.parametrize(
    "text",
    [
        "{jwks: state/trust.json}",
        "{bundle: https://trust.example/bundle}",
    ],
)
def test_others_make_the_svids_of_their_domain(gateway: Gateway, text: str) -> None:
    trust(gateway, text)
    add(gateway, f"tls: {{svid: {GATEWAY}}} # here")
    gateway.expect("no SVIDs of `crm.example` are made here")


def test_an_svid_of_a_domain_that_nobody_knows_is_not_made(gateway: Gateway) -> None:
    issue(gateway)
    add(gateway, "tls: {svid: spiffe://other.example/gateway} # here")
    gateway.expect("no SVIDs of `other.example` are made here")


def test_files_or_an_svid_are_shown_not_both(gateway: Gateway) -> None:
    issue(gateway)
    add(gateway, FILES + f", svid: {GATEWAY}}} # here")
    gateway.expect("either files or an SVID")


def test_the_gateway_is_no_agent(gateway: Gateway) -> None:
    issue(gateway)
    add(gateway, "tls: {svid: spiffe://crm.example/agents/copilot} # here")
    gateway.expect("is an agent")


@pytest.mark.parametrize(
    "line",
    [
        FILES + ", client_certificates: true}",
        "forwarded_certificate: {from: [10.1.2.3], header: client-cert}",
    ],
)
def test_without_a_bundle_nobody_has_a_certificate(gateway: Gateway, line: str) -> None:
    add(gateway, f"{line} # here")
    gateway.expect("no trust domain has a bundle", warning=True)


@pytest.mark.parametrize("source", ["10.1.2.3", "10.1.0.0/16", '"fd00::1"', '"fd00::/64"'])
def test_load_balancers_have_addresses(gateway: Gateway, source: str) -> None:
    trust(gateway)
    add(gateway, f"forwarded_certificate: {{from: [{source}], header: x-forwarded-client-cert}}")
    assert gateway.problems == []


@pytest.mark.parametrize("source", ["lb.example", '""', "10.1.2.3/16", "10.1.2", '"*"'])
def test_a_name_is_no_address(gateway: Gateway, source: str) -> None:
    trust(gateway)
    add(gateway, f"forwarded_certificate: {{from: [{source}], header: client-cert}} # here")
    gateway.expect("neither an address nor a network")


@pytest.mark.parametrize("source", ["0.0.0.0/0", '"::/0"'])
def test_not_everybody_is_a_load_balancer(gateway: Gateway, source: str) -> None:
    trust(gateway)
    add(gateway, f"forwarded_certificate: {{from: [{source}], header: client-cert}} # here")
    gateway.expect("everybody's word")


def test_somebody_is_one(gateway: Gateway) -> None:
    trust(gateway)
    add(gateway, "forwarded_certificate: {from: [], header: client-cert} # here")
    gateway.expect("nobody's word")


def test_only_headers_that_are_known_are_read(gateway: Gateway) -> None:
    trust(gateway)
    add(gateway, "forwarded_certificate: {from: [10.1.2.3], header: x-client} # here")
    gateway.expect("")
