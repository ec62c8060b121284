"""Calls and facts that hypothesis makes up: most of them nearly permitted, so that each part of
what is known can be the one that decides.
"""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.core.asking import CONTROL_SOURCE
from safeconduct.core.checks.content import INSPECTOR
from safeconduct.core.checks.sink import RESOLVER
from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label
from safeconduct.core.manifest import Argument, Effect, FieldLabel, Returns, Rows, Sink
from safeconduct.core.model import (
    ApprovalFacts,
    Call,
    Facts,
    Finding,
    ZoneFacts,
)
from safeconduct.core.obligations import NO_DEMANDS, Constant, Constrain, Demands
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.provenance import Origin, Place
from tests.support import facts as world
from tests.support.facts import DIGEST, NOW_MS, OTHER_DIGEST

SCOPES = ("deal:update", "deal:delete", "mail:send")
BUDGETS = ("calls", *SCOPES)
SOURCES = ("policy:a", "policy:b", "scope:deal:update", "scope:mail:send", CONTROL_SOURCE)
ADDRESSES = ("dana@customer.example", "eve@evil.example")


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual value, and as often another."""
    return st.sampled_from((usual,) * len(others) + others)


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

slight_labels = st.one_of(
    st.builds(Label, integrity=st.sampled_from(Integrity)),
    st.builds(Label, confidentiality=st.sampled_from(Confidentiality)),
    st.builds(Label, categories=subsets(("pii", "pricing"))),
    st.builds(Label, readers=subsets(("sales", "legal"))),
)
"""Labels that rise in one dimension at most."""

labels = st.one_of(
    st.just(BOTTOM),
    st.builds(
        Label,
        integrity=st.sampled_from(Integrity),
        confidentiality=mostly(Confidentiality.public, Confidentiality.internal),
    ),
    slight_labels,
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

PLACED: tuple[Place, ...] = get_args(Place)
origins = st.lists(
    st.builds(
        Origin,
        mostly("user-request", "trusted-field", *PLACED),
        st.sampled_from(("", world.BODY, "crm.get_case:notes")),
    ),
    max_size=2,
).map(tuple)

_ADDRESSED = [f"{name}={value}" for name in ("to", "into") for value in ADDRESSES]
PLACES = ("id", "amount_minor", "next_step", "find", "to", "into", *_ADDRESSED)
"""What provenance is known of: arguments, and addresses one by one."""

LOBBY = ZoneFacts(id="lobby", egress=frozenset({"crm"}), deny=frozenset({"ftp"}))
CELLAR = ZoneFacts(
    id="cellar",
    egress=frozenset({"crm", "mail"}),
    deny=frozenset(),
    max_label=Confidentiality.public,
)

rules = st.builds(
    PolicyElevate, st.sampled_from("ab"), st.sampled_from("st"), st.sampled_from((60, 300))
)

obliged = st.builds(
    Demands,
    constrain=mostly(
        (),
        (Constrain(("id",), Constant("D-7")),),
        (Constrain(("account",), "task.tenant"),),
        (Constrain(("find", "owner"), "user.id"), Constrain(("find", "by"), "agent.id")),
        (Constrain(("id",), Constant("D-7")), Constrain(("id", "x"), Constant(1))),
        (Constrain(("owner",), "user.id"),),
    ),
    redact=mostly((), ("pii",)),
    spotlight=st.booleans(),
)
"""What rules demand: what a call has, what it lacks, what it contradicts, what it cannot have."""

policies: st.SearchStrategy[PolicyAnswer] = st.one_of(
    st.just(PolicyAnswer(permit=("all",))),
    st.builds(
        PolicyAnswer,
        elevate=st.lists(rules, min_size=1, max_size=2).map(tuple),
        demands=st.just(NO_DEMANDS) | obliged,
    ),
    st.builds(PolicyAnswer, permit=st.just(("all",)), demands=obliged),
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


near = st.sampled_from(({"id": "D-7"}, {}, {"next_step": "x"}, {"id": "D-7", "to": ADDRESSES[1]}))
near_calls: st.SearchStrategy[Call] = st.builds(world.call, near)


wanted_scopes = st.sampled_from(
    (frozenset({"deal:update"}), frozenset({"mail:send"}), frozenset(SCOPES))
)

ROOMS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "manifest": {
        "effect": st.sampled_from(tuple(Effect)),
        "unvouched": st.sampled_from(("ask", "follow")),
        "reversible": st.just(True),
        "scopes": st.sampled_from((("deal:update", "mail:send"), ("deal:delete",), ())),
        "sink": st.builds(
            Sink,
            categories_refused=mostly(("pricing",), ()),
            readers=st.sampled_from(((), ("sales",), ("sales", "legal"))),
        ),
        "returns": st.sampled_from(
            (
                Returns(fields={"x": FieldLabel(confidentiality="restricted")}),
                Returns(rows=Rows(at="rows", tenant="tenant_id")),
            )
        ),
        "arguments": st.just({"find": Argument(role="query", type="sql")}),
        "spotlight": st.just("delimit"),
    },
    "tool": {
        "manifest": st.none(),
        "pin": st.sampled_from(("unreviewed", "changed")),
        "destination": st.sampled_from(("mail", "ftp")),
        "clearance": st.sampled_from(Confidentiality),
        "source": wide_labels,
        "bound_to": st.sampled_from(("crm.example", "other.example")),
    },
    "task": {
        "tenant": st.just("other.example"),
        "purpose_source": st.sampled_from(("app", "agent")),
        "scopes": subsets(SCOPES),
        "obtainable": subsets(SCOPES),
        "budgets": st.dictionaries(st.sampled_from(BUDGETS), st.integers(0, 2)),
        "counts": st.builds(dict[str, int], calls=st.sampled_from((1, 9, 10, 11))),
        "refusals": st.integers(0, 4),
        "reattest_every": st.sampled_from((1, 3)),
        "unattested": st.integers(0, 4),
        "reattest_on_refusals": st.sampled_from((1, 3)),
        "suspect": st.integers(0, 4),
        "started_ms": st.sampled_from((NOW_MS, NOW_MS + 1)),
        "expires_ms": st.sampled_from((NOW_MS + 40_000, NOW_MS)),
        "labels": labels,
        "state": st.sampled_from(("ended", "revoked")),
    },
    "agent": {
        "registered": st.just(False),
        "approval_scopes": wanted_scopes,
    },
    "gathered": {
        "zone": st.sampled_from((LOBBY, CELLAR, None)),
        "token_expires_ms": st.sampled_from((NOW_MS + 30_000, NOW_MS)),
        "outcome_unknown": st.just(True),
    },
    "facts": {
        "policy": policies,
        "allowed": st.just(dict[str, frozenset[str]]()),
        "provenance": st.fixed_dictionaries({}, optional=dict.fromkeys(PLACES, origins)),
        "approval": approvals,
        "findings": findings,
        "failures": failures,
        "followed": st.just(world.followed()),
        "copied": st.sampled_from(Confidentiality),
    },
}
"""By room: what can be different about it."""

RESPECTS = [(room, name) for room, parts in ROOMS.items() for name in parts]


def changed(facts: Facts, room: str, changes: dict[str, Any]) -> Facts:
    """The facts with members of one room changed; of what is not there nothing changes."""
    if room == "facts":
        return replace(facts, **changes)
    known = facts.gathered
    if room == "gathered":
        return replace(facts, gathered=replace(known, **changes))
    if room == "manifest":
        if known.tool.manifest is None:
            return facts
        return changed(facts, "tool", {"manifest": replace(known.tool.manifest, **changes)})
    return changed(facts, "gathered", {room: replace(getattr(known, room), **changes)})


def base() -> Facts:
    """What permits every call that fits the tool."""
    return world.facts(
        task=world.task(scopes=frozenset(SCOPES[::2])),
        tool=world.tool(clearance=Confidentiality.restricted),
        provenance=dict.fromkeys(PLACES, world.ASKED),
        allowed={"recipients": frozenset(ADDRESSES[:1])},
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Call, Facts]:
    """A call, and facts that differ in one or in several respects from what would permit it."""
    most = draw(st.sampled_from((1, 1, 2, 6)))
    chosen = st.sampled_from(RESPECTS)
    respects = draw(st.lists(chosen, unique=True, min_size=1, max_size=most))
    call = draw(near_calls if len(respects) == 1 else calls)
    facts = base()
    for room, name in respects:
        facts = changed(facts, room, {name: draw(ROOMS[room][name])})
    return call, facts


OFF: dict[str, st.SearchStrategy[Any]] = {
    "digest": st.just(OTHER_DIGEST),
    "state": st.sampled_from(("pending", "denied")),
    "granted_ms": st.sampled_from((NOW_MS + 1, NOW_MS - 299_999, NOW_MS - 300_000)),
    "ttl_s": st.sampled_from((30, 31)),
    "sources": st.lists(st.sampled_from(SOURCES), max_size=4).map(tuple),
    "labels": labels,
}
"""How an answer can be off."""


@st.composite
def questions(draw: st.DrawFn) -> tuple[Call, Facts]:
    """What only a person decides: a call that is asked about, and an answer, maybe slightly off."""
    label = draw(st.sampled_from((BOTTOM, world.TAINTED, Label(categories=frozenset({"pii"})))))
    wanted = draw(st.sampled_from((frozenset[str](), frozenset({"deal:update"}))))
    answer = world.approval(sources=SOURCES, labels=label, ttl_s=300)
    name = draw(st.sampled_from((None, *sorted(OFF))))
    if name is not None:
        answer = replace(answer, **{name: draw(OFF[name])})
    known = world.facts(
        agent=world.agent(approval_scopes=wanted),
        task=world.task(labels=label),
        policy=draw(policies),
        provenance=draw(st.fixed_dictionaries({"id": origins})),
        approval=answer,
    )
    return world.call({"id": "D-7"}), known


@st.composite
def nearly_permitted(draw: st.DrawFn) -> tuple[Call, Facts]:
    """What only flow, the policy, a scope or a person decides."""
    call = draw(st.builds(world.call, st.sampled_from(({"id": "D-7"}, {}, {"next_step": "x"}))))
    known = world.facts(
        agent=world.agent(approval_scopes=draw(st.just(frozenset[str]()) | wanted_scopes)),
        task=world.task(labels=draw(labels)),
        tool=world.tool(
            clearance=draw(mostly(Confidentiality.restricted, *Confidentiality)),
            sink=Sink(
                readers=draw(st.sampled_from((("sales",), ("sales", "legal")))),
                categories_refused=("pricing",),
            ),
        ),
        policy=draw(policies),
        provenance=draw(st.fixed_dictionaries({"id": origins})),
        approval=draw(st.none() | approvals),
    )
    return call, known


@st.composite
def flows(draw: st.DrawFn) -> tuple[Call, Facts]:
    """What only labels and the sink decide."""
    known = world.facts(
        task=world.task(labels=draw(slight_labels)),
        tool=world.tool(
            effect=draw(st.sampled_from((Effect.read, Effect.send))),
            clearance=draw(st.sampled_from(Confidentiality)),
            sink=Sink(
                readers=draw(st.sampled_from((("sales",), ("sales", "legal")))),
                categories_refused=("pricing",),
            ),
        ),
        provenance=draw(st.fixed_dictionaries({"id": origins})),
    )
    return world.call({"id": "D-7"}), known


STEERED = {"id": "D-7", "next_step": "x", "to": ADDRESSES[1], "amount_minor": 5}
steered_arguments = st.fixed_dictionaries(
    {}, optional={name: st.just(value) for name, value in STEERED.items()}
)


@st.composite
def steered(draw: st.DrawFn) -> tuple[Call, Facts]:
    """A call of a tainted task, of which only the places of its values say who steers it."""
    arguments = draw(steered_arguments)
    usual = st.sampled_from((world.ASKED, (Origin("trusted-field", "crm.get_case:email"),)))
    provenance = {name: draw(usual | origins) for name in arguments}
    if "to" in arguments:
        provenance[f"to={arguments['to']}"] = provenance["to"]
    known = world.facts(
        task=world.task(labels=world.TAINTED, scopes=frozenset(SCOPES)),
        tool=world.tool(
            clearance=draw(mostly(Confidentiality.restricted, Confidentiality.public)),
            effect=draw(st.sampled_from(tuple(Effect))),
            unvouched=draw(st.sampled_from(("refuse", "ask", "follow"))),
            reversible=draw(st.booleans()),
        ),
        provenance=provenance,
        allowed=draw(
            st.sampled_from(({}, {"recipients": frozenset(ADDRESSES)})).map(dict[str, Any])
        ),
        followed=draw(st.sampled_from((None, None, world.followed()))),
        copied=draw(mostly(Confidentiality.public, Confidentiality.restricted)),
    )
    return world.call(arguments), known


anything = nearly_permitted() | questions() | situations() | situations() | steered()
