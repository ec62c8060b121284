"""Stolen tokens and certificates that prove something else, tried at a running gateway."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safeconduct.kit.jwk import PrivateKey
from tests.support.certificates import HOUR, Authority, Held, usage
from tests.support.installation import CLERK, COPILOT, Gateway, Office, done, running
from tests.support.secured import HANDSHAKE_FAILED, Client, refused, secured, token_of

HOME, OTHER = Authority("crm.example"), Authority("other.example")
AGENT = HOME.svid(COPILOT)


@pytest.fixture(scope="module")
def gateway(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    with running(secured(directory, office, HOME, OTHER)) as started:
        yield started


@pytest.fixture
def somebody(gateway: Gateway, tmp_path: Path) -> Callable[[Held | None], Client]:
    return lambda held: Client(gateway.config, tmp_path, held)


Somebody = Callable[[Held | None], Client]


@pytest.fixture(scope="module")
def token(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the attacker has stolen: it is bound to the agent's certificate."""
    agent = Client(gateway.config, tmp_path_factory.mktemp("agent"), AGENT)
    return token_of(agent.start())


def test_the_agent_itself_gets_in(somebody: Somebody, token: str, office: Office) -> None:
    before = office.effects["get_case"]
    assert done(somebody(AGENT).call(token))
    assert office.effects["get_case"] == before + 1


# --- stolen tokens --------------------------------------------------------------------------------

THIEVES: dict[str, Held | None] = {
    "nobody": None,
    "another agent": HOME.svid(CLERK),
    "another certificate of the agent": HOME.svid(COPILOT),
    "another certificate for its key": HOME.svid(COPILOT, key=AGENT.key),
    "the agent of that path in another domain": OTHER.svid(
        COPILOT.replace("crm.example", "other.example")
    ),
}


@pytest.mark.parametrize("held", THIEVES.values(), ids=THIEVES)
@pytest.mark.parametrize("proven", [False, True])
def test_a_stolen_token_is_worth_nothing_without_its_certificate(
    somebody: Somebody, token: str, office: Office, held: Held | None, proven: bool
) -> None:
    before = office.effects["get_case"]
    key = PrivateKey.generate() if proven else None
    for scheme in ("Bearer", "DPoP"):
        reply = somebody(held).call(token, key=key, scheme=scheme)
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("DPoP ")
    assert office.effects["get_case"] == before


def test_of_a_token_that_is_bound_to_both_neither_is_enough(
    somebody: Somebody, office: Office
) -> None:
    key = PrivateKey.generate()
    both = token_of(somebody(AGENT).start(key=key))
    before = office.effects["get_case"]
    for held, proven, scheme in (
        (AGENT, None, "Bearer"),
        (AGENT, None, "DPoP"),
        (AGENT, PrivateKey.generate(), "DPoP"),
        (None, key, "DPoP"),
        (HOME.svid(COPILOT), key, "DPoP"),
    ):
        assert somebody(held).call(both, key=proven, scheme=scheme).status == 401
    assert office.effects["get_case"] == before
    assert done(somebody(AGENT).call(both, key=key, scheme="DPoP"))


# --- certificates that prove something else -------------------------------------------------------

FORGED: dict[str, Held] = {
    "of another domain": OTHER.svid(COPILOT),
    "an authority": HOME.svid(COPILOT, ca=True),
    "of two": HOME.svid(COPILOT, CLERK),
    "for signing others": HOME.svid(COPILOT, use=usage(signs=True, certifies=True)),
    "expired": HOME.svid(COPILOT, begins=-2 * HOUR, ends=-HOUR),
    "not yet valid": HOME.svid(COPILOT, begins=HOUR, ends=2 * HOUR),
    "self-signed in our authority's name": Authority("crm.example", name=HOME.x509.subject).svid(
        COPILOT
    ),
    "of a domain that nobody believes": Authority("third.example").svid(COPILOT),
    "of another agent": HOME.svid(CLERK),
}


@pytest.mark.parametrize("held", FORGED.values(), ids=FORGED)
def test_a_certificate_that_proves_something_else_starts_nothing(
    gateway: Gateway, somebody: Somebody, held: Held
) -> None:
    before = len(gateway.records("task"))
    try:
        reply = somebody(held).start()
    except HANDSHAKE_FAILED:
        pass
    else:
        assert refused(reply) in {"invalid_client", "invalid_request"}
    assert len(gateway.records("task")) == before


def test_the_agent_of_that_path_in_another_domain_is_not_registered(somebody: Somebody) -> None:
    namesake = COPILOT.replace("crm.example", "other.example")
    assert refused(somebody(OTHER.svid(namesake)).start(agent=namesake)) == "unauthorized_client"


# --- certificates in headers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [
        ("x-forwarded-client-cert", "URI=" + COPILOT),
        ("X-Forwarded-Client-Cert", "URI=" + COPILOT),
        ("client-cert", f":{base64.b64encode(AGENT.der).decode()}:"),
    ],
)
def test_nobody_tells_of_a_certificate_in_a_header(
    somebody: Somebody, token: str, office: Office, field: tuple[str, str]
) -> None:
    before = office.effects["get_case"]
    assert somebody(None).start(fields=[field]).status == 400
    for held in (None, AGENT):
        assert somebody(held).call(token, fields=[field]).status == 400
    assert office.effects["get_case"] == before
