"""Prompts and resources as the checks see them: reads, of what a reviewer said of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

from safeconduct.core.calls import Subject
from safeconduct.core.manifest import (
    Argument,
    ContentManifest,
    Effect,
    Manifest,
    Returns,
    Sink,
    ToolManifest,
)
from safeconduct.ports import JSON

_FREE: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9._~/:@!$&'()*+,;=?-]*")
"""What may follow a resource's listed prefix: no dot segments, escapes, controls or backslashes."""

_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def described(manifest: Manifest, subject: Subject) -> Mapping[str, ContentManifest]:
    """What a reviewer says of an upstream's prompts, or of its resources and their templates."""
    return manifest.prompts if subject == "prompt" else manifest.resources


def prompt(manifest: Manifest, name: str, definition: JSON) -> ToolManifest | None:
    """A prompt, unless nobody described it."""
    said = manifest.prompts.get(name)
    return None if said is None else _read(said, argument_names(definition))


def resource(manifest: Manifest, uri: str) -> ToolManifest | None:
    """A resource, unless nobody described it; its URI is an argument where it is free."""
    if uri in manifest.resources and not uri.endswith("*"):
        return _read(manifest.resources[uri])
    prefixes = [p for p in manifest.resources if p.endswith("*") and uri.startswith(p[:-1])]
    longest = max(prefixes, key=len, default=None)
    if longest is None or not _FREE.fullmatch(uri[len(longest) - 1 :]):
        return None  # nobody's, or a way out of the prefix, or what might be read as one
    return _read(manifest.resources[longest], ["uri"])


def template(manifest: Manifest, pattern: str) -> ToolManifest | None:
    """What a template's URIs have in common: the part before its first variable."""
    return resource(manifest, pattern.partition("{")[0])


def argument_names(definition: JSON) -> list[str]:
    """The arguments of a prompt; what does not look like a name is none."""
    declared = definition.get("arguments")
    given = cast("list[object]", declared) if isinstance(declared, list) else []
    names = [cast("JSON", one).get("name") for one in given if isinstance(one, dict)]
    return [name for name in names if isinstance(name, str) and _ARGUMENT.fullmatch(name)]


def _read(said: ContentManifest, arguments: Iterable[str] = ()) -> ToolManifest:
    return ToolManifest(
        effect=Effect.read,
        scopes=said.scopes,
        arguments={name: Argument(role="query") for name in arguments},
        returns=Returns(source=said.source),
        # The server already holds data as confidential as what it returns.
        sink=Sink(clearance=said.source.confidentiality),
        spotlight=said.spotlight,
    )
