"""Facts from the system of record, fetched by the gateway itself (step 3).

A resolver's request is a read like any other: its tool must be reviewed and within the zone, and
what it carries out of the task must be vouched for, or be cleared for that tool. Otherwise the fact
is not to be had, and the call that needs it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any, Final, cast

import msgspec

from safeconduct.core.canonical import NotCanonical, canonical
from safeconduct.core.checks.zone import zone
from safeconduct.core.manifest import Resolver, ToolManifest
from safeconduct.core.model import Call, Gathered
from safeconduct.core.paths import TooManyValues, select
from safeconduct.core.provenance import Origin, normalise, vouched_for
from safeconduct.core.structured import own
from safeconduct.ports import (
    JSON,
    Broker,
    Catalogue,
    CredentialUnavailable,
    Errand,
    Upstream,
    UpstreamError,
    UpstreamFault,
)

RESOLVE_S: Final = 5.0
"""How long upstreams may take for all resolvers of one call together, in seconds."""

ARGUMENT: Final = "$.arguments."
"""How a resolver's argument names a value of the judged call."""

FACT_BYTES: Final = 4096
"""How large one resolved fact may be in the policy's input."""

METHOD: Final = "tools/call"

Provenance = Mapping[str, tuple[Origin, ...]]


class FactsUnavailable(Exception):
    """A resolver could not be asked, or answered nothing that can be used."""


class Resolved(msgspec.Struct, frozen=True):
    """Facts by name, allowed destinations by list, and by argument who says that it is on file."""

    facts: dict[str, Any] = {}
    allowed: dict[str, frozenset[str]] = {}
    on_file: dict[str, Origin] = {}


class Resolvers:
    """Asks the read tools that a manifest names."""

    def __init__(
        self, catalogue: Catalogue, upstreams: Mapping[str, Upstream], broker: Broker
    ) -> None:
        self._catalogue = catalogue
        self._upstreams = upstreams
        self._broker = broker

    async def resolve(
        self, call: Call, gathered: Gathered, manifest: ToolManifest, provenance: Provenance
    ) -> Resolved:
        """Everything the manifest asks for. Raises FactsUnavailable."""
        asked_for = {
            name: argument
            for name, argument in manifest.arguments.items()
            if argument.on_file is not None
            and call.arguments.get(name) is not None
            and not vouched_for(provenance.get(name, ()))
        }
        if not (manifest.resolvers or manifest.sink.allow or asked_for):
            return Resolved()
        known = {**self._catalogue.resolvers(call.upstream), **manifest.resolvers}
        facts: dict[str, Any] = {}
        allowed: dict[str, frozenset[str]] = {}
        ask = partial(self._ask, call, gathered, provenance, monotonic() + RESOLVE_S)
        for name, resolver in manifest.resolvers.items():
            facts[name] = _fact(await ask(resolver))
        for listed, allow in manifest.sink.allow.items():
            values: list[object] = list(allow.values)
            if allow.resolver is not None:
                values += await ask(known[allow.resolver])
            allowed[listed] = frozenset([text for value in values if (text := normalise(value))])
        on_file: dict[str, Origin] = {}
        for name, argument in asked_for.items():
            resolver = known[str(argument.on_file)]
            value = normalise(call.arguments[name], argument.role)
            if value and value in [normalise(one, argument.role) for one in await ask(resolver)]:
                on_file[name] = Origin("on-file", f"{resolver.tool}:{resolver.take}")
        return Resolved(facts, allowed, on_file)

    async def _ask(
        self,
        call: Call,
        gathered: Gathered,
        provenance: Provenance,
        until_s: float,
        resolver: Resolver,
    ) -> list[object]:
        upstream, _, tool = resolver.tool.rpartition(".")
        where = upstream or call.upstream
        judged = self._judge(call, gathered, resolver, where, tool, provenance)
        read = msgspec.structs.replace(call, method=METHOD, upstream=where, name=tool)
        left_s = until_s - monotonic()
        if left_s <= 0:
            raise FactsUnavailable
        try:
            arguments = {
                name: _filled(value, call.arguments) for name, value in resolver.arguments.items()
            }
            result = await self._upstreams[where].request(
                METHOD,
                {"name": tool, "arguments": arguments},
                owner=owner_of(gathered),
                credential=await self._broker.credential(Errand.of(read, judged)),
                timeout_s=left_s,
            )
            structured = result.get("structuredContent")
            if result.get("isError") is True or not isinstance(structured, dict):
                raise FactsUnavailable
            found = cast("JSON", structured)
            _keep_to_tenant(judged, found)
            return select(found, resolver.take)
        except (
            KeyError,
            TooManyValues,
            UpstreamFault,
            UpstreamError,
            CredentialUnavailable,
        ) as error:
            raise FactsUnavailable from error

    def _judge(
        self,
        call: Call,
        gathered: Gathered,
        resolver: Resolver,
        where: str,
        tool: str,
        provenance: Provenance,
    ) -> Gathered:
        """What is known of this request, if it may be made. Raises FactsUnavailable."""
        if self._catalogue.locate(METHOD, tool, where) is None:
            raise FactsUnavailable
        facts = self._catalogue.facts(METHOD, where, tool)
        if facts.pin != "reviewed" or facts.effect.changes_state:
            raise FactsUnavailable
        if not facts.keeps_to(gathered.task.tenant):
            raise FactsUnavailable
        judged = msgspec.structs.replace(gathered, tool=facts)
        if zone(call, judged) is not None:
            raise FactsUnavailable
        labels = gathered.task.labels
        if labels.has_sink and labels.confidentiality <= facts.clearance:
            return judged
        names = [
            value.removeprefix(ARGUMENT)
            for value in resolver.arguments.values()
            if isinstance(value, str) and value.startswith(ARGUMENT)
        ]
        if not all(vouched_for(provenance.get(name, ())) for name in names):
            raise FactsUnavailable
        return judged


def owner_of(gathered: Gathered) -> str:
    """The key of upstream session state: tenant, user and task."""
    return f"{gathered.tenant}|{gathered.user.id}|{gathered.task.id}"


def _filled(value: object, arguments: Mapping[str, Any]) -> object:
    """A resolver's argument: a constant, or a value of the judged call."""
    if isinstance(value, str) and value.startswith(ARGUMENT):
        return arguments[value.removeprefix(ARGUMENT)]
    return value


def _fact(values: list[object]) -> object:
    """One fact out of what a path reached. Raises FactsUnavailable unless it is exactly one."""
    if len(values) != 1:
        raise FactsUnavailable
    try:
        small = len(canonical(values[0])) <= FACT_BYTES
    except NotCanonical:
        small = False
    if not small or not _is_exact(values[0]):
        raise FactsUnavailable
    return values[0]


def _is_exact(value: object) -> bool:
    """Whether rules and records of any kind hold it alike: no fractions, and keys of one order."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return all(max(key, default="") <= "\uffff" for key in members) and all(
            map(_is_exact, members.values())
        )
    if isinstance(value, list):
        return all(map(_is_exact, cast("list[object]", value)))
    return not isinstance(value, float)


def _keep_to_tenant(judged: Gathered, structured: JSON) -> None:
    """What is another tenant's is no fact, whoever asked for it. Raises FactsUnavailable."""
    manifest = judged.tool.manifest
    rows = None if manifest is None else manifest.returns.rows
    if rows is not None and not own(structured, rows.at, rows.tenant, judged.task.tenant):
        raise FactsUnavailable
