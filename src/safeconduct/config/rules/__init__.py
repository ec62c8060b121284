"""The rules that a configuration must obey beyond its shape, one module for each subject.

A rule looks at a draft and reports. What it cannot know, because the draft is not whole, it leaves
alone: a rule never reports what only follows from something missing elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from safeconduct.config.draft import Draft
from safeconduct.config.problem import Report
from safeconduct.config.rules.agents import agents, assignments, users
from safeconduct.config.rules.approvals import approvals
from safeconduct.config.rules.audit import index
from safeconduct.config.rules.authzen import authzen
from safeconduct.config.rules.clients import clients
from safeconduct.config.rules.credentials import credentials
from safeconduct.config.rules.exports import exports
from safeconduct.config.rules.gateway import gateway
from safeconduct.config.rules.inspectors import inspectors
from safeconduct.config.rules.issuers import issuers
from safeconduct.config.rules.limits import limits
from safeconduct.config.rules.manifests import manifests
from safeconduct.config.rules.policy import policy
from safeconduct.config.rules.scopes import scopes
from safeconduct.config.rules.signals import signals
from safeconduct.config.rules.tls import tls
from safeconduct.config.rules.upstreams import upstreams
from safeconduct.config.rules.workloads import attestors, workloads
from safeconduct.config.rules.zones import destinations, zones

Rule: TypeAlias = Callable[[Draft, Report], None]

RULES: Final[tuple[Rule, ...]] = (
    gateway,
    tls,
    issuers,
    agents,
    users,
    assignments,
    attestors,
    workloads,
    signals,
    clients,
    zones,
    destinations,
    scopes,
    limits,
    upstreams,
    credentials,
    manifests,
    inspectors,
    policy,
    approvals,
    authzen,
    exports,
    index,
)


def judge(draft: Draft, report: Report) -> None:
    """Ask every rule."""
    for rule in RULES:
        rule(draft, report)
