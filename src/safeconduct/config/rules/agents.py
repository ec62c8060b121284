"""Agents, users and assignments: who may act for whom, and where."""

from __future__ import annotations

from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.config.schema import AgentFile, Assignment, Root
from safeconduct.config.shape import did_you_mean
from safeconduct.kit.yaml import Place


def agents(draft: Draft, report: Report) -> None:
    """Each agent stands once, in its own trust domain, with users and an audience by name."""
    first: dict[str, str] = {}
    for part in draft.agents:
        agent = part.value.agent
        if agent.spiffe_id in first:
            report.error(
                part.file,
                ("agent", "spiffe_id"),
                f"`{agent.spiffe_id}` is registered already in {first[agent.spiffe_id]}",
                "keep one registration",
            )
        first.setdefault(agent.spiffe_id, part.file.name)
        _trust_domain(draft.root, part, report)
        _delegation(part, report)


def _trust_domain(root: Part[Root] | None, part: Part[AgentFile], report: Report) -> None:
    agent = part.value.agent
    place = ("agent", "trust_domain")
    domain = agent.spiffe_id.removeprefix("spiffe://").partition("/")[0]
    if agent.trust_domain != domain:
        report.error(
            part.file,
            place,
            f"the trust domain `{agent.trust_domain}` is not that of `{agent.spiffe_id}`",
            f"write `{domain}`, or correct the SPIFFE ID",
        )
    elif root is not None and domain not in root.value.trust:
        report.error(
            part.file,
            place,
            f"nobody vouches for the trust domain `{domain}`",
            f"add it under `trust:` in {root.file.name}, with the keys of its issuer",
        )


def _delegation(part: Part[AgentFile], report: Report) -> None:
    delegation = part.value.agent.delegation
    place = ("agent", "delegation")
    if any(one.strip() in {"", "*"} for one in delegation.audiences or {""}):
        report.error(
            part.file,
            (*place, "audience"),
            "the delegation has no audience: tool tokens could go anywhere",
            "name the APIs that tool tokens for this agent may go to, one by one",
        )
    given = delegation.on_behalf_of
    for name in (given,) if isinstance(given, str) else given:
        if name.startswith("agent:spiffe://") and "*" not in name:
            continue
        if not name.startswith("user:") or name == "user:" or "*" in name:
            report.error(
                part.file,
                (*place, "on_behalf_of"),
                f"`{name}` names no user: users are named exactly, one by one",
                "write `user:` and the user's id, such as user:jane@crm.example",
            )
    if all(name.startswith("agent:") for name in ((given,) if isinstance(given, str) else given)):
        report.error(
            part.file, (*place, "on_behalf_of"), "nobody may delegate", "name at least one user"
        )


def users(draft: Draft, report: Report) -> None:
    """Users' ids stand without prefix."""
    for part in draft.users:
        for user in part.value.users:
            if user.startswith("user:"):
                report.error(
                    part.file,
                    ("users", user),
                    f"`{user}` is an id with a prefix",
                    f"write `{user.removeprefix('user:')}` here",
                )


def assignments(draft: Draft, report: Report) -> None:
    """An assignment names an agent, a zone of our tenant and profiles that exist."""
    root = draft.root
    if root is None:
        return
    for agent, assignment in root.value.assignments.items():
        place = ("assignments", agent)
        for index, profile in enumerate(assignment.profiles):
            if profile not in root.value.profiles:
                report.error(
                    root.file,
                    (*place, "profiles", index),
                    f"there is no profile `{profile}`",
                    did_you_mean(profile, root.value.profiles, "describe it under `profiles:`"),
                )
        if draft.whole:
            _agent_exists(draft, root, agent, report)
            _zone_fits(draft, root, (place, assignment), report)
    if draft.whole:
        _everyone_is_known(draft, root, report)


def _agent_exists(draft: Draft, root: Part[Root], agent: str, report: Report) -> None:
    known = [part.value.agent.spiffe_id for part in draft.agents]
    if agent not in known:
        report.error(
            root.file,
            ("assignments", agent),
            f"there is no agent `{agent}`",
            did_you_mean(agent, known, f"register it in {root.value.agents}"),
        )


def _zone_fits(
    draft: Draft, root: Part[Root], assigned: tuple[Place, Assignment], report: Report
) -> None:
    place, assignment = assigned
    zones = {zone.id: zone for part in draft.zones for zone in part.value.zones}
    zone = zones.get(assignment.zone)
    if zone is None:
        report.error(
            root.file,
            (*place, "zone"),
            f"there is no zone `{assignment.zone}`",
            did_you_mean(assignment.zone, zones, f"describe it in {root.value.zones}"),
        )
        return
    tenant = root.value.gateway.tenant
    if zone.tenant is not None and zone.tenant != tenant:
        report.error(
            root.file,
            (*place, "zone"),
            f"the zone `{zone.id}` belongs to `{zone.tenant}`, this gateway to `{tenant}`",
            "assign a zone of this tenant: one gateway serves one",
        )
    if zone.tier is not None and zone.tier != assignment.tier:
        report.error(
            root.file,
            (*place, "tier"),
            f"the zone `{zone.id}` has tier {zone.tier}, the assignment says {assignment.tier}",
            "make them equal, or leave the zone's out",
        )


def _everyone_is_known(draft: Draft, root: Part[Root], report: Report) -> None:
    known = {user for part in draft.users for user in part.value.users}
    for part in draft.agents:
        agent = part.value.agent
        if agent.spiffe_id not in root.value.assignments:
            report.warn(
                part.file,
                ("agent", "spiffe_id"),
                f"`{agent.spiffe_id}` has no zone, so it can do nothing",
                f"add it under `assignments:` in {root.file.name}",
            )
        for user in sorted(agent.delegation.users - known):
            report.warn(
                part.file,
                ("agent", "delegation", "on_behalf_of"),
                f"`{user}` is entitled to nothing, so nothing can be delegated",
                did_you_mean(user, known, f"add the user to {root.value.users.entitlements}"),
            )
