"""A task that goes on, and a part of it that is passed on, at a running gateway."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from safeconduct.config import load
from safeconduct.delegation.request import JWT_TYPE, TASK_TOKEN_TYPE, TOKEN_EXCHANGE
from safeconduct.identity import dev
from safeconduct.identity.client import StartedTask, proof
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey, encode
from tests.support.installation import (
    CLERK,
    COPILOT,
    DANA,
    USER,
    Agent,
    Gateway,
    Office,
    done,
    install,
    opened_office,
    refusal,
    running,
)

PURPOSE = "Answer case C-1."


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Its agents attest anew after two calls, and its copilot may pass on to the clerk."""
    with opened_office() as office:
        installed(tmp_path, office)
        with running(load(tmp_path)) as started:
            yield started


def installed(directory: Path, office: Office) -> None:
    install(directory, office)
    main, clerk = directory / "safeconduct.yaml", directory / "agents" / "clerk.yaml"
    document = json.loads(main.read_text())
    document["profiles"]["triage"]["reattest_every"] = 2
    main.write_text(json.dumps(document))
    document = json.loads(clerk.read_text())
    named = [f"user:{USER}", f"agent:{COPILOT}"]
    document["agent"]["delegation"]["on_behalf_of"] = named
    clerk.write_text(json.dumps(document))


def asked(gateway: Gateway, key: PrivateKey, agent: str, **form: str) -> Agent:
    """What the token service issues to an agent for this form."""
    config, state = gateway.config, Path(gateway.config.directory) / "state"
    url = f"{gateway.issuer}/oauth/token"
    whole = {
        "grant_type": TOKEN_EXCHANGE,
        "actor_token": dev.svid(state, config, agent, now_ms()),
        "actor_token_type": JWT_TYPE,
        **form,
    }
    connection = http.client.HTTPConnection(config.root.gateway.listen, timeout=30)
    fields = {
        "content-type": "application/x-www-form-urlencoded",
        "dpop": proof(key, "POST", url, None),
    }
    connection.request("POST", "/oauth/token", urlencode(whole), fields)
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    assert response.status == 200, told
    return Agent(
        gateway,
        StartedTask(
            task=told["task"],
            token=told["access_token"],
            key=key,
            scopes=frozenset(told["scope"].split()),
            expires_ms=now_ms() + told["expires_in"] * 1000,
        ),
    )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def renewed(gateway: Gateway, agent: Agent) -> Agent:
    state = Path(gateway.config.directory) / "state"
    return asked(
        gateway,
        agent.task.key,
        COPILOT,
        task=agent.task.task,
        subject_token=dev.user_token(state, gateway.config, USER, now_ms()),
        subject_token_type=JWT_TYPE,
    )


def passed_on(gateway: Gateway, agent: Agent) -> Agent:
    claims: dict[str, Any] = {
        "jti": "handover",
        "htm": "POST",
        "htu": f"{gateway.issuer}/oauth/token",
        "iat": time.time(),
        "ath": encode(hashlib.sha256(agent.task.token.encode()).digest()),
        "act": {"sub": CLERK},
    }
    return asked(
        gateway,
        PrivateKey.generate(),
        CLERK,
        subject_token=agent.task.token,
        subject_token_type=TASK_TOKEN_TYPE,
        subject_token_proof=jose.sign(claims, agent.task.key, "dpop+jwt", embed=True),
        task_profile="triage",
    )


def reads(agent: Agent) -> str | None:
    """Why a read is refused, if it is."""
    reply = agent.call("office__get_case", {"case_id": "C-1"})
    return None if done(reply) else refusal(reply)


def test_an_agent_attests_anew_after_so_many_calls(gateway: Gateway) -> None:
    agent = gateway.task(PURPOSE)
    assert [reads(agent) for _ in range(4)] == [
        None,
        None,
        "reattestation-needed",
        "reattestation-needed",
    ]
    # What it could call is not hidden meanwhile.
    assert agent.ask("tools/list").json["result"]["tools"]
    again = renewed(gateway, agent)
    assert [reads(again) for _ in range(3)] == [None, None, "reattestation-needed"]
    # It is the agent that attested, whichever of its tokens it shows.
    renewed(gateway, again)
    assert reads(agent) is None
    gateway.verified()


def test_two_agents_share_what_either_has_read(gateway: Gateway) -> None:
    parent = gateway.task(f"Write to {DANA}.")
    child = passed_on(gateway, parent)
    stranger = {"to": "eve@evil.example", "body": "x"}
    assert reads(child) is None
    # The parent read nothing; what its child has read binds it all the same.
    decided = parent.call("office__send", stranger)
    assert refusal(decided) == "destination-not-allowed"
    (record,) = [one for one in gateway.records("decision") if one["tool"] == "office.send"]
    assert record["labels"]["integrity"] == "untrusted"
    assert record["task"] == parent.task.task
    gateway.verified()


def test_a_child_ends_with_its_parent(gateway: Gateway) -> None:
    parent = gateway.task(PURPOSE)
    child = passed_on(gateway, parent)
    assert reads(child) is None
    state = Path(gateway.config.directory) / "state"
    shown = dev.svid(state, gateway.config, COPILOT, now_ms())
    connection = http.client.HTTPConnection(gateway.config.root.gateway.listen, timeout=30)
    form = {
        "token": parent.task.token,
        "client_assertion": shown,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    }
    fields = {"content-type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/oauth/revoke", urlencode(form), fields)
    assert connection.getresponse().status == 200
    connection.close()
    assert reads(child) == reads(parent) == "task-revoked"
    gateway.verified()
