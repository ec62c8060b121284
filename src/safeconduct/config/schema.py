"""The shape of the configuration: frozen values, one struct for each block of the files.

Unknown keys are refused everywhere (`forbid_unknown_fields`), so a misspelt safety setting stops
the start instead of being ignored. The JSON Schema that `safeconduct schema` prints is generated
from these structs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from safeconduct.config.approvals import ApprovalsBlock, ConsoleBlock
from safeconduct.config.audit import AuditBlock
from safeconduct.config.authzen import AuthzenBlock
from safeconduct.config.clients import ClientBlock
from safeconduct.config.inspectors import InspectorsBlock, ReviewerBlock
from safeconduct.config.keys import JwksRef
from safeconduct.config.names import Name, SpiffeId
from safeconduct.config.policy import PolicyBlock
from safeconduct.config.signals import SignalIssuer
from safeconduct.config.tls import Forwarded, Tls
from safeconduct.config.trust import Trust
from safeconduct.config.users import Requires, UserEntry, Users
from safeconduct.config.workloads import Attestors, Svids, Workload
from safeconduct.core.asks import Asks
from safeconduct.core.manifest import Manifest, Spotlighting

Units = Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)]
Objects = Annotated[int, Meta(ge=0, le=1000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block of a configuration file."""


class GatewayBlock(Block, frozen=True):
    """Where the gateway listens and what it calls itself.

    `issuer` is also the audience of task tokens. Paths are relative to the configuration directory.
    """

    issuer: str
    listen: str
    tenant: str
    state: str = "./state"
    operator_socket: str = "./state/operator.sock"
    allowed_origins: tuple[str, ...] = ()
    max_body_bytes: Annotated[int, Meta(ge=1024, le=16_777_216)] = 1_048_576
    token_ttl_s: Annotated[int, Meta(ge=10, le=900)] = 900
    dpop_nonce: bool = False
    tls: Tls | None = None
    forwarded_certificate: Forwarded | None = None
    unsafe_dev_identity: bool = False
    unsafe_bearer_tokens: bool = False

    @property
    def takes_certificates(self) -> bool:
        """Whether clients may show certificates, here or to a load balancer."""
        asks = self.tls is not None and self.tls.client_certificates
        return asks or self.forwarded_certificate is not None


class Delegation(Block, frozen=True):
    """Who may delegate what to this agent, and where its tool tokens may go.

    `on_behalf_of` names users (`user:`), and agents (`agent:`) that may pass on a part of a task.
    """

    on_behalf_of: str | tuple[str, ...]
    scope: tuple[str, ...]
    audience: str | tuple[str, ...]
    ttl_seconds: Annotated[int, Meta(ge=1, le=900)] = 900

    @property
    def users(self) -> frozenset[str]:
        """User ids without their `user:` prefix."""
        return self._named("user:")

    @property
    def agents(self) -> frozenset[str]:
        """SPIFFE IDs without their `agent:` prefix."""
        return self._named("agent:")

    def _named(self, prefix: str) -> frozenset[str]:
        given = (self.on_behalf_of,) if isinstance(self.on_behalf_of, str) else self.on_behalf_of
        return frozenset(name.removeprefix(prefix) for name in given if name.startswith(prefix))

    @property
    def audiences(self) -> frozenset[str]:
        """Where tool tokens for the agent may go."""
        return frozenset((self.audience,) if isinstance(self.audience, str) else self.audience)


class Agent(Block, frozen=True):
    """One agent's registration."""

    spiffe_id: SpiffeId
    trust_domain: str
    attestation: Literal["kubernetes-sa", "hardware", "workload-identity-pool", "unix"]
    delegation: Delegation
    jit_approval_required: tuple[str, ...] = ()
    stateless: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """What a task of it has at most: those that need an approval count, as a token carries
        them, and each call waits for its own yes.
        """
        return frozenset(self.delegation.scope + self.jit_approval_required)


class AgentFile(Block, frozen=True):
    """`agents/*.yaml`."""

    agent: Agent


class Zone(Block, frozen=True):
    """One zone: what agents in it may reach, and what they may hold (`max_label`)."""

    id: Name
    egress: tuple[str, ...]
    deny: tuple[str, ...] = ()
    model: str | None = None
    region: str | None = None
    tier: Annotated[int, Meta(ge=1, le=9)] | None = None
    tenant: str | None = None
    max_label: Literal["public", "internal", "confidential", "restricted"] = "restricted"


class ZoneFile(Block, frozen=True):
    """`zones.yaml`."""

    zones: tuple[Zone, ...]


class Assignment(Block, frozen=True):
    """Which zone, tier and task profiles an agent has."""

    zone: str
    tier: Annotated[int, Meta(ge=1, le=9)]
    profiles: tuple[str, ...]


class UserFile(Block, frozen=True):
    """`users.yaml`."""

    users: dict[str, UserEntry]


class Scope(Block, frozen=True):
    """What a scope string denotes."""

    system: str
    object: str
    action: str
    qualifier: str | None = None


class Window(Block, frozen=True):
    """What all tasks of one agent, user and profile may use up together, while it lasts."""

    seconds: Annotated[int, Meta(ge=60, le=2_678_400)]
    budgets: dict[str, Count] = {}
    amounts: dict[str, Units] = {}
    objects: dict[str, Objects] = {}


