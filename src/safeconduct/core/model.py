"""The call and the facts about it: all that the core may know when it decides.

Facts come in two stages. `Gathered` (step 1) is cheap, local and authoritative; the checks that
`screen` runs see nothing else. `Facts` (step 3) adds what costs time: resolvers, inspectors, the
policy engine, approvals.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from safeconduct.core.approvers import Party, Templates
from safeconduct.core.asks import Asks, Capability
from safeconduct.core.elevation import Bypass, Elevation
from safeconduct.core.labels import BOTTOM, Confidentiality, Label
from safeconduct.core.manifest import (
    SQL,
    Effect,
    Spotlighting,
    ToolManifest,
    field_label,
)
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import Origin, PurposeSource
from safeconduct.core.release import Release
from safeconduct.core.review import Reviewed
from safeconduct.core.subgrants import Given
from safeconduct.core.trace import Trace


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One message that takes the page.

    `target` is `<upstream>.<name>` for a tool, `<upstream>#resource:<uri>` and
    `<upstream>#prompt:<name>` otherwise; names match exactly. `digest` covers tenant, agent, user,
    task, target, the pin of the definition and the canonical arguments. Arguments that have no
    `exact` bytes are left out, and the call is refused.

    `client` is what the caller can be asked while the call runs. Of a call that goes on after a
    question, `resumed`, the replies are judged as one more argument, and `state` is what the
    upstream gave along with the question and gets back.

    `constrained` are the paths of values that the policy put into the arguments. `asked` is what
    the upstream asked, where the call is the reply to that. `revealed` are the tokens that the
    agent sent and what stands in the arguments for them. `covered` is what the digest covers before
    the canonical arguments.
    """

    method: str
    target: str
    upstream: str
    name: str
    arguments: dict[str, Any]
    digest: str
    size: int
    exact: bool = True
    client: frozenset[Capability] = frozenset()
    resumed: bool = False
    state: str | None = None
    constrained: tuple[str, ...] = ()
    asked: dict[str, Any] | None = None
    revealed: tuple[tuple[str, str], ...] = ()
    covered: bytes = b""


class AgentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The calling workload. `approval_scopes` are its `jit_approval_required`."""

    id: str
    registered: bool
    tier: int
    zone: str
    attested_ms: int
    stateless: bool = False
    approval_scopes: frozenset[str] = frozenset()


class UserFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The delegator, as the user issuer described them when the task started."""

    id: str
    kind: Literal["person", "workflow", "service"] = "person"
    groups: tuple[str, ...] = ()
    acr: str | None = None
    amr: tuple[str, ...] = ()
    auth_time_s: int = 0
    device: tuple[str, ...] = ()
    signed_in_ms: int = 0


class Reach(msgspec.Struct, frozen=True):
    """How many distinct objects the calls of a scope may touch, and which they have, by digest."""

    most: int
    touched: frozenset[str] = frozenset()

    def holds(self, objects: Iterable[str]) -> bool:
        """Whether these may be touched as well."""
        return len(self.touched.union(objects)) <= self.most


class TaskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a task, read authoritatively before each decision.

    `scopes` were fixed when the task started (the plan freezes); `obtainable` is what profile,
    registration and entitlement would have allowed.

    `version` rises with every change that a decision could depend on; a reservation names the
    version it was decided on. `unattested` and `suspect` count permits and refusals since the agent
    last showed a fresh SVID, which it must after `reattest_every` or `reattest_on_refusals`.
    `chain` are the tasks above it and their agents, nearest first. `reaches` is what limits the
    objects that it touches, by scope: its own limit, and those of what bounds it. `subgrants` are
    what the user has it follow, `releases` what persons let it send, or vouch for. `counts` are
    permits of the task and of all below it, `family` those of the uppermost of its line.
    """

    id: str
    tenant: str
    profile: str
    purpose: str
    purpose_source: PurposeSource
    scopes: frozenset[str]
    obtainable: frozenset[str]
    budgets: dict[str, int]
    max_refusals: int
    started_ms: int
    expires_ms: int
    version: int
    labels: Label = BOTTOM
    counts: dict[str, int] = {}
    refusals: int = 0
    state: Literal["active", "ended", "revoked"] = "active"
    reattest_every: int | None = None
    unattested: int = 0
    reattest_on_refusals: int | None = None
    suspect: int = 0
    chain: tuple[tuple[str, str], ...] = ()
    reaches: dict[str, tuple[Reach, ...]] = {}
    subgrants: tuple[Given, ...] = ()
    releases: tuple[Release, ...] = ()
    family: dict[str, int] = {}

    @property
    def reattestation_due(self) -> bool:
        """Whether the agent must show a fresh SVID before it goes on."""
        return (self.reattest_every is not None and self.unattested >= self.reattest_every) or (
            self.reattest_on_refusals is not None and self.suspect >= self.reattest_on_refusals
        )


class ZoneFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The zone the agent runs in; `egress` and `deny` are names of destinations, and `model` is the
    one that is registered for it.
    """

    id: str
    egress: frozenset[str]
    deny: frozenset[str]
    region: str | None = None
    max_label: Confidentiality = Confidentiality.restricted
    model: str | None = None


PinState = Literal["reviewed", "unreviewed", "changed"]


