"""A transmitter tells of users who are known here, over what nobody reads on the way."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
GOOD = "issuer: https://login.example, jwks: https://login.example/ssf"


def add(gateway: Gateway, text: str) -> None:
    gateway.add(ROOT, f"signals: {{idp: {{{text}}}}} # here\n")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"{GOOD}, authorization: 'file:secrets/push'",
        f"{GOOD}, poll: {{url: https://login.example/poll}}, authorization: 'env:POLL'",
        "issuer: https://ssf.example, users: https://login.example, jwks: state/ssf.json",
    ],
)
def test_a_transmitter(gateway: Gateway, text: str) -> None:
    add(gateway, text)
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("issuer: https://ssf.example, jwks: k.json", "vouches for no user here"),
        (f"{GOOD}, users: https://logon.example", "vouches for no user here"),
        (
            "issuer: http://ssf.example, users: https://login.example, jwks: k.json",
            "plain http beyond this machine",
        ),
        ("issuer: https://login.example, jwks: http://login.example/k", "fetched over https"),
        (f"{GOOD}, authorization: 'Bearer abc'", "is not a reference"),
        (f"{GOOD}, poll: {{url: http://login.example/poll}}", "signals are fetched over https"),
        (f"{GOOD}, poll: {{url: poll}}", "signals are fetched over https"),
    ],
)
def test_what_a_transmitter_is_not(gateway: Gateway, text: str, problem: str) -> None:
    add(gateway, text)
    gateway.expect(problem)


def test_the_fix_names_the_issuer_that_was_meant(gateway: Gateway) -> None:
    add(gateway, f"{GOOD}, users: https://logon.example")
    (problem,) = gateway.problems
    assert problem.fix == "did you mean `https://login.example`?"
