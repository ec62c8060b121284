"""Calls and facts that hypothesis makes up: most of them nearly permitted, so that each part of
what is known can be the one that decides.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.core.checks.content import INSPECTOR
from safeconduct.core.checks.flow import CONTROL_SOURCE
from safeconduct.core.checks.sink import RESOLVER
from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label
from safeconduct.core.manifest import Effect, FieldLabel, Returns, Sink
from safeconduct.core.model import (
    AgentFacts,
    ApprovalFacts,
    Call,
    Facts,
    Finding,
    TaskFacts,
    ToolFacts,
    ZoneFacts,
)
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.provenance import Origin
from tests.support import facts as world
from tests.support.facts import DIGEST, NOW_MS, OTHER_DIGEST

SCOPES = ("deal:update", "deal:delete", "mail:send")
BUDGETS = ("calls", *SCOPES)
SOURCES = ("policy:a", "policy:b", "scope:deal:update", "scope:mail:send", CONTROL_SOURCE)
ADDRESSES = ("dana@customer.example", "eve@evil.example")


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual value, and as often another."""
    return st.sampled_from((usual,) * len(others) + others)


@st.composite
def altered(
    draw: st.DrawFn, base: Any, parts: dict[str, st.SearchStrategy[Any]], most: int = 2
) -> Any:
    """The base with a few of its members drawn anew."""
    names = draw(st.lists(st.sampled_from(sorted(parts)), unique=True, max_size=most))
    return replace(base, **{name: draw(parts[name]) for name in names})


def subsets(values: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values))


wide_labels = st.builds(
    Label,
    integrity=st.sampled_from(Integrity),
    confidentiality=st.sampled_from(Confidentiality),
    categories=subsets(("pii", "pricing")),
    readers=st.none() | subsets(("sales", "legal")),
    tenants=subsets(("a.example", "b.example")),
    regions=subsets(("eu", "us")),
)

labels = st.one_of(
    st.just(BOTTOM),
    st.builds(
        Label,
        integrity=st.sampled_from(Integrity),
        confidentiality=mostly(Confidentiality.public, Confidentiality.internal),
    ),
    wide_labels,
)

scalars = st.sampled_from(("D-7", *ADDRESSES, 7, "7", ""))

arguments = st.fixed_dictionaries(
    {},
    optional={
        "id": mostly("D-7", 7, True),
        "amount_minor": mostly(1, "1"),
        "next_step": st.sampled_from(("x", ["y", None])),
        "find": scalars,
        "to": st.sampled_from(ADDRESSES) | st.lists(st.sampled_from(ADDRESSES), max_size=2),
        "into": mostly(ADDRESSES[0], *ADDRESSES),
    },
) | mostly({}, {"id": "D-7"}, {"id": "D-7", "undeclared": 1})

calls: st.SearchStrategy[Call] = st.builds(world.call, arguments)

origins = st.lists(
    st.builds(
        Origin,
        st.sampled_from(
            ("user-request", "app-request", "agent-request", "trusted-field", "policy-constant")
        ),
    ),
    max_size=2,
).map(tuple)

manifests = altered(
    world.manifest(),
    {
        "effect": st.sampled_from((Effect.read, Effect.send)),
        "scopes": st.sampled_from((("deal:update", "mail:send"), ("deal:delete",), ())),
        "sink": st.builds(
            Sink,
            categories_refused=mostly(("pricing",), ()),
            readers=st.sampled_from(((), ("sales",), ("sales", "legal"))),
        ),
        "returns": st.just(Returns(fields={"x": FieldLabel(confidentiality="restricted")})),
        "spotlight": st.just("delimit"),
    },
)

tools: st.SearchStrategy[ToolFacts] = altered(
    world.tool(clearance=Confidentiality.restricted),
    {
        "manifest": manifests | manifests | manifests | st.none(),
        "pin": st.sampled_from(("unreviewed", "changed")),
        "destination": st.sampled_from(("mail", "ftp")),
        "clearance": st.sampled_from(Confidentiality),
        "source": wide_labels,
    },
)

