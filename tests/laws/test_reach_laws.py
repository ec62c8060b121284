"""Who reaches what, as the console shows it, is what the checks say of the calls themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.console.reach import Access, reaches
from safeconduct.core.checks.elevation import elevation
from safeconduct.core.labels import Confidentiality
from safeconduct.core.manifest import Argument, Effect, FieldLabel, Returns
from safeconduct.core.model import AgentFacts, ToolFacts
from safeconduct.core.screen import screen
from safeconduct.core.verdict import Deny, Elevate
from safeconduct.facts import zones
from safeconduct.ports import Catalogue
from tests.support import facts as world
from tests.support.strategies import mostly, subsets, wide_labels
from tests.support.worlds import AGENT, SCOPES, config

OTHER: Final = "spiffe://crm.example/agents/other"
TENANT: Final = "crm.example"
BASE: Final = config(Path("/nowhere"))
SAID: Final = {
    "definition-changed": "changed",
    "query-unbound": "query-unbound",
    "zone-denied": "zone-denied",
    "zone-label": "zone-label",
}
"""How the picture calls what the checks refuse for."""

some_scopes = subsets(SCOPES[:3])

tools: st.SearchStrategy[ToolFacts] = st.builds(
    world.tool,
    scopes=some_scopes.map(lambda scopes: tuple(sorted(scopes))),
    effect=st.sampled_from(Effect),
    arguments=mostly(
        {"id": Argument(role="object-id")}, {"find": Argument(role="query", type="sql")}
    ),
    returns=mostly(Returns(), Returns(fields={"x": FieldLabel(confidentiality="restricted")})),
    pin=mostly("reviewed", "unreviewed", "changed"),
    destination=st.sampled_from(("crm", "mail")),
    source=wide_labels,
    bearers=mostly(None, frozenset({AGENT}), frozenset({OTHER})),
    bound_to=mostly(TENANT, None, "other.example"),
)


@st.composite
def companies(draw: st.DrawFn) -> tuple[Config, dict[str, ToolFacts]]:
    """Two agents, one of whom may not be registered, with profiles, zones and tools."""
    agents = {
        name: replace(
            BASE.agents[AGENT],
            delegation=replace(
                BASE.agents[AGENT].delegation, scope=tuple(sorted(draw(some_scopes)))
            ),
            jit_approval_required=tuple(sorted(draw(some_scopes))),
        )
        for name in draw(mostly((AGENT, OTHER), (AGENT,)))
    }
    profile, assigned = BASE.root.profiles["triage"], BASE.root.assignments[AGENT]
    root = replace(
        BASE.root,
        profiles={
            name: replace(profile, scopes=tuple(sorted(draw(some_scopes)))) for name in "abc"
        },
        assignments={
            name: replace(
                assigned,
                zone=draw(mostly("office", "nowhere")),
                profiles=tuple(sorted(draw(subsets(("a", "b", "c"))))),
            )
            for name in (AGENT, OTHER)
        },
    )
    office = replace(
        BASE.zones["office"],
        egress=draw(mostly(("crm", "mail"), ("crm",))),
        deny=draw(mostly((), ("mail",))),
        max_label=draw(st.sampled_from(Confidentiality)).name,
    )
    offered = {
        f"tool_{number}": one for number, one in enumerate(draw(st.lists(tools, max_size=6)))
    }
    said = {name: one.manifest for name, one in offered.items() if one.manifest is not None}
    manifests = {"crm": replace(BASE.manifests["crm"], tools=said)}
    changed: dict[str, Any] = {"agents": agents, "zones": {"office": office}}
    return replace(BASE, root=root, manifests=manifests, **changed), offered


class Offered:
    """A catalogue of these tools (`safeconduct.ports.Catalogue`)."""

    def __init__(self, tools: dict[str, ToolFacts]) -> None:
        self._tools = tools

    def facts(self, _method: str, _upstream: str, name: str) -> ToolFacts:
        return self._tools[name]


def decided(company: Config, agent: str, profile: str, tool: ToolFacts) -> str | None:
    """What the checks say of a call in a task with all that this profile lets the agent have: how
    the picture has to call it, or None where the task has no such tool.
    """
    registered, assigned = company.agents.get(agent), company.root.assignments[agent]
    own = () if registered is None else registered.delegation.scope
    asked = () if registered is None else registered.jit_approval_required
    scopes = {*own, *asked}.intersection(company.root.profiles[profile].scopes)
    known = world.facts(
        agent=AgentFacts(
            id=agent,
            registered=registered is not None,
            tier=assigned.tier,
            zone=assigned.zone,
            attested_ms=world.NOW_MS,
            approval_scopes=frozenset(asked),
        ),
        task=world.task(scopes=frozenset(scopes), obtainable=frozenset(scopes)),
        zone=zones(company).get(assigned.zone),
        tool=tool,
    )
    call = world.call({})
    refused = screen(call, known.gathered)
    if refused is not None:
        assert isinstance(refused.verdict, Deny)
        code = refused.verdict.code
        return None if code in {"tool-unknown", "agent-unregistered"} else SAID[code]
    return "asks" if isinstance(elevation(call, known), Elevate) else "open"


@settings(max_examples=300)
@given(companies())
def test_what_is_shown_of_a_tool_is_what_the_checks_say_of_a_call(
    made: tuple[Config, dict[str, ToolFacts]],
) -> None:
    company, offered = made
    shown: dict[tuple[str, str], Access] = {}
    for one in reaches(company, cast("Catalogue", Offered(offered))):
        shown |= {(one.agent, access.tool): access for access in one.accesses}
    for agent, assigned in company.root.assignments.items():
        for name, tool in offered.items():
            access = shown.pop((agent, name), None)
            ways = {
                profile: way
                for profile in assigned.profiles
                if (way := decided(company, agent, profile, tool)) is not None
            }
            if access is None:
                assert not ways
                continue
            assert (access.effect, access.profiles) == (tool.effect, tuple(ways))
            assert {*ways.values()} == {access.way}
    assert not shown
