"""Everybody who takes part in starting a task, with keys of their own, on a clock that stands."""

from __future__ import annotations

import hashlib
import itertools
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from safeconduct.config import schema
from safeconduct.config.keys import JwksRef
from safeconduct.config.trust import Trust
from safeconduct.core.subgrants import SubGrant
from safeconduct.delegation.asking import Asking
from safeconduct.delegation.exchange import Exchange
from safeconduct.delegation.introspection import Introspection
from safeconduct.delegation.issuing import Issuing
from safeconduct.delegation.request import TASK_TOKEN_TYPE, Program, Start, UserToken
from safeconduct.delegation.signing import SigningKeys
from safeconduct.delegation.steps import Steps
from safeconduct.delegation.tokens import TaskTokens
from safeconduct.identity import dev
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey, encode
from safeconduct.ports import JSON, Caller, Evidence, LedgerConflict
from safeconduct.tasks.state import TaskState
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
    """A log in memory, with the real state of tasks, that fails when it is told to: for every kind
    of record, or for the one that it `refuses`.
    """

    def __init__(self) -> None:
        self.records: list[JSON] = []
        self.state = TaskState(Path(":memory:"))
        self.fault: Exception | None = None
        self.refuses: str | None = None
        self.closing = weakref.finalize(self, self.state.close)

    async def append(self, *records: Mapping[str, Any]) -> int:
        kinds = {record["kind"] for record in records}
        if self.fault is not None and self.refuses in {None, *kinds}:
            raise self.fault
        for record in records:
            conflict = self.state.apply(self.state.applied(), record, replay=False)
            if conflict is not None:
                self.state.rollback()
                raise LedgerConflict(conflict)
        self.state.commit()
        self.records += map(dict, records)
        return len(self.records) - len(records)


def with_helper(config: schema.Config) -> schema.Config:
    """The same company with a second agent, to which the first one may pass on parts of tasks."""
    agent = config.agents[AGENT]
    named = (f"user:{USER}", f"agent:{AGENT}")
    helper = replace(
        agent, spiffe_id=OTHER, delegation=replace(agent.delegation, on_behalf_of=named)
    )
    assignments = config.root.assignments
    return replace(
        config,
        agents={**config.agents, OTHER: helper},
        root=replace(config.root, assignments={**assignments, OTHER: assignments[AGENT]}),
    )


def profiled(config: schema.Config, **changes: Any) -> schema.Config:
    """The same company with another profile for triage."""
    profile = replace(config.root.profiles["triage"], **changes)
    return replace(config, root=replace(config.root, profiles={"triage": profile}))


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
        evidence: Evidence | None = None,
    ) -> None:
        self.config = config or configuration(directory)
        self.state = directory / "state"
        dev.create(self.state, self.config)
        self.now_ms = NOW_MS
        self.ledger = ledger or MemoryLedger()
        self.key = PrivateKey.generate()
        self._numbers = itertools.count()
        self.proofs = Proofs(since_ms=since_ms)
        self.evidence = evidence or ConfiguredEvidence(self.config, self.proofs)
        self.signing = SigningKeys(self.state, NOW_MS)
        self.tokens = TaskTokens(self.config.root.gateway, self.signing, self.evidence)
        on_time: dict[str, Any] = {"tasks": self.ledger.state, "clock_ms": lambda: self.now_ms}
        records: dict[str, Any] = {
            "ledger": self.ledger,
            "new_id": lambda kind: f"{kind}_{next(self._numbers)}",
        }
        self.issuing = Issuing(self.config.root.gateway, tokens=self.tokens, **records)
        self.steps = Steps(self.config, evidence=self.evidence, tokens=self.tokens, **on_time)
        self.exchange = Exchange(self.steps, self.issuing, self.redeem)
        self.asking = Asking(evidence=self.evidence, **on_time, **records)
        self.status = Introspection(
            self.config, asking=self.asking, tokens=self.tokens, revoke=self.revoke, **on_time
        )

    def redeem(self, form: Mapping[str, str]) -> Start:
        """What every code stands for here: a program of the user's, which is the agent."""
        return Start(
            svids=(),
            client_id="desk",
            scopes=None,
            details=None,
            user=UserToken(self.user_token()),
            profile="triage",
            purpose=form.get("purpose", "Signed in with Desk."),
            attestation=None,
            program=Program(
                id="desk",
                agent=AGENT,
                code=form["code"],
                jkt=form.get("dpop_jkt"),
                asked="purpose" in form,
            ),
        )

    async def signed_in(self, *proofs: str, **form: str) -> JSON:
        """A person's program trades its code."""
        asked = {"grant_type": "authorization_code", "code": "c-1", **form}
        return await self.exchange.exchange(asked, self.requester(*proofs))

    async def revoke(self, what: str, identifier: str, by: str) -> None:
        """Revokes, as an operator does."""
        record = {"kind": "revocation", "what": what, "id": identifier, "by": by}
        await self.ledger.append({**record, "at_ms": self.now_ms})

    def svid(self, agent: str = AGENT) -> str:
        return dev.svid(self.state, self.config, agent, self.now_ms)

    def user_token(self, user: str = USER) -> str:
        return dev.user_token(self.state, self.config, user, self.now_ms)

    def attestation(
        self,
        issuer: str = DESK,
        *,
        user: str = USER,
        agent: str = AGENT,
        text: str = "Answer case C-1",
        task: str | None = None,
        follow: Sequence[SubGrant] = (),
    ) -> str:
        return dev.purpose(
            self.state,
            self.config,
            issuer=issuer,
            user=user,
            agent=agent,
            text=text,
            now_ms=self.now_ms,
            task=task,
            follow=follow,
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
        return await self.asked(self.form(**changes))

    async def asked(self, form: Mapping[str, str], *proofs: str) -> JSON:
        """The token response to a request. Raises TokenRefused."""
        return await self.exchange.exchange(form, self.requester(*proofs))

    def renewal(self, task: object, **changes: str | None) -> dict[str, str]:
        """A request for a further token of a task."""
        return self.form(**{"task": str(task), "task_profile": None, "purpose": None, **changes})

    def amendment(self, started: JSON, text: str, **changes: str | None) -> dict[str, str]:
        """A request with what the user says later."""
        attestation = self.attestation(text=text, task=str(started["task"]))
        return self.form(
            **{
                "task_profile": None,
                "purpose": None,
                "subject_token": str(started["access_token"]),
                "subject_token_type": TASK_TOKEN_TYPE,
                "purpose_attestation": attestation,
                **changes,
            },
        )

    def handover(
        self, token: object, to: str = OTHER, key: PrivateKey | None = None, **claims: object
    ) -> str:
        """The proof that hands a task token to another agent."""
        ath = encode(hashlib.sha256(str(token).encode()).digest())
        return self.proof(key, None, **{"ath": ath, "act": {"sub": to}, **claims})

    def child(self, started: JSON, **changes: str | None) -> dict[str, str]:
        """A request of `OTHER` for a part of a task that was handed to it."""
        return self.form(
            **{
                "subject_token": str(started["access_token"]),
                "subject_token_type": TASK_TOKEN_TYPE,
                "subject_token_proof": self.handover(started["access_token"]),
                "actor_token": self.svid(OTHER),
                "purpose": None,
                **changes,
            }
        )
