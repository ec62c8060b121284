"""What comes back: how confidential it is, and which of its fields may vouch for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from safeconduct.core.manifest import Effect, FieldLabel, Returns, Role, SourceLabel
from safeconduct.tools.inference import nouns, verbs
from safeconduct.tools.inference.definition import Definition
from safeconduct.tools.inference.schema import Shape, leaves
from safeconduct.tools.inference.words import singular, split, these

MAX_FIELDS: Final = 64
"""How many fields are named at most; those beyond it vouch for nothing."""

Place = tuple[str, ...]

_REACHED: Final = these("address email login mail mobile phone username")
_CALLED: Final = {("file", "name"), *((name,) for name in these("filename name subject title"))}
"""What fields are called that people call a row by."""


class Found(msgspec.Struct, frozen=True):
    """The labels of a result, and why, by their place below `returns`."""

    returns: Returns
    reasons: dict[Place, str]


def labels(upstream: str, tool: Definition, effect: Effect) -> Found:
    """What a result counts as: untrusted throughout, but for ids and one's own directories."""
    confidentiality, why = _confidentiality(tool)
    reasons: dict[Place, str] = {("source",): f"others may write what is in it; {why}"}
    fields: dict[str, FieldLabel] = {}
    if tool.returns is None:
        reasons[("fields",)] = (
            "no output schema, so nothing vouches: name the fields that only the system writes"
        )
    else:
        found_there = [*leaves(tool.returns)]
        reader = _Fields(upstream, tool, effect, _rows([path for path, _ in found_there]))
        for path, said in found_there:
            if len(fields) == MAX_FIELDS or any("." in step or not step for step in path):
                continue
            if (found := reader.label(path, said)) is not None:
                name = ".".join(path)
                fields[name], reasons["fields", name] = found
        if not fields:
            reasons[("fields",)] = "no field that only the system writes, by their names"
    source = SourceLabel(integrity="untrusted", confidentiality=confidentiality)
    return Found(Returns(source=source, fields=fields), reasons)


def _rows(paths: Sequence[Place]) -> frozenset[Place]:
    """Where something with an id of its own stands."""
    return frozenset(
        path[:-1] for path in paths if path and path[-1] != "*" and _own_id(split(path[-1]))
    )


def _own_id(words: tuple[str, ...]) -> bool:
    return len(words) == 1 and nouns.identifies(words)


def _confidentiality(
    tool: Definition,
) -> tuple[Literal["internal", "confidential", "restricted"], str]:
    if nouns.any_of(tool.words, nouns.SECRETIVE):
        return "restricted", "it is about secrets"
    if nouns.any_of(tool.words, nouns.OPEN) and not nouns.any_of(tool.words, nouns.SENSITIVE):
        return "internal", "it is about what many know"
    return "confidential", "nothing says that it is less than confidential"


class _Fields:
    def __init__(
        self, upstream: str, tool: Definition, effect: Effect, rows: frozenset[Place]
    ) -> None:
        self._upstream = upstream
        self._rows = rows
        self._makes = bool(verbs.MAKING.intersection(tool.words[:1]))
        self._open = tool.hints.get("openWorldHint") is True
        self._about = nouns.noun(tool, upstream)
        self._reads = not effect.changes_state

    def label(self, path: Place, said: Shape) -> tuple[FieldLabel, str] | None:
        names = [step for step in path if step != "*"]
        words = split(names[-1]) if names else ()
        if nouns.secret(words):
            secret = FieldLabel(confidentiality="restricted", categories=("secret",))
            return secret, "named like a secret"
        if self._open or not words or (said.types and not said.types & {"string", "integer"}):
            return None
        parent = nouns.kind(split(names[-2])[-1]) if len(names) > 1 and split(names[-2]) else ""
        if parent in {"", "result", "item", "data", "value"}:
            parent = self._about
        found = self._vouching(path, words, parent, said)
        return self._naming(path, words) if found is None else found

    def _naming(self, path: Place, words: tuple[str, ...]) -> tuple[FieldLabel, str] | None:
        """What a request has in quotes may be what a row with an id is called."""
        if not self._reads or words not in _CALLED or path[:-1] not in self._rows:
            return None
        return FieldLabel(names=True), "what users call it by"

    def _vouching(
        self, path: Place, words: tuple[str, ...], parent: str, said: Shape
    ) -> tuple[FieldLabel, str] | None:
        if nouns.WRITERS.intersection(words) or words[-1] in nouns.CHOSEN:
            return None
        directory = self._reads and nouns.directory(parent)
        roles: list[Role] = []
        kind: str | None = None
        if nouns.identifies(words):
            roles.append("object-id")
            kind = f"{self._upstream}.{nouns.resource(words, parent)}"
            why = "the system gives out ids"
            if directory and nouns.resource(words, parent) == parent:
                roles.append("recipient")
                why = "the id of a party that the system knows"
        elif directory and (said.format == "email" or _REACHED.intersection(words)):
            roles.append("recipient")
            why = "a directory of parties that the system knows"
        elif directory and path[-1] == "*" and nouns.kind(words[-1]) in {parent, "result"}:
            roles.append("recipient")
            why = "a list of parties that the system knows"
        elif self._reads and self._purse(words, parent):
            roles.append("account")
            if directory:
                roles.append("recipient")
            why = "accounts that the system knows"
        else:
            return None
        makes = self._makes and "object-id" in roles and path[:-1] in self._rows
        if makes and kind == f"{self._upstream}.{self._about}":
            made = "the id of what the call has just made"
            return FieldLabel(
                integrity="trusted", vouches_for=tuple(roles), makes=True, type=kind
            ), made
        return FieldLabel(integrity="trusted", vouches_for=tuple(roles), type=kind), why

    def _purse(self, words: tuple[str, ...], parent: str) -> bool:
        known = nouns.directory(parent) or nouns.kind(parent) == "account"
        return known and (words[-1] == "iban" or [singular(one) for one in words] == ["account"])
