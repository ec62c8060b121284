"""Tasks that begin at a running gateway with whatever a test shows it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from safeconduct.identity import dev
from safeconduct.identity.client import StartedTask, proof
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON
from tests.support.front import Reply
from tests.support.installation import COPILOT, Agent, Gateway, received

TYPE: Final = "urn:ietf:params:oauth:token-type:"


class Refused(msgspec.Struct, frozen=True):
    """What the token endpoint says instead of a token."""

    status: int
    told: dict[str, Any]


def asked(
    url: str,
    body: bytes | Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """What a URL answers, to a form if `body` is one; no redirect is followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    given = dict(headers or {})
    if isinstance(body, Mapping):
        given = {"Content-Type": "application/x-www-form-urlencoded", **given}
        body = urlencode(body).encode()
    try:
        connection.request("GET" if body is None else "POST", target, body, given)
        return received(connection)
    finally:
        connection.close()


def start(gateway: Gateway, id_token: str, profile: str = "triage") -> Agent | Refused:
    """Shows a user's token and an SVID of the copilot's."""
    config, now_ms = gateway.config, time.time_ns() // 1_000_000
    state = Path(config.directory) / config.root.gateway.state
    form: JSON = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": id_token,
        "subject_token_type": f"{TYPE}id_token",
        "actor_token": dev.svid(state, config, COPILOT, now_ms),
        "actor_token_type": f"{TYPE}jwt",
        "task_profile": profile,
        "purpose": "Answer case C-1.",
    }
    return begun(gateway, form, PrivateKey.generate())


def begun(gateway: Gateway, form: Mapping[str, str], key: PrivateKey) -> Agent | Refused:
    """The agent of what a token request with a proof by this key starts."""
    url, now_ms = f"{gateway.issuer}/oauth/token", time.time_ns() // 1_000_000
    answer = asked(url, form, {"DPoP": proof(key, "POST", url, None)})
    told = answer.json
    if answer.status != 200:
        return Refused(answer.status, told)
    task = StartedTask(
        task=told["task"],
        token=told["access_token"],
        key=key,
        scopes=frozenset(told["scope"].split()),
        expires_ms=now_ms + told["expires_in"] * 1000,
    )
    return Agent(gateway, task)
