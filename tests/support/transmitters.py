"""A transmitter of shared signals: it signs them, publishes its keys, and pushes or is polled."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.config import load
from safeconduct.identity import dev
from safeconduct.ports import JSON
from tests.support.front import Reply
from tests.support.installation import (
    HOST,
    Agent,
    Gateway,
    Office,
    change,
    done,
    free_port,
    install,
    refusal,
    running,
)
from tests.support.publishers import public, rsa, signed
from tests.support.starting import asked, start
from tests.support.web import Answer, Asked, Web, document, serving

CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type/"
SSF: Final = "https://schemas.openid.net/secevent/ssf/event-type/"
USERS: Final = "https://login.example"
PEOPLE: Final = tuple(f"{name}@crm.example" for name in ("jane", "joe", "kim", "lee", "max"))
SECRET: Final = "Bearer of-this-transmitter-alone"


class Transmitter:
    """Signs for `receiver` about users of `users`. `waiting` is what was not acknowledged yet, by
    `jti`; `refused` is what the receiver said it cannot take.
    """

    def __init__(self, web: Web, *, receiver: str, users: str) -> None:
        self.issuer = web.url
        self.key = rsa("first")
        self.waiting: dict[str, str] = {}
        self.acknowledged: list[str] = []
        self.refused: dict[str, dict[str, str]] = {}
        self._web = web
        self._receiver = receiver
        self._users = users
        self._count = 0
        self.publish()
        web.pages["/poll"] = self._poll

    @property
    def block(self) -> dict[str, Any]:
        """What a gateway needs to know of it."""
        return {
            "issuer": self.issuer,
            "users": self._users,
            "jwks": f"{self.issuer}/jwks",
            "algorithms": ["RS256"],
            "authorization": "file:signals",
        }

    @property
    def polled(self) -> dict[str, Any]:
        """The same, where signals wait to be fetched."""
        return self.block | {"poll": {"url": f"{self.issuer}/poll"}}

    def publish(self) -> None:
        """Publishes the key that it signs with now, alone."""
        self._web.publish({"/jwks": {"keys": [public(self.key)]}})

    def says(
        self, user: str, kind: str = f"{CAEP}session-revoked", *, ago_s: int = 0, **claims: Any
    ) -> str:
        """A signal about a user; None takes a claim out."""
        self._count += 1
        said: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self._receiver,
            "iat": int(time.time()) - ago_s,
            "jti": f"signal-{self._count}",
            "sub_id": {"format": "iss_sub", "iss": self._users, "sub": user},
            "events": {kind: {"event_timestamp": int(time.time())}},
            **claims,
        }
        given = {name: value for name, value in said.items() if value is not None}
        return signed(self.key, given, typ="secevent+jwt")

    def push(self, url: str, token: str, authorization: str = SECRET) -> Reply:
        """RFC 8935 section 2.1."""
        headers = {
            "Content-Type": "application/secevent+jwt",
            "Accept": "application/json",
            "Authorization": authorization,
        }
        return asked(url, token.encode(), headers)

    def _poll(self, request: Asked) -> Answer:
        """RFC 8936 section 2.4, without long polling."""
        if request.method != "POST" or request.headers.get("authorization") != SECRET:
            return Answer(401)
        said: Mapping[str, Any] = json.loads(request.body)
        for jti in said.get("ack", []):
            self.waiting.pop(jti, None)
            self.acknowledged.append(jti)
        for jti, why in said.get("setErrs", {}).items():
            self.waiting.pop(jti, None)
            self.refused[jti] = why
        most = said.get("maxEvents", len(self.waiting))
        told = dict(list(self.waiting.items())[:most])
        return document({"sets": told, "moreAvailable": len(self.waiting) > len(told)})


class World(msgspec.Struct, frozen=True):
    """A gateway that one provider pushes to, and that asks another one."""

    gateway: Gateway
    pushing: Transmitter
    polled: Transmitter

    @property
    def url(self) -> str:
        """Where the first one pushes to."""
        return f"{self.gateway.issuer}/signals/pushing"

    def push(self, token: str) -> Reply:
        return self.pushing.push(self.url, token)

    def signed_in(self, user: str, *, ago_s: int = 0) -> str:
        """A token of a user's who has signed in so long ago."""
        config = self.gateway.config
        state = Path(config.directory) / config.root.gateway.state
        return dev.user_token(state, config, user, time.time_ns() // 1_000_000 - ago_s * 1000)

    def working(self, user: str, *, ago_s: int = 60) -> Agent:
        """An agent at work for a user who has signed in so long ago."""
        agent = start(self.gateway, self.signed_in(user, ago_s=ago_s))
        assert isinstance(agent, Agent), agent
        return agent


def ended(agent: Agent) -> bool:
    """Whether the agent's calls are refused because its task is over."""
    reply = agent.call("office__get_case", {"case_id": "C-1"})
    return not done(reply) and refusal(reply) == "task-revoked"


def configure(directory: Path, signals: JSON) -> None:
    """Lets these transmitters tell of users."""
    secret = directory / "signals"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    change(directory / "safeconduct.yaml", {"signals": signals})


@contextmanager
def signalling(directory: Path, office: Office) -> Generator[World]:
    """Runs all of them; several people are known to the gateway."""
    port = free_port()
    receiver = f"http://{HOST}:{port}"
    with serving() as web, serving() as other:
        pushing = Transmitter(web, receiver=receiver, users=USERS)
        polled = Transmitter(other, receiver=receiver, users=USERS)
        install(directory, office, port=port)
        configure(directory, {"pushing": pushing.block, "polled": polled.polled})
        users = {name: {"scopes": ["case:read", "mail:send"]} for name in PEOPLE}
        change(directory / "users.yaml", {"users": users})
        copilot = directory / "agents" / "copilot.yaml"
        agent = json.loads(copilot.read_text())["agent"]
        agent["delegation"]["on_behalf_of"] = [f"user:{name}" for name in users]
        change(copilot, {"agent": agent})
        with running(load(directory)) as gateway:
            yield World(gateway, pushing, polled)
            gateway.verified()
