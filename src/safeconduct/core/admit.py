"""Step 9: what came back is checked, labelled, redacted and marked, or withheld. Pure.

Only known members of a result pass; `_meta` of an upstream is not forwarded, so no upstream can
speak in our name or set a label of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from safeconduct.core.canonical import NotCanonical, digest
from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.manifest import FieldLabel
from safeconduct.core.model import Call, Finding, ToolFacts
from safeconduct.core.paths import TooManyValues, select
from safeconduct.core.provenance import Vouched, normalise
from safeconduct.core.verdict import Obligation, Redact, Spotlight

MEMBERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "tools/call": ("content", ("content", "structuredContent", "isError")),
    "resources/read": ("contents", ("contents",)),
    "prompts/get": ("messages", ("messages", "description")),
}
"""By method: the list a result must have, and the members that pass."""

BLOCKS: Final = frozenset({"text", "image", "audio", "resource", "resource_link"})
MAX_VOUCHED: Final = 256
"""How many values one result may vouch for; further ones are not remembered, so they are refused
as control arguments later."""

REDACTED: Final = "[redacted: {kind}]"


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A result that may be delivered, the label it brings, and the values it vouches for.

    `digest` is that of the canonical form of exactly this result.
    """

    result: dict[str, Any] = {}
    digest: str = ""
    label: Label
    vouched: tuple[Vouched, ...] = ()
    redacted: int = 0


class Withheld(msgspec.Struct, frozen=True):
    """A result that may not be delivered; `code` is a reason."""

    code: str


def admit(
    call: Call,
    tool: ToolFacts,
    obligations: Sequence[Obligation],
    result: Mapping[str, Any],
    findings: Sequence[Finding],
) -> Admitted | Withheld:
    """The result as the agent may see it. `findings` are those of exactly this result."""
    required, members = MEMBERS[call.method]
    if result.get("resultType", "complete") != "complete" or not _shaped(result, required):
        return Withheld("upstream-malformed")
    try:
        label = _label(tool, result)
        vouched = () if result.get("isError") is True else _vouched(call, tool, result)
    except TooManyValues:
        return Withheld("result-withheld")
    kept: dict[str, Any] = {name: _without_meta(result[name]) for name in members if name in result}
    redacted = 0
    for obligation in obligations:
        match obligation:
            case Redact(kinds):
                chosen = [f for f in findings if f.kind.startswith(kinds)]
                kept = redact(kept, chosen)
                redacted += len(chosen)
            case Spotlight(source):
                kept[required] = [_mark(block, source, call.digest) for block in kept[required]]
    try:
        delivered = digest(kept)
    except NotCanonical:
        return Withheld("upstream-malformed")
    return Admitted(result=kept, digest=delivered, label=label, vouched=vouched, redacted=redacted)


def redact(value: dict[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """A copy of the value with each finding's characters replaced by its kind.

    A finding inside an object's key, or at a place that is no longer there, removes nothing.
    """
    spans: dict[tuple[str | int, ...], list[Finding]] = {}
    for finding in findings:
        spans.setdefault(finding.where, []).append(finding)
    return _redacted(value, (), spans) if spans else value


def _redacted(
    value: Any, path: tuple[str | int, ...], spans: Mapping[tuple[str | int, ...], list[Finding]]
) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(item, (*path, key), spans) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, (*path, index), spans) for index, item in enumerate(value)]
    if isinstance(value, str) and path in spans:
        # From the last to the first, so that earlier positions stay right; overlaps fall together.
        end = len(value) + 1
        for finding in sorted(spans[path], key=lambda one: one.start, reverse=True):
            stop = min(finding.end, end)
            value = value[: finding.start] + REDACTED.format(kind=finding.kind) + value[stop:]
            end = finding.start
    return value


def _shaped(result: Mapping[str, Any], required: str) -> bool:
    items = result.get(required)
    if not isinstance(items, list):
        return False
    if required == "contents":
        return all(isinstance(item, dict) and isinstance(item.get("uri"), str) for item in items)
    if required == "messages":
        return all(
            isinstance(item, dict)
            and item.get("role") in ("user", "assistant")
            and _is_block(item.get("content"))
            for item in items
        )
    structured = result.get("structuredContent")
    return (
        all(_is_block(item) for item in items)
        and type(result.get("isError", False)) is bool
        and (structured is None or isinstance(structured, dict))
    )


def _is_block(item: object) -> bool:
    if not isinstance(item, dict) or item.get("type") not in BLOCKS:
        return False
    return item["type"] != "text" or isinstance(item.get("text"), str)


def _label(tool: ToolFacts, result: Mapping[str, Any]) -> Label:
    """The source's label, joined with that of every labelled field the result may hold.

    Without a structured result nobody can tell which fields the text holds: all of them count.
    """
    label = tool.source
    manifest = tool.manifest
    if manifest is None or tool.pin != "reviewed":
        return label
    structured = result.get("structuredContent")
    for path, field in manifest.returns.fields.items():
        if structured is None or select(structured, path):
            label = label.join(_field_label(field, tool.source))
    return label


def _field_label(field: FieldLabel, source: Label) -> Label:
    return Label(
        integrity=source.integrity if field.integrity is None else Integrity[field.integrity],
        confidentiality=source.confidentiality
        if field.confidentiality is None
        else Confidentiality[field.confidentiality],
        categories=frozenset(field.categories),
    )


def _vouched(call: Call, tool: ToolFacts, result: Mapping[str, Any]) -> tuple[Vouched, ...]:
    """Exact values of the trusted fields that may vouch, from the structured result only."""
    manifest, structured = tool.manifest, result.get("structuredContent")
    if manifest is None or tool.pin != "reviewed" or structured is None:
        return ()
    found: list[Vouched] = []
    for path, field in manifest.returns.fields.items():
        if _field_label(field, tool.source).integrity is Integrity.untrusted:
            continue
        for role in field.vouches_for:
            for value in select(structured, path):
                text = normalise(value)
                if text:
                    found.append(Vouched(role, text, f"{call.target}:{path}"))
    return tuple(found[:MAX_VOUCHED])


def _without_meta(value: Any) -> Any:
    """The value with `_meta` members of its blocks left out; structured content has none."""
    if isinstance(value, list):
        return [_without_meta(item) for item in value]
    if isinstance(value, dict) and "_meta" in value:
        return {key: item for key, item in value.items() if key != "_meta"}
    return value


def _mark(item: dict[str, Any], source: str, digest: str) -> dict[str, Any]:
    """Delimiters around text, keyed by the call's digest, which the data cannot know."""
    if isinstance(item.get("content"), dict):
        return {**item, "content": _mark(item["content"], source, digest)}
    if not isinstance(item.get("text"), str):
        return item
    key = digest[-16:]
    return {
        **item,
        "text": f"<data source={source} key={key}>\n{item['text']}\n</data key={key}>",
    }


def progress(params: Mapping[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """A progress notification's parameters, rebuilt: numbers, and its text without findings.

    The progress token is not among them: it belongs to the connection, not to the upstream.
    """
    kept: dict[str, Any] = {}
    for name in ("progress", "total"):
        value = params.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            kept[name] = value
    if isinstance(params.get("message"), str):
        kept["message"] = params["message"]
    return redact(kept, findings)