class ToolFacts(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What the catalogue knows of the target; `manifest` is None when there is no such tool.

    `source` is the label of what the tool returns before its fields are looked at, `clearance` how
    confidential the data sent to it may be; both are the worst case unless the pin is reviewed.
    `bearers` are the agents whose tool tokens may go there, None where tool tokens are not used.
    `bound_to` is the tenant outside of which the credential opens nothing, if there is one.
    `system` gives back what is written by the tool. `spotlight` is how its texts are marked where
    the manifest does not say; what speaks to the agent in them is withheld if it `quarantines`.
    What follows from these alone is worked out once: tools are called more often than they change.
    """

    manifest: ToolManifest | None
    pin: PinState
    destination: str
    source: Label
    clearance: Confidentiality
    credential: str = "none"
    bearers: frozenset[str] | None = None
    bound_to: str | None = None
    asks: Asks = Asks()
    system: str = ""
    spotlight: Spotlighting = "none"
    quarantines: bool = False

    @cached_property
    def effect(self) -> Effect:
        """The declared effect; the worst case unless somebody reviewed the definition."""
        if self.manifest is None or self.pin != "reviewed":
            return Effect.execute
        return self.manifest.effect

    @cached_property
    def takes_sql(self) -> bool:
        """Whether an argument is free SQL, which decides by itself what it reads."""
        declared = {} if self.manifest is None else self.manifest.arguments
        return any(one.role == "query" and one.type == SQL for one in declared.values())

    def keeps_to(self, tenant: str) -> bool:
        """Whether what the tool reads ends at one tenant's data, as far as SQL could say more."""
        return self.bound_to == tenant or not self.takes_sql

    @cached_property
    def fields(self) -> dict[str, Label]:
        """The labels of the fields that the manifest tells apart, by path: none without review."""
        if self.manifest is None or self.pin != "reviewed":
            return {}
        declared = self.manifest.returns.fields
        return {path: field_label(field, self.source) for path, field in declared.items()}

    @cached_property
    def highest(self) -> Confidentiality:
        """The most confidential thing that the tool may return: its source, or one of its fields.

        What a manifest says of a field counts here even when nobody reviewed it.
        """
        fields = () if self.manifest is None else self.manifest.returns.fields.values()
        declared = [Confidentiality[one.confidentiality] for one in fields if one.confidentiality]
        return max(self.source.confidentiality, *declared, Confidentiality.public)


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """Step 1: cheap, local, authoritative.

    `reply`: the call answers what an upstream asked within a call that was counted. `circles`: it
    is one of those that were refused, or made, too often. `trace` is what the caller claims, and
    decides nothing. `templates` explain the names of questions.
    """

    now_ms: int
    tenant: str
    agent: AgentFacts
    user: UserFacts
    task: TaskFacts
    zone: ZoneFacts | None
    tool: ToolFacts
    token_expires_ms: int
    reply: bool = False
    outcome_unknown: bool = False
    circles: bool = False
    unsafe: tuple[str, ...] = ()
    trace: Trace | None = None
    templates: Templates = {}


class ApprovalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An approval on record for exactly this digest, not yet used. `parties` are those who had to
    say yes; a `narrowed` one stands for smaller arguments.
    """

    id: str
    digest: str
    state: Literal["pending", "granted", "denied", "narrowed"]
    requested_ms: int = 0
    granted_ms: int = 0
    ttl_s: int = 300
    sources: tuple[str, ...] = ()
    labels: Label = BOTTOM
    parties: tuple[Party, ...] = ()

    def fresh(self, now_ms: int) -> bool:
        """Whether the yes is neither from the future nor too old."""
        return self.state == "granted" and 0 <= now_ms - self.granted_ms < self.ttl_s * 1000


class Followed(msgspec.Struct, frozen=True):
    """A person's yes to certain values (by their digests) and to others of the same fields of the
    same results (`wheres`), as far as it goes: for further calls of the task, so many, until a
    time, and while its labels are no higher than they were. `by` are those who said it.
    """

    wheres: frozenset[str]
    values: frozenset[str]
    left: int
    until_ms: int
    labels: Label
    by: frozenset[str] = frozenset()


KEY: Final = -1
"""Ends the path of a finding that lies in an object's key, after that key."""


class Finding(msgspec.Struct, frozen=True):
    """Something an inspector saw: which kind, in which string (a path of keys and indices), and
    from which to which character of it.
    """

    kind: str
    where: tuple[str | int, ...]
    start: int
    end: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Step 3: everything. `failures` names facts that could not be had; any of them refuses.

    `allowed` are the destinations on the manifest's lists; `provenance` holds the origins of each
    argument by name, and of each address by `name=value`; `baselines` are the amounts that objects
    had before this task, `followed` what a person has let it follow, and `copied` the highest label
    of what the content repeats of what was read. `released` are arguments all of which a released
    result said, and that release. `review` is what a second model made of the call, if one was
    asked, and `delivers` the release of what this very call returned when it was withheld.
    `elevations` are what persons let the task do more than once, `bypasses` what nobody is asked
    about for now.
    """

    gathered: Gathered
    resolved: dict[str, Any] = {}
    allowed: dict[str, frozenset[str]] = {}
    provenance: dict[str, tuple[Origin, ...]] = {}
    findings: tuple[Finding, ...] = ()
    policy: PolicyAnswer
    approval: ApprovalFacts | None = None
    failures: tuple[str, ...] = ()
    baselines: dict[str, int] = {}
    copied: Confidentiality = Confidentiality.public
    followed: Followed | None = None
    released: dict[str, str] = {}
    review: Reviewed | None = None
    delivers: str | None = None
    elevations: tuple[Elevation, ...] = ()
    bypasses: tuple[Bypass, ...] = ()


def standing(call: Call, facts: Facts) -> ApprovalFacts | None:
    """The approval that counts: of exactly this call, in time, for labels no lower than today's.

    Labels that rose since the person looked make it another question.
    """
    approval = facts.approval
    if (
        approval is not None
        and approval.digest == call.digest
        and approval.fresh(facts.gathered.now_ms)
        and facts.gathered.task.labels <= approval.labels
    ):
        return approval
    return None
