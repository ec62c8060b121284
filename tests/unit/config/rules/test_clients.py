"""A program is an assigned agent, and a code for it cannot get into other hands."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
AUDIENCE = "audience: copilot"
DOCUMENT = "https://app.example/client.json"


def add(gateway: Gateway, client_id: str, text: str, *, login: str = "{}") -> None:
    gateway.change(ROOT, AUDIENCE, f"{AUDIENCE}\n  login: {login}")
    agent, profile = assigned(gateway)
    said = text.replace("AGENT", agent).replace("PROFILE", profile)
    gateway.add(ROOT, f'clients: {{"{client_id}": {{{said}}}}} # here\n')


def assigned(gateway: Gateway) -> tuple[str, str]:
    text = (gateway.directory / ROOT).read_text()
    agent = next(word.strip(" :{") for word in text.split() if word.startswith("spiffe://"))
    return agent.rstrip(":"), text.split("profiles: [")[1].split("]")[0].split(",")[0]


GOOD = "agent: AGENT, profile: PROFILE"


@pytest.mark.parametrize(
    ("client_id", "text"),
    [
        (DOCUMENT, GOOD),
        ("desk", f'{GOOD}, redirect_uris: ["http://127.0.0.1/cb", "https://a.example/?b=c"]'),
    ],
)
def test_a_program(gateway: Gateway, client_id: str, text: str) -> None:
    add(gateway, client_id, text, login='{secret: "file:secrets/idp"}')
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("client_id", "text", "problem"),
    [
        ("desk", GOOD, "no `redirect_uris`"),
        ("http://app.example/client.json", GOOD, "no `redirect_uris`"),
        ("https://app.example", GOOD, "no `redirect_uris`"),
        (DOCUMENT, 'agent: "spiffe://crm.example/agents/other", profile: PROFILE', "no agent"),
        (DOCUMENT, "agent: AGENT, profile: other", "not assigned the profile"),
        ("desk", f'{GOOD}, redirect_uris: ["http://app.example/cb"]', "other hands"),
        ("desk", f'{GOOD}, redirect_uris: ["app:/cb"]', "other hands"),
        ("desk", f'{GOOD}, redirect_uris: ["https://app.example/cb#x"]', "other hands"),
    ],
)
def test_what_a_program_is_not(gateway: Gateway, client_id: str, text: str, problem: str) -> None:
    add(gateway, client_id, text)
    gateway.expect(problem)


def test_a_program_without_a_sign_in(gateway: Gateway) -> None:
    agent, profile = assigned(gateway)
    said = f"agent: {agent}, profile: {profile}"
    gateway.add(ROOT, f'clients: {{"{DOCUMENT}": {{{said}}}}} # here\n')
    gateway.expect("no `login`")


def test_a_secret_in_the_open(gateway: Gateway) -> None:
    gateway.change(ROOT, AUDIENCE, f"{AUDIENCE}\n  login: {{secret: hush}} # here")
    gateway.expect("not a reference")
