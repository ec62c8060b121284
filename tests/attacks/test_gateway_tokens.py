"""Stolen and forged tokens, tried at a running gateway: nobody gets in and no tool runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import orjson
import pytest
from msgspec.structs import replace

from safeconduct.audit.reading import read
from safeconduct.delegation.signing import SigningKeys
from safeconduct.identity import dev
from safeconduct.identity.client import proof
from safeconduct.kit.jose import sign
from safeconduct.kit.jwk import PrivateKey, decode, encode
from safeconduct.ports import JSON
from safeconduct.rooms import clock_ms
from tests.support.front import Fields, modern, replaced, without
from tests.support.installation import (
    CLERK,
    COPILOT,
    DANA,
    USER,
    Agent,
    Gateway,
    Office,
    calling,
    done,
)
from tests.support.parties import GRANT, JWT


@pytest.fixture(scope="module")
def agent(gateway: Gateway) -> Agent:
    """Whose token the attacker has."""
    return gateway.task()


SEND = {"to": DANA, "body": "hello"}


def forged(agent: Agent, **changes: object) -> str:
    """A token by the gateway's own key, with claims of the agent's token changed."""
    config = agent.gateway.config
    keys = SigningKeys(Path(config.directory) / config.root.gateway.state, 0)
    claims: JSON = orjson.loads(decode(agent.task.token.split(".")[1]))
    return sign({**claims, **changes}, keys.current, "at+jwt")


def sending(agent: Agent, token: str, *proofs: str, scheme: str = "DPoP") -> tuple[bytes, Fields]:
    body, fields = calling("office__send", SEND)
    fields = replaced(agent.fields(fields), "authorization", f"{scheme} {token}")
    return body, [*without(fields, "dpop"), *(("dpop", one) for one in proofs)]


def proven(agent: Agent, token: str, key: PrivateKey | None = None) -> str:
    return proof(key or agent.task.key, "POST", agent.url, token)


def unsigned(token: str) -> str:
    header = encode(orjson.dumps({"alg": "none", "typ": "at+jwt"}))
    return f"{header}.{token.split('.')[1]}."


Theft = Callable[[Agent], tuple[bytes, Fields]]


def by_token(make: Callable[[Agent], str]) -> Theft:
    """A token that is no good, with a proof that fits it."""

    def theft(agent: Agent) -> tuple[bytes, Fields]:
        token = make(agent)
        return sending(agent, token, proven(agent, token))

    return theft


def replayed(agent: Agent) -> tuple[bytes, Fields]:
    used = agent.proof()
    assert done(agent.post(*sending(agent, agent.task.token, used)))
    return sending(agent, agent.task.token, used)


def elsewhere(agent: Agent) -> tuple[bytes, Fields]:
    other = proof(agent.task.key, "POST", f"{agent.url}/office", agent.task.token)
    return sending(agent, agent.task.token, other)


def two_proofs(agent: Agent) -> tuple[bytes, Fields]:
    return sending(agent, agent.task.token, agent.proof(), agent.proof())


THEFTS: dict[str, Theft] = {
    "no proof": lambda agent: sending(agent, agent.task.token),
    "bearer": lambda agent: sending(agent, agent.task.token, scheme="Bearer"),
    "bearer with a proof": lambda agent: sending(
        agent, agent.task.token, agent.proof(), scheme="Bearer"
    ),
    "another key's proof": lambda agent: sending(
        agent, agent.task.token, agent.proof(PrivateKey.generate())
    ),
    "replayed proof": replayed,
    "proof for another endpoint": elsewhere,
    "two proofs": two_proofs,
    "proof for another token": lambda agent: sending(
        agent, agent.task.token, proven(agent, forged(agent, jti="j_other"))
    ),
    "another audience": by_token(lambda agent: forged(agent, aud="https://other.example")),
    "expired": by_token(lambda agent: forged(agent, exp=int(time.time()) - 1)),
    "another tenant": by_token(lambda agent: forged(agent, tenant="hr.example")),
    "another issuer": by_token(lambda agent: forged(agent, iss="https://other.example")),
    "another agent behind it": by_token(lambda agent: forged(agent, act={"sub": CLERK})),
    "a task that is not known here": by_token(lambda agent: forged(agent, txn="t_forged")),
    "another key bound": by_token(
        lambda agent: forged(agent, cnf={"jkt": PrivateKey.generate().public.thumbprint})
    ),
    "no key bound": by_token(lambda agent: forged(agent, cnf=None)),
    "no algorithm": by_token(lambda agent: unsigned(agent.task.token)),
    "nothing": by_token(lambda _: ""),
}


@pytest.mark.parametrize("theft", THEFTS.values(), ids=THEFTS)
def test_a_thief_gets_nowhere(agent: Agent, office: Office, theft: Theft) -> None:
    body, fields = theft(agent)
    effects, records = office.effects["send"], len(list(read(agent.gateway.audit)))
    reply = agent.post(body, fields)
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("DPoP ")
    assert b"office" not in reply.body
    assert office.effects["send"] == effects
    assert len(list(read(agent.gateway.audit))) == records


@pytest.mark.parametrize("method", ["tools/list", "server/discover"])
def test_a_thief_sees_nothing_either(agent: Agent, method: str) -> None:
    body, fields = modern(method)
    reply = agent.post(body, without(agent.fields(fields), "dpop"))
    assert reply.status == 401
    assert b"office" not in reply.body


def test_a_wider_scope_in_the_token_is_no_wider_task(gateway: Gateway, office: Office) -> None:
    """Even who signs with the gateway's key cannot give a task more than it was started with."""
    agent = gateway.task(scopes=["case:read"])
    token = forged(agent, scope="case:read mail:send vault:open")
    effects = office.effects.copy()
    assert agent.post(*sending(agent, token, proven(agent, token))).status == 403
    body, fields = calling("office__open_vault")
    fields = replaced(agent.fields(fields), "authorization", f"DPoP {token}")
    reply = agent.post(body, replaced(fields, "dpop", proven(agent, token)))
    assert reply.json["error"]["message"] == "Unknown tool"
    assert office.effects == effects


