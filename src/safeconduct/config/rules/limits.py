"""Limits of task profiles on amounts and objects: what they limit is said by calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from safeconduct.config.draft import Draft
from safeconduct.config.problem import Report
from safeconduct.config.schema import Profile, Window
from safeconduct.core.limits import NAMING
from safeconduct.core.manifest import Effect, Role, ToolManifest
from safeconduct.kit.yaml import Place

_AMOUNT: Final = frozenset[Role]({"amount"})


def limits(draft: Draft, report: Report) -> None:
    """A limit that nothing counts against limits nothing; a payment has an amount to count."""
    root = draft.root
    if root is None or not draft.whole:
        return
    tools = {
        f"{part.value.upstream}.{name}": tool
        for part in draft.manifests.values()
        for name, tool in part.value.tools.items()
    }
    for place, scope, roles in _limited(root.value.profiles):
        using = {name: tool for name, tool in tools.items() if scope in tool.scopes}
        silent = [name for name, tool in using.items() if not _says(tool, roles)]
        if len(silent) == len(using):
            report.error(
                root.file,
                place,
                f"no tool of the scope `{scope}` says what counts against this limit",
                f"give an argument of one the role {' or '.join(sorted(roles))}",
            )
            continue
        for name in silent:
            if roles is _AMOUNT and using[name].effect is Effect.pay:
                report.error(
                    root.file,
                    place,
                    f"`{name}` pays and says no amount, so that it would always be refused",
                    "give its argument that says how much the role amount",
                )


def _limited(profiles: Mapping[str, Profile]) -> Iterator[tuple[Place, str, frozenset[Role]]]:
    for name, profile in profiles.items():
        yield from _limits(("profiles", name), profile)
        if profile.window is not None:
            yield from _limits(("profiles", name, "window"), profile.window)


def _limits(
    inside: Place, limited: Profile | Window
) -> Iterator[tuple[Place, str, frozenset[Role]]]:
    for scope in limited.amounts:
        yield (*inside, "amounts", scope), scope, _AMOUNT
    for scope in limited.objects:
        yield (*inside, "objects", scope), scope, NAMING


def _says(tool: ToolManifest, roles: frozenset[Role]) -> bool:
    return any(argument.role in roles for argument in tool.arguments.values())
