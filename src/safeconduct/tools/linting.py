"""Doubts about manifests: what is allowed, and yet is rarely meant.

Whoever means it says so: a comment with the word `because`, in the line or above it, settles it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.core.labels import Confidentiality
from safeconduct.core.manifest import (
    ADDRESS_ROLES,
    CONTROL_ROLES,
    Argument,
    Effect,
    FieldLabel,
    Manifest,
    Role,
    ToolManifest,
)
from safeconduct.kit.yaml import Place
from safeconduct.tools.inference import nouns
from safeconduct.tools.inference.verbs import of_name, strictest
from safeconduct.tools.inference.vocabulary import STRICTNESS
from safeconduct.tools.inference.words import split, these

_BECAUSE: Final = re.compile(r"#.*\bbecause\b", re.IGNORECASE)

_ANYBODYS: Final = these(
    "body comment content description from message note reply reply_to sender snippet subject "
    "summary text title"
)
"""Fields that whoever writes a mail, an issue or an event fills in."""


class Doubt(msgspec.Struct, frozen=True):
    """Something doubtful at a place of a manifest."""

    place: Place
    sentence: str
    fix: str


def doubts(draft: Draft, report: Report) -> None:
    """Reports what is doubtful in the manifests of a draft, and nobody gave a reason for."""
    given: set[tuple[Role, str | None]] = {
        (role, field.type)
        for part in draft.manifests.values()
        for tool in part.value.tools.values()
        for field in tool.returns.fields.values()
        for role in field.vouches_for
    }
    zones = [zone.max_label for part in draft.zones for zone in part.value.zones]
    most = max((Confidentiality[one] for one in zones), default=None) if draft.whole else None
    asked = set(_asked(part.value for part in draft.manifests.values()))
    for part in draft.manifests.values():
        for name, tool in part.value.tools.items():
            if f"{part.value.upstream}.{name}" in asked and not tool.scopes:
                continue  # it is there for the gateway alone
            for doubt in _Tool(name, tool, given, most).doubts():
                place = ("tools", name, *doubt.place)
                if not _settled(part, place):
                    report.warn(part.file, place, doubt.sentence, doubt.fix)


def _asked(manifests: Iterable[Manifest]) -> Iterator[str]:
    """The tools that the gateway asks for facts."""
    for manifest in manifests:
        of_tools = (one for tool in manifest.tools.values() for one in tool.resolvers.values())
        for resolver in (*manifest.resolvers.values(), *of_tools):
            upstream, _, name = resolver.tool.rpartition(".")
            yield f"{upstream or manifest.upstream}.{name}"


def _settled(part: Part[Manifest], place: Place) -> bool:
    lines = part.file.text.splitlines()
    number = part.file.document.line(place) - 1
    above = lines[number - 1].strip() if number else ""
    said = lines[number] + (above if above.startswith("#") else "")
    return bool(_BECAUSE.search(said))


class _Tool:
    def __init__(
        self,
        name: str,
        tool: ToolManifest,
        given: set[tuple[Role, str | None]],
        most: Confidentiality | None,
    ) -> None:
        self._name = name
        self._tool = tool
        self._given = given
        self._most = most

    def doubts(self) -> Iterator[Doubt]:
        yield from self._effect()
        yield from self._steering()
        for name, argument in self._tool.arguments.items():
            yield from self._argument(name, argument)
        for path, field in self._tool.returns.fields.items():
            yield from self._field(path, field)
        yield from self._sink()

    def _effect(self) -> Iterator[Doubt]:
        tool = self._tool
        verb = strictest(of_name(self._name, ()))
        if verb is not None and STRICTNESS[verb.effect] > STRICTNESS[tool.effect]:
            yield Doubt(
                ("effect",),
                f"`{self._name}` has the effect `{tool.effect.value}` and the name of one that "
                f"has `{verb.effect.value}`",
                f"write `effect: {verb.effect.value}`, or a comment: {tool.effect.value} because …",
            )
        if not tool.scopes:
            yield Doubt(
                ("scopes",), f"`{self._name}` has no scope, so nobody can call it", "add one"
            )
        final = tool.effect in (Effect.delete, Effect.execute, Effect.pay)
        if tool.unvouched != "refuse" and final:
            yield Doubt(
                ("unvouched",),
                f"a call that nobody vouches for may pass, and its effect is `{tool.effect.value}`",
                "leave it out: such a call is refused",
            )
        if tool.reversible and final:
            yield Doubt(
                ("reversible",),
                f"the effect `{tool.effect.value}` is said to be reversible to whoever approves it",
                "leave it out, or say in a comment how it is undone: because …",
            )

    def _steering(self) -> Iterator[Doubt]:
        tool = self._tool
        roles = {argument.role for argument in tool.arguments.values()}
        vouched = any(argument.needs == "vouched" for argument in tool.arguments.values())
        if tool.effect.changes_state and not vouched and not roles & CONTROL_ROLES:
            says = "content only" if roles else "no argument"
            yield Doubt(
                ("arguments",),
                f"`{self._name}` changes something and has {says}, so nothing that untrusted "
                "content steers is refused",
                "give what chooses an object, a place, a person or a sum its role",
            )
        if tool.effect is Effect.pay and not roles & {"amount", "object-id"}:
            yield Doubt(
                ("arguments",),
                f"`{self._name}` pays, and no argument says how much or for what",
                "give the sum the role `amount`",
            )

    def _argument(self, name: str, argument: Argument) -> Iterator[Doubt]:
        place, tool = ("arguments", name), self._tool
        steers = argument.role in CONTROL_ROLES
        other = tool.effect.changes_state and tool.effect is not Effect.pay
        if argument.needs == "any" and steers and other:
            yield Doubt(
                (*place, "needs"),
                f"anything may stand in `{name}`, which steers a call that changes something",
                "leave out `needs`: it then needs a voucher",
            )
        if not argument.selects and (steers or tool.effect.changes_state):
            why = "steers the call" if steers else "is of a call that changes something"
            yield Doubt(
                (*place, "selects"),
                f"`{name}` is said to choose nothing, and {why}",
                "leave out `selects`",
            )
        known = argument.type is None or (argument.role, argument.type) in self._given
        if steers and not known and tool.effect.changes_state:
            yield Doubt(
                (*place, "type"),
                f"no field vouches for the role {argument.role} and the type `{argument.type}`, so "
                f"only the request can name `{name}`",
                f"say so at the field that has it: {{vouches_for: [{argument.role}], "
                f"type: {argument.type}}}",
            )
        words = split(name)
        private = nouns.secret(words) or nouns.widens(words)
        if tool.effect.changes_state and private and not steers and argument.needs is None:
            yield Doubt(
                place,
                f"`{name}` looks like a secret or a permission, and content may set it",
                "add `needs: vouched`",
            )

    def _field(self, path: str, field: FieldLabel) -> Iterator[Doubt]:
        place = ("returns", "fields", path)
        name = path.removesuffix(".*").rpartition(".")[2]
        steering = CONTROL_ROLES.intersection(field.vouches_for)
        if steering and field.when == "always" and name.lower() in _ANYBODYS:
            yield Doubt(
                place,
                f"`{path}` vouches, and is named like what anybody can write",
                "let a field vouch that only the system writes, or add `when: named`",
            )
        for role in sorted(set(field.vouches_for) - steering):
            yield Doubt(
                (*place, "vouches_for"),
                f"`{path}` vouches for the role `{role}`, which needs no voucher",
                f"leave out `{role}`",
            )
        if field.type is not None and not field.vouches_for:
            yield Doubt(
                (*place, "type"),
                f"`{path}` has a type, and vouches for nothing",
                "add `vouches_for`, or leave out `type`",
            )

    def _sink(self) -> Iterator[Doubt]:
        tool, sink = self._tool, self._tool.sink
        if self._most is not None and Confidentiality[sink.clearance] > self._most:
            yield Doubt(
                ("sink", "clearance"),
                f"`{self._name}` takes what is {sink.clearance}, and no zone may hold more than "
                f"{self._most.name}",
                f"write `clearance: {self._most.name}`, or raise a zone's `max_label`",
            )
        sends = [one for one in tool.arguments.values() if one.role in ADDRESS_ROLES]
        if sink.links == "any" and tool.effect.changes_state and sends and not sink.allow:
            yield Doubt(
                ("sink", "links"),
                f"`{self._name}` sends any link to anybody",
                "leave out `links`, or say under `allow` who is on file",
            )