# --- starting a task ------------------------------------------------------------------------------


def started(gateway: Gateway, **changes: str | None) -> JSON:
    """The answer to a token request with some of its fields changed, or taken out by None."""
    config = gateway.config
    state, now_ms = Path(config.directory) / config.root.gateway.state, clock_ms()
    form: dict[str, str | None] = {
        "grant_type": GRANT,
        "subject_token": dev.user_token(state, config, USER, now_ms),
        "subject_token_type": JWT,
        "actor_token": dev.svid(state, config, COPILOT, now_ms),
        "actor_token_type": JWT,
        "task_profile": "triage",
        "purpose": "Answer case C-1.",
        **changes,
    }
    url = f"{gateway.issuer}/oauth/token"
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "dpop": proof(PrivateKey.generate(), "POST", url, None),
    }
    body = urlencode({name: value for name, value in form.items() if value is not None})
    connection = HTTPConnection(config.root.gateway.listen, timeout=30)
    try:
        connection.request("POST", "/oauth/token", body, headers)
        answer: JSON = orjson.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer


def test_both_parties_together_start_a_task(gateway: Gateway) -> None:
    assert started(gateway)["token_type"] == "DPoP"


def no_task(gateway: Gateway, **changes: str | None) -> str:
    tasks = len(gateway.records("task"))
    answer = started(gateway, **changes)
    assert "access_token" not in answer
    assert len(gateway.records("task")) == tasks
    return str(answer["error"])


@pytest.mark.parametrize("missing", ["subject_token", "actor_token"])
def test_one_party_alone_starts_no_task(gateway: Gateway, missing: str) -> None:
    parts = {missing: None, f"{missing}_type": None}
    assert no_task(gateway, **parts) in {"invalid_request", "invalid_client"}
    assert no_task(gateway, **{missing: ""}) in {"invalid_request", "invalid_client"}


def test_neither_party_can_play_the_other(gateway: Gateway) -> None:
    config = gateway.config
    state, now_ms = Path(config.directory) / config.root.gateway.state, clock_ms()
    svid = dev.svid(state, config, COPILOT, now_ms)
    user = dev.user_token(state, config, USER, now_ms)
    assert no_task(gateway, subject_token=svid) == "invalid_request"
    assert no_task(gateway, actor_token=user) == "invalid_request"


def test_our_own_token_starts_no_second_task(gateway: Gateway, agent: Agent) -> None:
    assert no_task(gateway, subject_token=agent.task.token) == "invalid_request"
    assert no_task(gateway, actor_token=agent.task.token) == "invalid_request"


# --- two tenants ----------------------------------------------------------------------------------


def test_a_user_of_another_tenant_starts_no_task_here(gateway: Gateway) -> None:
    """Both tenants trust one user issuer."""
    config = gateway.config
    theirs = replace(
        config,
        root=replace(config.root, gateway=replace(config.root.gateway, tenant="hr.example")),
    )
    state = Path(config.directory) / config.root.gateway.state
    token = dev.user_token(state, theirs, USER, clock_ms())
    assert no_task(gateway, subject_token=token) == "invalid_request"
