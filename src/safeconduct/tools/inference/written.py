"""A proposal as a file: plain YAML, with the reason for each guess beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from safeconduct.core.manifest import Argument, FieldLabel, Threshold, ToolManifest
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
        lines += [f"  {_text(name)}:", *_tool(tool, reasons)]
    if proposal.scopes:
        lines += ["", "# For safeconduct.yaml:"]
        lines += [f"# {line}" for line in registry(proposal.scopes).splitlines()]
    return "\n".join(lines) + "\n"


def registry(scopes: Mapping[str, Scope]) -> str:
    """The entries of `scopes:` in safeconduct.yaml."""
    lines = [f"  {_text(name)}: {_flow(msgspec.to_builtins(one))}" for name, one in scopes.items()]
    return "\n".join(["scopes:" if lines else "scopes: {}", *lines]) + "\n"


def _tool(tool: ToolManifest, reasons: Mapping[Place, str]) -> Iterator[str]:
    yield _line(4, f"effect: {tool.effect.value}", reasons.get(("effect",)))
    yield _line(4, f"scopes: [{', '.join(map(_text, tool.scopes))}]")
    if tool.arguments:
        yield _line(4, "arguments:", reasons.get(("arguments",)))
        for name, argument in tool.arguments.items():
            said = f"{_text(name)}: {_flow(_said(argument))}"
            yield _line(6, said, reasons.get(("arguments", name)))
    elif ("arguments",) in reasons:
        yield _line(4, "arguments: {}", "it takes none, so what it changes is always the same")
    yield _line(4, "returns:")
    source = msgspec.to_builtins(tool.returns.source)
    labels = {key: source[key] for key in ("integrity", "confidentiality")}
    yield _line(6, f"source: {_flow(labels)}", reasons.get(("returns", "source")))
    if tool.returns.fields:
        yield _line(6, "fields:")
        for path, field in tool.returns.fields.items():
            said = f"{_text(path)}: {_flow(_said(field))}"
            yield _line(8, said, reasons.get(("returns", "fields", path)))
    else:
        yield _line(6, f"# {reasons[('returns', 'fields')]}")
    if tool.spotlight is not None:
        yield _line(4, f"spotlight: {tool.spotlight}")
    if tool.asks:
        asked = ", ".join(_flow(_said(one)) for one in tool.asks)
        yield _line(4, f"asks: [{asked}]", reasons.get(("asks",)))


def _said(value: Argument | FieldLabel | Threshold) -> dict[str, Any]:
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


def _line(depth: int, said: str, reason: str | None = None) -> str:
    """A line in its place; a reason for which there is no room beside it stands above it."""
    indent = " " * depth
    if reason is None:
        return indent + said
    beside = f"{indent}{said}  # {reason}"
    return beside if len(beside) <= WIDTH else f"{indent}# {reason}\n{indent}{said}"
