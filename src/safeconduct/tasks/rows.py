"""The rows of task state: what each table holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from safeconduct.core.approvers import Party
from safeconduct.core.elevation import Bypass, Elevation
from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.limits import budgets
from safeconduct.core.loops import Limits
from safeconduct.core.model import AgentFacts, ApprovalFacts, UserFacts
from safeconduct.core.provenance import PurposeSource
from safeconduct.core.release import Release
from safeconduct.core.subgrants import SubGrant


class SubGrantRow(msgspec.Struct, frozen=True):
    """What the user has a task follow, and until when."""

    grant: SubGrant
    until_ms: int


class StartRow(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a task: what it started with, as renewals and amendments left it.

    `memory` names whose labels it carries. Labels hang on whatever can remember: a task of an agent
    that is attested stateless, else the agent itself, so that a new task does not shed what an
    earlier one has read. What agents tell each other passes no gateway, so that a child task shares
    the memories of those above it (`elders`, nearest first), both ways.

    `purse` names what counts beyond this task, and `window` and `window_objects` bound it as
    `budgets` and `objects` bound the task.
    """

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
    agent: AgentFacts
    user: UserFacts
    memory: str
    shared: tuple[str, ...] = ()
    elders: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    key: str = ""
    certified: bool = False
    purse: str = ""
    window: dict[str, int] = {}
    subgrants: tuple[SubGrantRow, ...] = ()
    objects: dict[str, int] = {}
    window_objects: dict[str, int] = {}
    reattest_every: int | None = None
    reattest_on_refusals: int | None = None
    loops: Limits | None = None

    @property
    def windowed(self) -> bool:
        """Whether anything counts beyond this task."""
        return bool(self.window or self.window_objects)


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """What changes about a task. `version` rises with all that a decision depends on, `changes`
    with what the decisions of its children depend on; `unattested` and `suspect` count permits and
    refusals since the agent last showed a fresh SVID. `touched` are objects, by scope with a limit,
    `followed` permits by sub-grant, `releases` what persons let it send, or vouch for; `resumed`
    counts how often somebody looked at it and let it go on.
    """

    version: int = 0
    changes: int = 0
    unattested: int = 0
    suspect: int = 0
    counts: dict[str, int] = {}
    touched: dict[str, frozenset[str]] = {}
    followed: dict[int, int] = {}
    releases: tuple[Release, ...] = ()
    refusals: int = 0
    resumed: int = 0
    state: Literal["active", "ended", "revoked"] = "active"


class LabelRow(msgspec.Struct, frozen=True):
    """A label and how often it rose."""

    label: Label
    version: int


class PurseRow(msgspec.Struct, frozen=True):
    """What the tasks of one agent, user and profile have used up together since a time."""

    since_ms: int
    counts: dict[str, int] = {}
    touched: dict[str, frozenset[str]] = {}


class ApprovalRow(msgspec.Struct, frozen=True):
    """An approval; `used` once a permit has consumed it. `values` are the digests of what a person
    was asked about, `wheres` the fields of results that they came from, as far as the systems
    themselves fill those in. `by` are those who said yes, when, and `keys` the passkeys that
    signed it; until `until_ms` they could.
    """

    facts: ApprovalFacts
    task: str
    used: bool = False
    wheres: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    by: dict[str, int] = {}
    keys: frozenset[str] = frozenset()
    until_ms: int = 0


class ElevationRow(msgspec.Struct, frozen=True):
    """An elevation, and who gave it, when, with which passkeys."""

    facts: Elevation
    by: dict[str, int]
    keys: frozenset[str]


class PasskeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey as it was registered (WebAuthn): id and COSE key in base64url. One that may be
    backed up (`synced`) can be on other devices than the one it was made on.
    """

    credential: str
    user: str
    public_key: str
    aaguid: str
    synced: bool
    sign_count: int
    label: str
    registered_ms: int


class OpenCall(msgspec.Struct, frozen=True):
    """A permitted call whose outcome is not on record."""

    task: str
    digest: str
    tool: str
    changes_state: bool


def start_row(record: Mapping[str, Any], parent: StartRow | None = None) -> StartRow:
    """The row of a record of kind `task`, phase `started`."""
    agent, user = agent_facts(record["agent"]), user_facts(record["user"])
    memory = record["task"] if agent.stateless else f"{record['tenant']} {agent.id}"
    window: Mapping[str, Any] = record.get("window", {})
    above = () if parent is None else (parent.memory, *parent.shared)
    return StartRow(
        tenant=record["tenant"],
        profile=record["profile"],
        purpose=record["purpose"],
        purpose_source=record["purpose_source"],
        scopes=frozenset(record["scopes"]),
        obtainable=frozenset(record["obtainable"]),
        budgets=budgets(record["budgets"], record.get("amounts", {})),
        max_refusals=record["max_refusals"],
        started_ms=record["started_ms"],
        expires_ms=record["expires_ms"],
        agent=agent,
        user=user,
        memory=memory,
        shared=tuple(one for one in dict.fromkeys(above) if one != memory),
        elders=() if parent is None else (record["parent"], *parent.elders),
        actors=() if parent is None else (parent.agent.id, *parent.actors),
        key=record.get("jkt", ""),
        certified="x5t" in record,
        purse=f"{record['tenant']} {agent.id} {user.id} {record['profile']}",
        window=budgets(window.get("budgets", {}), window.get("amounts", {})),
        subgrants=subgrants(record, record["started_ms"]),
        objects=record.get("objects", {}),
        window_objects=window.get("objects", {}),
        reattest_every=record.get("reattest_every"),
        reattest_on_refusals=record.get("reattest_on_refusals"),
        loops=Limits(**record["loops"]) if "loops" in record else None,
    )


def subgrants(record: Mapping[str, Any], from_ms: int) -> tuple[SubGrantRow, ...]:
    """The sub-grants that a record of kind `task` gives."""
    given = [msgspec.convert(one, SubGrant) for one in record.get("follow", ())]
    return tuple([SubGrantRow(one, from_ms + one.minutes * 60_000) for one in given])


def agent_facts(agent: Mapping[str, Any]) -> AgentFacts:
    """The agent, as a record of kind `task` describes it."""
    return AgentFacts(
        id=agent["id"],
        registered=True,
        tier=agent["tier"],
        zone=agent["zone"],
        attested_ms=agent["attested_ms"],
        stateless=agent["stateless"],
        approval_scopes=frozenset(agent["approval_scopes"]),
    )


def user_facts(user: Mapping[str, Any]) -> UserFacts:
    """The user, as a record of kind `task` describes them."""
    return UserFacts(
        id=user["id"],
        kind=user.get("kind", "person"),
        groups=tuple(user["groups"]),
        acr=user["acr"],
        amr=tuple(user.get("amr", ())),
        auth_time_s=user["auth_time_s"],
        device=tuple(user.get("device", ())),
        signed_in_ms=user.get("signed_in_ms", user["auth_time_s"] * 1000),
    )


def approval_row(record: Mapping[str, Any]) -> ApprovalRow:
    """The row of a record of kind `approval`, phase `requested`."""
    facts = ApprovalFacts(
        id=record["approval"],
        digest=record["digest"],
        state="pending",
        requested_ms=record["at_ms"],
        ttl_s=record["ttl_s"],
        sources=tuple(record["requires"]),
        labels=label_of(record["labels"]),
        parties=msgspec.convert(record.get("parties", ()), tuple[Party, ...]),
    )
    return ApprovalRow(
        facts,
        record["task"],
        wheres=tuple(record.get("wheres", ())),
        values=tuple(record.get("values", ())),
        until_ms=record["at_ms"] + record.get("wait_s", record["ttl_s"]) * 1000,
    )


def elevation_row(record: Mapping[str, Any], asked: ApprovalRow) -> ElevationRow:
    """The row of a record of kind `elevation`, phase `granted`, in answer to a question."""
    facts = Elevation(
        id=record["elevation"],
        tool=record["tool"],
        sources=asked.facts.sources,
        parties=asked.facts.parties,
        left=record["calls"],
        until_ms=record["until_ms"],
        labels=asked.facts.labels,
        steers={name: frozenset(values) for name, values in record["steers"].items()},
        most=record["most"],
        open=record["open"],
    )
    return ElevationRow(facts, asked.by, asked.keys)


def bypass_row(record: Mapping[str, Any]) -> Bypass:
    """The row of a record of kind `bypass`, phase `granted`."""
    return Bypass(
        id=record["bypass"],
        templates=frozenset(record["templates"]),
        until_ms=record["until_ms"],
        by=record["by"],
        party=msgspec.convert(record["party"], Party) if "party" in record else None,
        key=signed_with(record),
    )


def signed_with(record: Mapping[str, Any]) -> str:
    """The passkey that signed what a person said, if one did."""
    key: str = record.get("proof", {}).get("credential", "")
    return key


def passkey_row(record: Mapping[str, Any]) -> PasskeyRow:
    """The row of a record of kind `passkey`, phase `registered`."""
    return PasskeyRow(
        credential=record["credential"],
        user=record["user"],
        public_key=record["public_key"],
        aaguid=record["aaguid"],
        synced=record["synced"],
        sign_count=record["sign_count"],
        label=record["label"],
        registered_ms=record["at_ms"],
    )


def label_of(value: Mapping[str, Any]) -> Label:
    """The label that `safeconduct.core.record.label_value` wrote."""
    readers = value.get("readers")
    return Label(
        integrity=Integrity[value["integrity"]],
        confidentiality=Confidentiality[value["confidentiality"]],
        categories=frozenset(value["categories"]),
        readers=None if readers is None else frozenset(readers),
        tenants=frozenset(value.get("tenants", ())),
        regions=frozenset(value.get("regions", ())),
    )