class Loops(Block, frozen=True):
    """When a task goes in circles: after so many equal refusals of a call or a tool, and after the
    same change was made so often.
    """

    same: Annotated[int, Meta(ge=2, le=10_000)] = 5
    changes: Annotated[int, Meta(ge=2, le=100_000)] = 20


class Profile(Block, frozen=True):
    """What tasks of a kind may need at most. A budget counts calls, or activations of a scope.

    `amounts` are what the permitted calls of a scope may move in one task, in the smallest units;
    `objects` how many distinct ones they may touch.

    After `reattest_every` permitted calls, or `reattest_on_refusals` refused ones, the agent must
    show a fresh SVID.
    """

    scopes: tuple[str, ...]
    budgets: dict[str, Count] = {}
    amounts: dict[str, Units] = {}
    objects: dict[str, Objects] = {}
    window: Window | None = None
    reattest_every: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    reattest_on_refusals: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    max_task_lifetime: Annotated[int, Meta(ge=60, le=86_400)] = 3600
    max_refusals: Annotated[int, Meta(ge=1, le=10_000)] = 20
    loops: Loops = Loops()
    requires: Requires = Requires()


class Endpoint(Block, frozen=True):
    """One place on the network that a destination's name denotes."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65_535)] = 443
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class OAuthBlock(Block, frozen=True):
    """How the gateway gets access tokens for an upstream from its authorization server.

    Without `client_id` it is the URL of a metadata document that the gateway serves; without
    `secret`, a reference, the gateway signs for itself. `resource` is the upstream's URL when left
    out. `tool_scopes` replaces `scopes` for the tools it names. `lists_as` is the user in whose
    name the gateway asks what the upstream offers; without one it asks in its own.
    """

    issuer: str
    grant: Literal[
        "client-credentials", "token-exchange", "jwt-bearer", "id-jag", "authorization-code"
    ]
    client_id: str | None = None
    secret: str | None = None
    resource: str | None = None
    scopes: tuple[str, ...] = ()
    tool_scopes: dict[str, tuple[str, ...]] = {}
    lists_as: str | None = None
    user_claim: str | None = None


class CredentialBlock(Block, frozen=True):
    """Which credential an upstream gets; the agent never sees it.

    `value` is a reference: `file:<path>` or `env:<NAME>`, never the secret itself. `tenant` says
    that what it opens ends at one tenant's data, whatever is asked for.
    """

    kind: Literal["tool-token", "upstream-oauth", "brokered", "none"]
    header: str | None = None
    value: str | None = None
    scheme: str = "Bearer"
    audience: str | None = None
    ttl_s: Annotated[int, Meta(ge=5, le=60)] = 30
    tenant: str | None = None
    oauth: OAuthBlock | None = None


class Upstream(Block, frozen=True):
    """One upstream: an MCP server over HTTP (`mcp`) or a child process (`command`).

    `destination` is the name that zones use for it; its own id when left out. By its `spiffe_id` it
    may ask whether tokens are good.

    `spotlight` is how its texts are marked where a manifest does not say; `instructions` is what
    happens to what speaks to the agent in them: it is marked as untrusted, or also withheld.
    """

    role: Literal["retrieval", "execution", "write-back"]
    credential: CredentialBlock
    manifests: str
    mcp: str | None = None
    command: tuple[str, ...] | None = None
    env: dict[str, str] = {}
    destination: str | None = None
    region: str | None = None
    timeout_s: Annotated[int, Meta(ge=1, le=600)] = 30
    spiffe_id: SpiffeId | None = None
    asks: Asks = Asks()
    spotlight: Spotlighting = "none"
    instructions: Literal["mark", "quarantine"] = "mark"
    unsafe_no_sandbox: bool = False


class Root(Block, frozen=True):
    """`safeconduct.yaml`. `agents` and `zones` name files; the rest stands here."""

    gateway: GatewayBlock
    agents: str
    zones: str
    assignments: dict[str, Assignment]
    trust: dict[str, Trust]
    users: Users
    scopes: dict[str, Scope]
    profiles: dict[str, Profile]
    upstreams: dict[Name, Upstream]
    policy: PolicyBlock
    audit: AuditBlock
    front_ends: dict[Name, JwksRef] = {}
    user_devices: dict[str, JwksRef] = {}
    destinations: dict[Name, tuple[Endpoint, ...]] = {}
    attestors: Attestors = Attestors()
    workloads: dict[SpiffeId, Workload] = {}
    svids: Svids = Svids()
    signals: dict[Name, SignalIssuer] = {}
    clients: dict[str, ClientBlock] = {}
    authzen: AuthzenBlock | None = None
    inspectors: InspectorsBlock = InspectorsBlock()
    reviewer: ReviewerBlock | None = None
    approvals: ApprovalsBlock = ApprovalsBlock()
    console: ConsoleBlock | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, read and cross-checked. `directory` is absolute."""

    directory: str
    root: Root
    agents: dict[str, Agent]
    zones: dict[str, Zone]
    users: dict[str, UserEntry]
    manifests: dict[str, Manifest]
    unsafe: tuple[str, ...] = ()

    def bearers(self, upstream: str) -> frozenset[str] | None:
        """The agents whose tool tokens may go to an upstream; None where it gets none."""
        credential = self.root.upstreams[upstream].credential
        if credential.kind != "tool-token":
            return None
        return frozenset(
            agent
            for agent, registered in self.agents.items()
            if credential.audience in registered.delegation.audiences
        )
