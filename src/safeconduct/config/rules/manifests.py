"""Manifests: what they refer to exists, so that no check waits for a fact that never comes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.config.shape import did_you_mean
from safeconduct.core.manifest import CONTROL_ROLES, SQL, Effect, Manifest, Resolver, ToolManifest
from safeconduct.kit.yaml import Place

_PIN = re.compile(r"sha256:[0-9a-f]{64}")
_ARGUMENT: Final = "$.arguments."
_LISTS: Final = {"recipient": "recipients", "destination": "destinations"}


def manifests(draft: Draft, report: Report) -> None:
    """Each manifest is of the upstream that names it, and refers to what exists."""
    known = {name: part.value for name, part in draft.manifests.items()}
    for name, part in draft.manifests.items():
        if draft.root is not None and part.value.upstream != name:
            report.error(
                part.file,
                ("upstream",),
                f"this manifest is of `{part.value.upstream}`, but `{name}` names it",
                f"write `upstream: {name}`, or correct `upstreams:`",
            )
        one = _Manifest(part, known if draft.whole else None, _bound(draft, name), report)
        for resolver, said in part.value.resolvers.items():
            one.resolver_tool(("resolvers", resolver), said)
        for tool, manifest in part.value.tools.items():
            one.tool(tool, manifest)


class _Manifest:
    """`known` are all manifests, or None when there may be others; `bound` says whether the
    upstream's credential is, to a tenant.
    """

    def __init__(
        self,
        part: Part[Manifest],
        known: Mapping[str, Manifest] | None,
        bound: bool,  # noqa: FBT001  not a switch: a fact
        report: Report,
    ) -> None:
        self._part = part
        self._known = known
        self._bound = bound
        self._report = report

    def _error(self, place: Place, sentence: str, fix: str) -> None:
        self._report.error(self._part.file, place, sentence, fix)

    def tool(self, name: str, tool: ToolManifest) -> None:
        place = ("tools", name)
        if tool.pin is not None and not _PIN.fullmatch(tool.pin):
            self._error(
                (*place, "pin"),
                f"the pin of `{name}` is not a digest",
                "write `sha256:` and 64 lower case hexadecimal digits",
            )
        for resolver, said in tool.resolvers.items():
            where = (*place, "resolvers", resolver)
            self.resolver_tool(where, said)
            self._resolver_arguments(where, said, tool)
        self._queries(place, name, tool)
        self._amounts(place, tool)
        self._rows(place, tool)
        self._lists(place, name, tool)
        self._vouching(place, tool)
        self._thresholds(place, tool)

    def resolver_tool(self, place: Place, resolver: Resolver) -> None:
        """The tool of a resolver is a read tool that some manifest describes."""
        upstream, _, name = resolver.tool.rpartition(".")
        if upstream in {"", self._part.value.upstream}:
            manifest: Manifest | None = self._part.value
        elif self._known is None:
            return
        else:
            manifest = self._known.get(upstream)
        tools = {} if manifest is None else manifest.tools
        if name not in tools:
            self._error(
                (*place, "tool"),
                f"no manifest describes the tool `{resolver.tool}`",
                did_you_mean(name, tools, "describe it, with the effect `read`"),
            )
        elif tools[name].effect is not Effect.read:
            self._error(
                (*place, "tool"),
                f"`{resolver.tool}` is not a read tool: asking it would change something",
                "take the fact from a tool with the effect `read`",
            )

    def _resolver_arguments(self, place: Place, resolver: Resolver, tool: ToolManifest) -> None:
        for argument, value in resolver.arguments.items():
            if not isinstance(value, str) or not value.startswith("$"):
                continue
            name = value.removeprefix(_ARGUMENT)
            if not value.startswith(_ARGUMENT) or name not in tool.arguments:
                self._error(
                    (*place, "arguments", argument),
                    f"`{value}` is no argument of this tool",
                    did_you_mean(
                        name, tool.arguments, f"write `{_ARGUMENT}` and one of its arguments"
                    ),
                )

    def _queries(self, place: Place, name: str, tool: ToolManifest) -> None:
        for argument, said in tool.arguments.items():
            where = (*place, "arguments", argument, "type")
            is_sql, is_query = said.type == SQL, said.role == "query"
            if said.type is None or not (is_sql or is_query):
                continue
            if not (is_sql and is_query):
                self._error(
                    where,
                    f"`{argument}` is a {said.role} of the type `{said.type}`",
                    f"free SQL is {{role: query, type: {SQL}}}; no other query has a type",
                )
            elif not self._bound:
                self._report.warn(
                    self._part.file,
                    where,
                    f"`{name}` takes free SQL with a credential that is not bound to a tenant, so "
                    "every call of it is refused",
                    "use a database role that sees one tenant's rows alone, and say so at the "
                    "upstream's `credential`: `tenant: NAME`",
                )

    def _amounts(self, place: Place, tool: ToolManifest) -> None:
        for argument, said in tool.arguments.items():
            where = (*place, "arguments", argument)
            if said.decimals and said.role != "amount":
                self._error(
                    (*where, "decimals"),
                    f"`{argument}` has the role {said.role}, and only an amount has digits after a "
                    "point",
                    "leave out `decimals`, or write `role: amount`",
                )
            if said.above_bps and said.role != "amount":
                self._error(
                    (*where, "above_bps"),
                    f"`{argument}` has the role {said.role}, and only an amount can be above "
                    "another",
                    "leave out `above_bps`, or write `role: amount`",
                )
            if tool.effect is Effect.pay and said.needs == "any" and said.role in CONTROL_ROLES:
                self._error(
                    (*where, "needs"),
                    f"anything may stand in `{argument}`, which steers what is paid",
                    "leave out `needs`: it then needs a voucher",
                )

    def _thresholds(self, place: Place, tool: ToolManifest) -> None:
        for index, one in enumerate(tool.asks):
            where = (*place, "asks", index)
            bounds = [bound for bound in (one.above, one.items, one.calls) if bound is not None]
            if len(bounds) != 1 or (one.calls is None) == (one.argument is None):
                self._error(
                    where,
                    "a threshold of more than one thing, or of none",
                    "write `argument` with `above` or `items`, or `calls` alone",
                )
            elif one.argument is not None and one.argument not in tool.arguments:
                fix = did_you_mean(one.argument, tool.arguments, "name an argument of the tool")
                self._error((*where, "argument"), f"there is no argument `{one.argument}`", fix)

    def _rows(self, place: Place, tool: ToolManifest) -> None:
        rows, owned = tool.returns.rows, tool.returns.owned
        if rows is not None and "*" in (*rows.at.split("."), *rows.tenant.split(".")):
            self._error(
                (*place, "returns", "rows"),
                "the path of rows, or of their tenant, has a `*`",
                "name the list itself, and one field of each of its rows",
            )
        vouching = {_row(path) for path, said in tool.returns.fields.items() if said.vouches_for}
        if owned is not None and owned.at not in vouching:
            self._error(
                (*place, "returns", "owned"),
                f"no field that vouches stands in a row at `{owned.at}`, so nobody's ids are kept "
                "from vouching",
                did_you_mean(
                    owned.at, vouching, "write the path of a field that vouches, to its last `*`"
                ),
            )

    def _lists(self, place: Place, name: str, tool: ToolManifest) -> None:
        lists = [
            ((*place, "sink", "allow", listed, "resolver"), allow.resolver)
            for listed, allow in tool.sink.allow.items()
        ] + [
            ((*place, "arguments", argument, "on_file"), said.on_file)
            for argument, said in tool.arguments.items()
        ]
        shared = self._part.value.resolvers
        for where, resolver in lists:
            if resolver is None:
                continue
            if resolver in shared and resolver not in tool.resolvers:
                self._resolver_arguments(where, shared[resolver], tool)
            elif resolver not in tool.resolvers:
                self._error(
                    where,
                    f"there is no resolver `{resolver}`",
                    did_you_mean(
                        resolver,
                        [*tool.resolvers, *shared],
                        "describe it under `resolvers:` of the tool or of the manifest",
                    ),
                )
        for argument, role in _addresses(tool):
            if _LISTS[role] not in tool.sink.allow:
                self._report.warn(
                    self._part.file,
                    (*place, "arguments", argument),
                    f"nobody is on file for `{argument}` of `{name}`: only addresses that the "
                    "user or a vouching field gave will pass",
                    f"add `sink: {{allow: {{{_LISTS[role]}: ...}}}}` if that is not meant",
                )

    def _vouching(self, place: Place, tool: ToolManifest) -> None:
        source = tool.returns.source.integrity
        for path, field in tool.returns.fields.items():
            if field.vouches_for and (field.integrity or source) != "trusted":
                self._error(
                    (*place, "returns", "fields", path, "vouches_for"),
                    f"`{path}` is not trusted, so it vouches for nothing",
                    "make the field `integrity: trusted` if only the system writes it",
                )


def _row(path: str) -> str:
    """The path of the row that a field stands in: the innermost element that holds it."""
    parts = path.removeprefix("$").removeprefix(".").split(".")
    stars = [place for place, part in enumerate(parts) if part == "*"]
    return ".".join(parts[: stars[-1] + 1]) if stars else "$"


def _bound(draft: Draft, upstream: str) -> bool:
    """Whether an upstream's credential is bound to a tenant, as far as is known."""
    block = None if draft.root is None else draft.root.value.upstreams.get(upstream)
    return block is None or block.credential.tenant is not None


def _addresses(tool: ToolManifest) -> Iterator[tuple[str, str]]:
    if tool.effect.changes_state:
        for name, argument in tool.arguments.items():
            if argument.role in _LISTS:
                yield name, argument.role
