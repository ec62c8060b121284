"""Scopes: every one that is named somewhere is registered, exactly as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report, YamlFile
from safeconduct.config.schema import Profile, Root, Window
from safeconduct.config.shape import did_you_mean
from safeconduct.core.limits import CALLS
from safeconduct.kit.yaml import Place

_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749 section 3.3: what can stand in a token's space-separated scope."""

_OFFERS = frozenset({"tools", "resources", "prompts"})


def scopes(draft: Draft, report: Report) -> None:
    """Scopes that are named are registered; scopes that are registered fit into a token."""
    root = draft.root
    if root is None:
        return
    registered = root.value.scopes
    for scope in registered:
        if not _TOKEN.fullmatch(scope) or scope == CALLS:
            report.error(
                root.file,
                ("scopes", scope),
                f"`{scope}` cannot be a scope",
                f"use printable ASCII without spaces, quotes and backslashes, and not `{CALLS}`",
            )
    register = f"register it under `scopes:` in {root.file.name}"
    for file, place, scope in _named(draft, root):
        if scope not in registered:
            report.error(
                file,
                place,
                f"the scope `{scope}` is not registered",
                # Whoever holds a scope that stands already could call the tool that asked for it.
                register if place[0] in _OFFERS else did_you_mean(scope, registered, register),
            )


def _named(draft: Draft, root: Part[Root]) -> Iterator[tuple[YamlFile, Place, str]]:
    for name, profile in root.value.profiles.items():
        inside = ("profiles", name)
        yield from _listed(root.file, (*inside, "scopes"), profile.scopes)
        yield from _limited(root.file, inside, profile)
        if profile.window is not None:
            yield from _limited(root.file, (*inside, "window"), profile.window)
    for agent in draft.agents:
        block = agent.value.agent
        yield from _listed(agent.file, ("agent", "delegation", "scope"), block.delegation.scope)
        yield from _listed(
            agent.file, ("agent", "jit_approval_required"), block.jit_approval_required
        )
    for users in draft.users:
        for user, entry in users.value.users.items():
            yield from _listed(users.file, ("users", user, "scopes"), entry.scopes)
    for manifest in draft.manifests.values():
        said = manifest.value
        for kind, offers in (
            ("tools", said.tools),
            ("resources", said.resources),
            ("prompts", said.prompts),
        ):
            for name, offer in offers.items():
                yield from _listed(manifest.file, (kind, name, "scopes"), offer.scopes)


def _limited(
    file: YamlFile, inside: Place, limited: Profile | Window
) -> Iterator[tuple[YamlFile, Place, str]]:
    for budget in limited.budgets:
        if budget != CALLS:
            yield file, (*inside, "budgets", budget), budget
    for scope in limited.amounts:
        yield file, (*inside, "amounts", scope), scope
    for scope in limited.objects:
        yield file, (*inside, "objects", scope), scope


def _listed(
    file: YamlFile, place: Place, named: tuple[str, ...]
) -> Iterator[tuple[YamlFile, Place, str]]:
    for index, scope in enumerate(named):
        yield file, (*place, index), scope
