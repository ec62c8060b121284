"""Zones and destinations: what an agent's surroundings let through."""

from __future__ import annotations

from safeconduct.config.draft import Draft
from safeconduct.config.problem import Report
from safeconduct.config.shape import did_you_mean


def zones(draft: Draft, report: Report) -> None:
    """Each zone stands once and lists what it lets out, by names that denote something.

    A name in `deny` may denote nothing: what does not exist cannot be reached either.
    """
    first: dict[str, str] = {}
    for part in draft.zones:
        for index, zone in enumerate(part.value.zones):
            place = ("zones", index)
            if zone.id in first:
                report.error(
                    part.file,
                    (*place, "id"),
                    f"the zone `{zone.id}` is described already in {first[zone.id]}",
                    "keep one description",
                )
            first.setdefault(zone.id, part.file.name)
            if not zone.egress:
                report.error(
                    part.file,
                    (*place, "egress"),
                    f"the zone `{zone.id}` has an empty egress list",
                    "name every destination that agents in this zone may reach",
                )
            for number, name in enumerate(zone.egress):
                if "*" in name:
                    report.error(
                        part.file,
                        (*place, "egress", number),
                        f"`{name}` is a pattern: names in `egress` match exactly",
                        "name each destination",
                    )
                elif name in zone.deny:
                    report.error(
                        part.file,
                        (*place, "egress", number),
                        f"`{name}` stands in `egress` and in `deny`",
                        "keep one of them",
                    )
    _names_denote(draft, report)


def _names_denote(draft: Draft, report: Report) -> None:
    if draft.root is None:
        return
    root = draft.root.value
    known = set(root.destinations)
    known.update(block.destination or name for name, block in root.upstreams.items())
    for part in draft.zones:
        for index, zone in enumerate(part.value.zones):
            for number, name in enumerate(zone.egress):
                if name not in known and "*" not in name:
                    report.warn(
                        part.file,
                        ("zones", index, "egress", number),
                        f"`{name}` denotes no destination and no upstream",
                        did_you_mean(name, known, "describe it under `destinations:`"),
                    )


def destinations(draft: Draft, report: Report) -> None:
    """Endpoints are single hosts; paths begin at the root."""
    root = draft.root
    if root is None:
        return
    for name, endpoints in root.value.destinations.items():
        for index, endpoint in enumerate(endpoints):
            place = ("destinations", name, index)
            if not endpoint.host or set(endpoint.host) & set("*/@ "):
                report.error(
                    root.file,
                    (*place, "host"),
                    f"`{endpoint.host}` is not one host",
                    "write a host name or an address, nothing else",
                )
            for number, path in enumerate(endpoint.paths):
                if not path.startswith("/"):
                    report.error(
                        root.file,
                        (*place, "paths", number),
                        f"the path `{path}` does not begin with `/`",
                        "write it from the root of the host",
                    )
