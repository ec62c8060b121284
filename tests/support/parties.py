"""Everybody who takes part in starting a task, with keys of their own, on a clock that stands."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from safeconduct.config import schema
from safeconduct.config.keys import JwksRef
from safeconduct.config.trust import Trust
from safeconduct.delegation.exchange import Exchange
from safeconduct.delegation.tokens import TaskTokens, gateway_key
from safeconduct.identity import dev
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey, encode
from safeconduct.ports import JSON, Caller, LedgerConflict
from tests.support import worlds
from tests.support.worlds import AGENT, USER

NOW_MS = 1_790_000_000_000
NOW_S = NOW_MS // 1000
ISSUER = "http://127.0.0.1:8700"
TOKEN_URL = f"{ISSUER}/oauth/token"
MCP_URL = f"{ISSUER}/mcp"
OTHER = "spiffe://crm.example/agents/other"
BOB = "bob@crm.example"
DESK = "support-desk"

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


class MemoryLedger:
    """A log in memory that refuses what was consumed, and fails when it is told to."""

    def __init__(self) -> None:
        self.records: list[JSON] = []
        self.consumed: set[str] = set()
        self.fault: Exception | None = None

    async def append(self, *records: Mapping[str, Any]) -> int:
        if self.fault is not None:
            raise self.fault
        for record in records:
            if not self.consumed.isdisjoint(record["consumes"]):
                raise LedgerConflict("consumed")
            self.consumed.update(record["consumes"])
            self.records.append(dict(record))
        return len(self.records) - len(records)


def configuration(directory: Path, **gateway: bool) -> schema.Config:
    """The company of `worlds`, with key files, a front end and a device of its user."""
    config = worlds.config(directory, approval_scopes=("deal:update",))
    root = config.root
    return replace(
        config,
        root=replace(
            root,
            gateway=replace(root.gateway, **{"unsafe_dev_identity": True, **gateway}),
            trust={"crm.example": Trust(jwks="state/trust.json")},
            users=replace(root.users, jwks="state/users.json"),
            front_ends={DESK: JwksRef(jwks="state/desk.json")},
            user_devices={USER: JwksRef(jwks="state/jane.json")},
        ),
    )


class Parties:
    """One gateway's token service, and what everybody shows it."""

    def __init__(
        self,
        directory: Path,
        config: schema.Config | None = None,
        ledger: MemoryLedger | None = None,
        since_ms: int = 0,
    ) -> None:
        self.config = config or configuration(directory)
        self.state = directory / "state"
        dev.create(self.state, self.config)
        self.now_ms = NOW_MS
        self.ledger = ledger or MemoryLedger()
        self.key = PrivateKey.generate()
        self._numbers = itertools.count()
        self.evidence = ConfiguredEvidence(self.config, Proofs(since_ms=since_ms))
        self.gateway_key, _ = gateway_key(self.state)
        self.tokens = TaskTokens(self.config.root.gateway, self.gateway_key, self.evidence)
        self.exchange = Exchange(
            self.config,
            evidence=self.evidence,
            tokens=self.tokens,
            ledger=self.ledger,
            clock_ms=lambda: self.now_ms,
            new_id=lambda kind: f"{kind}_{next(self._numbers)}",
        )

    def svid(self, agent: str = AGENT) -> str:
        return dev.svid(self.state, self.config, agent, self.now_ms)

    def user_token(self, user: str = USER) -> str:
        return dev.user_token(self.state, self.config, user, self.now_ms)

    def attestation(self, issuer: str = DESK, *, user: str = USER, agent: str = AGENT) -> str:
        return dev.purpose(
            self.state,
            self.config,
            issuer=issuer,
            user=user,
            agent=agent,
            text="Answer case C-1",
            now_ms=self.now_ms,
        )

    def signed(self, party: str, typ: str, claims: Mapping[str, Any]) -> str:
        """A token by one of the parties' development keys, with claims as given and no others."""
        path = self.state / "dev" / f"{party}.jwk"
        return jose.sign(claims, PrivateKey.parse(msgspec.json.decode(path.read_bytes())), typ)

    def form(self, **changes: str | None) -> dict[str, str]:
        """A good token request; None takes a parameter out."""
        form: dict[str, str | None] = {
            "grant_type": GRANT,
            "subject_token": self.user_token(),
            "subject_token_type": JWT,
            "actor_token": self.svid(),
            "actor_token_type": JWT,
            "task_profile": "triage",
            "purpose": "Answer case C-1",
            **changes,
        }
        return {name: value for name, value in form.items() if value is not None}

    def proof(
        self, key: PrivateKey | None = None, token: str | None = None, **claims: object
    ) -> str:
        """A proof for the MCP endpoint if there is a token, and for the token endpoint if not."""
        body: dict[str, Any] = {
            "jti": f"proof-{next(self._numbers)}",
            "htm": "POST",
            "htu": TOKEN_URL if token is None else MCP_URL,
            "iat": self.now_ms // 1000,
        }
        if token is not None:
            body["ath"] = encode(hashlib.sha256(token.encode()).digest())
        return jose.sign({**body, **claims}, key or self.key, "dpop+jwt", embed=True)

    def requester(self, *proofs: str) -> Caller:
        """Who asks for a token, with a good proof unless others are given."""
        return Caller(
            http_method="POST",
            url=TOKEN_URL,
            authorization=None,
            dpop=proofs or (self.proof(),),
        )

    def caller(self, token: str, *proofs: str, scheme: str = "DPoP") -> Caller:
        """Who makes a call, with a good proof unless others are given."""
        return Caller(
            http_method="POST",
            url=MCP_URL,
            authorization=f"{scheme} {token}",
            dpop=proofs or (self.proof(token=token),),
        )

    async def started(self, **changes: str | None) -> JSON:
        """The token response of a new task."""
        return await self.exchange.exchange(self.form(**changes), self.requester())
