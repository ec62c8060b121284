"""The shape of the policy input: which members it has, and of which type. Pure.

`policy_input` builds it from facts; these structs are what schemas, tests of policies and their
checks read. No number is a float. Times end in `_ms`, or are in ms as their comment says.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from safeconduct.core.provenance import Place, PurposeSource


class _Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class SizesShape(_Shape, frozen=True, kw_only=True):
    """Bytes of the canonical arguments."""

    arguments: int


class CallShape(_Shape, frozen=True, kw_only=True):
    """What is asked, without the values of arguments. `tool` is `<upstream>.<name>`."""

    tool: str
    upstream: str
    effect: Literal["read", "write", "send", "delete", "execute", "pay"]
    scopes: tuple[str, ...]
    digest: str
    fields: tuple[str, ...]
    sizes: SizesShape


class AgentShape(_Shape, frozen=True, kw_only=True):
    """The workload that asks; `attested_at` in ms, 0 if unknown."""

    id: str
    tier: int
    zone: str
    attested_at: int
    stateless: bool


class UserShape(_Shape, frozen=True, kw_only=True):
    """The delegator; `auth_time` in seconds, 0 if unknown."""

    id: str
    kind: Literal["person", "workflow", "service"]
    groups: tuple[str, ...]
    acr: str | None
    amr: tuple[str, ...]
    auth_time: int
    device: tuple[str, ...]


class TaskShape(_Shape, frozen=True, kw_only=True):
    """The task; `started_at` in ms, `counts` are permitted calls so far, by budget."""

    id: str
    purpose_source: PurposeSource
    profile: str
    tenant: str
    started_at: int
    counts: dict[str, int]


class LabelsShape(_Shape, frozen=True, kw_only=True):
    """What the task has read; the last three are there only if something narrowed or named them."""

    integrity: Literal["trusted", "endorsed", "untrusted"]
    confidentiality: Literal["public", "internal", "confidential", "restricted"]
    categories: tuple[str, ...]
    readers: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    tenants: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    regions: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class ApprovalShape(_Shape, frozen=True, kw_only=True):
    """A person's yes to the call with this digest."""

    digest: str
    granted_at_ms: int


class PolicyInputShape(_Shape, frozen=True, kw_only=True):
    """The policy input.

    `provenance` has the kinds of place where each argument's value was seen; `facts` what resolvers
    found, of any type; `findings` the kinds of what inspectors found in the arguments, each once: a
    reason to refuse or to ask, never one to permit. `approval` is there only if a person said yes
    because a rule asked.
    """

    call: CallShape
    agent: AgentShape
    user: UserShape
    task: TaskShape
    labels: LabelsShape
    provenance: dict[str, tuple[Place, ...]]
    facts: dict[str, Any]
    findings: tuple[str, ...]
    approval: ApprovalShape | msgspec.UnsetType = msgspec.UNSET
    now_ms: int
