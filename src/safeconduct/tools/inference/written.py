"""A proposal as a file: plain YAML, with the reason for each guess beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from safeconduct.core.manifest import Argument, FieldLabel, ToolManifest
from safeconduct.tools.inference.proposal import Proposal, Scope
from safeconduct.tools.inference.results import Place

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_*-]+)*|\$")
_MEANS_MORE: Final = frozenset({"null", "true", "false"})
_SCOPE: Final = re.compile(r"[a-z0-9_-]+(:[a-z0-9_-]+)+")

WIDTH: Final = 100

HEAD: Final = """\
# A proposal, from what the upstream says of its own tools; stricter where nothing is certain.
# Go through it tool by tool: correct what is wrong, and let a comment say why. Without `clearance`
# a sink takes public data alone, and nobody is on file for an address. What you have reviewed is
# pinned with `safeconduct tools review --pin`; before that every tool counts as the worst case.
"""


def text(proposal: Proposal) -> str:
    """The manifest, and its scopes' registry as a comment."""
    lines = [HEAD + f"upstream: {_text(proposal.manifest.upstream)}"]
    lines.append("tools:" if proposal.manifest.tools else "tools: {}")
    for name, tool in proposal.manifest.tools.items():
        place = ("tools", name)
        reasons = {at[2:]: why for at, why in proposal.reasons.items() if at[:2] == place}
        lines += [f"  {_text(name)}:", *(_indented(4, one) for one in _tool(tool, reasons))]
    if proposal.scopes:
        lines += ["", "# For safeconduct.yaml:"]
        lines += [f"# {line}" for line in registry(proposal.scopes).splitlines()]
    return "\n".join(lines) + "\n"


def registry(scopes: Mapping[str, Scope]) -> str:
    """The entries of `scopes:` in safeconduct.yaml."""
    lines = [f"  {_text(name)}: {_flow(msgspec.to_builtins(one))}" for name, one in scopes.items()]
    return "\n".join(["scopes:" if lines else "scopes: {}", *lines]) + "\n"


def _tool(tool: ToolManifest, reasons: Mapping[Place, str]) -> Iterator[str]:
    yield _with(f"effect: {tool.effect.value}", reasons.get(("effect",)))
    yield f"scopes: [{', '.join(map(_text, tool.scopes))}]"
    if tool.arguments:
        yield _with("arguments:", reasons.get(("arguments",)))
        for name, argument in tool.arguments.items():
            line = f"  {_text(name)}: {_flow(_said(argument))}"
            yield _with(line, reasons.get(("arguments", name)))
    elif ("arguments",) in reasons:
        yield _with("arguments: {}", "it takes none, so what it changes is always the same")
    returns = tool.returns
    yield "returns:"
    source = msgspec.to_builtins(returns.source)
    labels = {key: source[key] for key in ("integrity", "confidentiality")}
    yield _with(f"  source: {_flow(labels)}", reasons.get(("returns", "source")))
    if returns.fields:
        yield "  fields:"
        for path, field in returns.fields.items():
            line = f"    {_text(path)}: {_flow(_said(field))}"
            yield _with(line, reasons.get(("returns", "fields", path)))
    else:
        yield f"  # {reasons[('returns', 'fields')]}"
    if tool.spotlight != "none":
        yield f"spotlight: {tool.spotlight}"


def _said(value: Argument | FieldLabel) -> dict[str, Any]:
    """What differs from what is so anyway."""
    fields = msgspec.structs.fields(value)
    built = msgspec.to_builtins(value)
    return {
        field.encode_name: built[field.encode_name]
        for field in fields
        if field.required or getattr(value, field.name) != field.default
    }


def _flow(value: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in cast('Sequence[object]', value))}]"
    return json.dumps(value)


def _text(value: str) -> str:
    """Somebody else's text: plain where YAML cannot read more into it, otherwise in quotes."""
    plain = _PLAIN.fullmatch(value) or _SCOPE.fullmatch(value)
    if plain and value.lower() not in _MEANS_MORE:
        return value
    return '"' + "".join(map(_letter, value)) + '"'


def _letter(letter: str) -> str:
    """A letter in double quotes (YAML 1.2.2 section 5.7)."""
    if letter.isprintable():
        return f"\\{letter}" if letter in '"\\' else letter
    return f"\\U{ord(letter):08x}"


def _with(line: str, reason: str | None) -> str:
    return line if reason is None else f"{line}  # {reason}"


def _indented(depth: int, line: str) -> str:
    """A line in its place; a reason for which there is no room stands above it."""
    whole = " " * depth + line
    if len(whole) <= WIDTH or "  # " not in whole:
        return whole
    said, _, reason = whole.partition("  # ")
    inner = " " * (len(said) - len(said.lstrip()))
    return f"{inner}# {reason}\n{said}"
