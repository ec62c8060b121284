"""Keys come over https, tokens are for one audience, and a user has one issuer."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
USERS = "users.yaml"
TRUST = "crm.example: {jwks: state/trust.json}"
JWKS = "jwks: state/users.json"
AUDIENCE = "audience: copilot"
OTHERS = "entitlements: users.yaml\n  others:\n"
PARTNER = "    - {issuer: https://partner.example, audience: ours}\n"


@pytest.mark.parametrize(
    "url", ["http://keys.example", "ftp://keys.example", "https://user@keys.example", "file:///k"]
)
def test_keys_are_fetched_over_https(gateway: Gateway, url: str) -> None:
    gateway.change(ROOT, JWKS, f"jwks: {url} # here")
    gateway.expect("keys are fetched over https")


def test_keys_of_everybody_are(gateway: Gateway) -> None:
    gateway.change(ROOT, TRUST, "crm.example: {bundle: http://keys.example} # here")
    gateway.expect("keys are fetched over https")


def test_keys_of_front_ends_and_devices_are(gateway: Gateway) -> None:
    gateway.add(ROOT, "front_ends: {desk: {jwks: http://keys.example}} # here\n")
    gateway.expect("keys are fetched over https")


def test_keys_of_devices_are(gateway: Gateway) -> None:
    gateway.add(ROOT, "user_devices: {jane: {jwks: http://keys.example}} # here\n")
    gateway.expect("keys are fetched over https")


@pytest.mark.parametrize(
    "keys", ["jwks: https://login.example/keys", "jwks: http://127.0.0.1:1/keys", ""]
)
def test_keys_at_a_url_or_by_discovery(gateway: Gateway, keys: str) -> None:
    gateway.change(ROOT, f"  {JWKS}\n", f"  {keys}\n" if keys else "")
    assert gateway.problems == []


@pytest.mark.parametrize(
    "keys",
    [
        "{}",
        "{jwks: state/trust.json, bundle: https://bundles.example}",
        "{jwks: state/trust.json, workload_api: unix:///run/agent.sock}",
        "{jwks: a, bundle: b, workload_api: unix:///run/agent.sock}",
    ],
)
def test_a_trust_domain_has_one_source(gateway: Gateway, keys: str) -> None:
    gateway.change(ROOT, TRUST, f"crm.example: {keys} # here")
    gateway.expect("not exactly one of")


@pytest.mark.parametrize("where", ["/run/agent.sock", "unix://agent.sock", "tcp://1.2.3.4:80"])
def test_a_workload_api_is_a_socket_here(gateway: Gateway, where: str) -> None:
    gateway.change(ROOT, TRUST, f"crm.example: {{workload_api: {where}}} # here")
    gateway.expect("not the absolute path of a socket")


def test_a_workload_api(gateway: Gateway) -> None:
    gateway.change(ROOT, TRUST, "crm.example: {workload_api: unix:///run/agent.sock}")
    assert gateway.problems == []


def test_a_federated_bundle(gateway: Gateway) -> None:
    gateway.change(ROOT, TRUST, "crm.example: {bundle: https://bundles.example, ca: ca.pem}")
    assert gateway.problems == []


@pytest.mark.parametrize("audience", ["''", "'*'", "' '"])
def test_tokens_of_users_have_an_audience(gateway: Gateway, audience: str) -> None:
    gateway.change(ROOT, AUDIENCE, f"audience: {audience} # here")
    gateway.expect("no audience")


def test_issuers_of_users_are_https(gateway: Gateway) -> None:
    gateway.change(ROOT, "https://login.example", "http://login.example # here")
    gateway.expect("plain http beyond this machine")


def test_tokens_of_other_issuers_too(gateway: Gateway) -> None:
    other = PARTNER.replace("ours", "'*'").replace("\n", " # here\n")
    gateway.change(ROOT, "entitlements: users.yaml\n", OTHERS + other)
    gateway.expect("no audience")


def test_other_issuers_are_https(gateway: Gateway) -> None:
    other = PARTNER.replace("https:", "http:").replace("\n", " # here\n")
    gateway.change(ROOT, "entitlements: users.yaml\n", OTHERS + other)
    gateway.expect("plain http beyond this machine")


def test_an_issuer_stands_once(gateway: Gateway) -> None:
    twice = PARTNER.replace("partner", "login").replace("\n", " # here\n")
    gateway.change(ROOT, "entitlements: users.yaml\n", OTHERS + twice)
    gateway.expect("named twice")


def test_an_algorithm_is_one_that_is_verified(gateway: Gateway) -> None:
    gateway.change(ROOT, JWKS, f"{JWKS}\n  algorithms: [HS256] # here")
    gateway.expect("algorithms")


def test_some_algorithm_is_named(gateway: Gateway) -> None:
    gateway.change(ROOT, JWKS, f"{JWKS}\n  algorithms: [] # here")
    gateway.expect("algorithms")


def test_who_vouches_for_a_user_is_known(gateway: Gateway) -> None:
    gateway.add(
        USERS, "  bob@crm.example: {scopes: [case:read], issuer: https://logon.example} # here\n"
    )
    problem = gateway.expect("nobody knows the issuer")
    assert problem.fix == "did you mean `https://login.example`?"


def test_two_users_are_two_at_their_issuer(gateway: Gateway) -> None:
    gateway.add(
        USERS, "  bob@crm.example: {scopes: [case:read], subject: jane@crm.example} # here\n"
    )
    gateway.expect("the same at its issuer as")


def test_users_of_two_issuers(gateway: Gateway) -> None:
    gateway.change(ROOT, "entitlements: users.yaml\n", OTHERS + PARTNER)
    bob = "scopes: [case:read], issuer: https://partner.example, subject: jane@crm.example"
    gateway.add(USERS, f"  bob@crm.example: {{{bob}, kind: service}}\n")
    assert gateway.problems == []