tasks: st.SearchStrategy[TaskFacts] = altered(
    world.task(scopes=frozenset(SCOPES[::2])),
    {
        "tenant": st.just("other.example"),
        "purpose_source": st.sampled_from(("app", "agent")),
        "scopes": subsets(SCOPES),
        "obtainable": subsets(SCOPES),
        "budgets": st.dictionaries(st.sampled_from(BUDGETS), st.integers(0, 2)),
        "counts": st.dictionaries(st.sampled_from(BUDGETS), st.integers(0, 12)),
        "refusals": st.integers(0, 4),
        "started_ms": st.sampled_from((NOW_MS, NOW_MS + 1)),
        "expires_ms": st.sampled_from((NOW_MS + 40_000, NOW_MS)),
        "labels": labels,
        "state": st.sampled_from(("ended", "revoked")),
    },
    most=3,
)

agents: st.SearchStrategy[AgentFacts] = altered(
    world.agent(),
    {
        "registered": st.just(False),
        "approval_scopes": st.sampled_from(
            (frozenset({"deal:update"}), frozenset({"mail:send"}), frozenset(SCOPES))
        ),
    },
)

zones = mostly(
    ZoneFacts(id="office", egress=frozenset({"crm", "mail"}), deny=frozenset({"ftp"})),
    ZoneFacts(
        id="lobby",
        egress=frozenset({"crm"}),
        deny=frozenset(),
        max_label=Confidentiality.internal,
    ),
    None,
)

rules = st.builds(
    PolicyElevate, st.sampled_from("ab"), st.sampled_from("st"), st.sampled_from((60, 300))
)

policies: st.SearchStrategy[PolicyAnswer] = st.one_of(
    st.just(PolicyAnswer(permit=("all",))),
    st.builds(PolicyAnswer, elevate=st.lists(rules, min_size=1, max_size=2).map(tuple)),
    st.builds(
        PolicyAnswer,
        permit=mostly(("all",), ()),
        deny=mostly((), ("no",)),
        error=mostly(None, "broken"),
    ),
)

approvals: st.SearchStrategy[ApprovalFacts] = st.builds(
    world.approval,
    digest=mostly(DIGEST, OTHER_DIGEST),
    state=mostly("granted", "pending", "denied"),
    granted_ms=mostly(NOW_MS - 30_000, NOW_MS, NOW_MS + 1, NOW_MS - 60_000, NOW_MS - 300_000),
    ttl_s=st.sampled_from((60, 300)),
    sources=st.sampled_from((SOURCES, (), ("policy:a",), (CONTROL_SOURCE,), SOURCES[2:4])),
    labels=labels | st.just(Label(integrity=Integrity.untrusted)),
)

findings = st.lists(
    st.builds(
        Finding,
        st.sampled_from(("secret.token", "pii.email")),
        st.just(("next_step",)),
        st.just(0),
        st.integers(1, 9),
    ),
    max_size=2,
).map(tuple)

failures = st.lists(st.sampled_from((INSPECTOR, RESOLVER, "policy")), max_size=2).map(tuple)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Call, Facts]:
    """A call, and facts about it."""
    call = draw(calls)
    named = [*call.arguments, *(f"to={one}" for one in ADDRESSES), f"into={ADDRESSES[0]}"]
    known = altered(
        world.gathered(),
        {
            "agent": agents,
            "task": tasks,
            "tool": tools,
            "zone": zones,
            "token_expires_ms": st.sampled_from((NOW_MS + 30_000, NOW_MS)),
            "outcome_unknown": st.just(True),
        },
        most=4,
    )
    base = world.facts(
        provenance=dict.fromkeys(named, world.ASKED),
        allowed={"recipients": frozenset(ADDRESSES[:1])},
    )
    facts = altered(
        base,
        {
            "policy": policies,
            "allowed": st.just(dict[str, frozenset[str]]()),
            "provenance": st.fixed_dictionaries({}, optional=dict.fromkeys(named, origins)),
            "approval": approvals,
            "findings": findings,
            "failures": failures,
        },
        most=4,
    )
    return call, replace(draw(facts), gathered=draw(known))


@st.composite
def nearly_permitted(draw: st.DrawFn) -> tuple[Call, Facts]:
    """What only flow, the policy, a scope or a person decides."""
    call = draw(st.builds(world.call, st.sampled_from(({"id": "D-7"}, {}, {"next_step": "x"}))))
    known = world.facts(
        agent=draw(agents.filter(lambda one: one.registered)),
        task=world.task(labels=draw(labels)),
        tool=world.tool(
            clearance=Confidentiality.restricted,
            sink=Sink(readers=("sales",), categories_refused=("pricing",)),
        ),
        policy=draw(policies),
        provenance=draw(st.fixed_dictionaries({"id": origins})),
        approval=draw(st.none() | approvals),
    )
    return call, known


anything = nearly_permitted() | situations()
