"""An OAuth client that others wrote reads our metadata and does all that an agent does with it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.config import load
from safeconduct.identity import dev
from safeconduct.ports import JSON
from tests.e2e.parts import CLIENTS, NODE, NPM, Part, npm_pins
from tests.support.front import modern
from tests.support.installation import (
    COPILOT,
    USER,
    Gateway,
    Office,
    install,
    opened_office,
    running,
)

OWN = {"host", "authorization", "dpop"}
"""What the client sends by itself."""

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]


def oauth_client() -> Part:
    """oauth4webapi, which is certified for FAPI 2 and DPoP."""
    installed = NPM / "node_modules" / "oauth4webapi" / "package.json"
    command = (str(NODE), str(CLIENTS / "npm_oauth.mjs"), str(NPM))
    return Part("oauth4webapi", npm_pins()["oauth4webapi"], installed, command)


@pytest.fixture
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture(params=[False, True], ids=["", "nonces"])
def gateway(office: Office, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    install(tmp_path, office)
    main = tmp_path / "safeconduct.yaml"
    document = json.loads(main.read_text())
    document["gateway"]["dpop_nonce"] = request.param
    main.write_text(json.dumps(document))
    with running(load(tmp_path)) as gateway:
        yield gateway


def errand(gateway: Gateway) -> JSON:
    config, state = gateway.config, Path(gateway.config.directory) / "state"
    now_ms = time.time_ns() // 1_000_000
    jwt = "urn:ietf:params:oauth:token-type:jwt"
    body, fields = modern("tools/call", {"name": "office__get_case", "arguments": {"case_id": "1"}})
    purpose = dev.purpose(
        state, config, issuer="desk", user=USER, agent=COPILOT, text="Read it.", now_ms=now_ms
    )

    def user() -> dict[str, str]:
        token = dev.user_token(state, config, USER, now_ms)
        return {"subject_token": token, "subject_token_type": jwt}

    return {
        "issuer": gateway.issuer,
        "resource": f"{gateway.issuer}/mcp",
        "client_id": COPILOT,
        "svids": [dev.svid(state, config, COPILOT, now_ms) for _ in range(5)],
        "start": {
            **user(),
            "task_profile": "triage",
            "purpose_attestation": purpose,
            "resource": f"{gateway.issuer}/mcp",
            "authorization_details": '[{"type": "safeconduct_task", "counts": {"calls": 9}}]',
        },
        "renewal": {**user(), "scope": "case:read"},
        "call": {
            "url": f"{gateway.issuer}/mcp",
            "headers": {name: value for name, value in fields if name not in OWN},
            "body": json.loads(body),
        },
    }


def played(part: Part, said: JSON) -> JSON:
    command = [*part.required().command, json.dumps(said)]
    process = subprocess.run(command, capture_output=True, check=False)
    assert process.returncode == 0, process.stderr.decode()
    told: JSON = json.loads(process.stdout)
    return told


def test_an_oauth_client_starts_uses_renews_and_ends_a_task(gateway: Gateway) -> None:
    told = played(oauth_client(), errand(gateway))
    nonces = gateway.config.root.gateway.dpop_nonce
    assert told["methods"] == ["spiffe_jwt", "none"]
    assert told["servers"] == [gateway.issuer]
    started = told["started"]
    assert started["token_type"] == "dpop"
    assert started["expires_in"] in {899, 900}  # whole seconds
    assert started["authorization_details"] == [
        {"type": "safeconduct_task", "counts": {"calls": 9}}
    ]
    assert told["call"]["status"] == 200
    assert "get_case done" in json.dumps(told["call"]["body"])
    claims = told["claims"]
    assert (claims["sub"], claims["client_id"], claims["act"]) == (USER, COPILOT, {"sub": COPILOT})
    assert told["stolen"] == "invalid_dpop_proof"
    assert told["replayed"] == "invalid_grant"
    assert told["renewed"] == {"task": started["task"], "scope": "case:read"}
    assert told["call_again"] == 200
    assert told["introspected"]["active"] is True
    assert told["introspected"]["scope"] == "case:read"
    assert told["after"] == {"active": False}
    assert "task-revoked" in json.dumps(told["call_after"])
    # One for the client's own key, and one for the key that is not the token's.
    assert told["nonces"] == (1 if nonces else 0)
    gateway.verified()
