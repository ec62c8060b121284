"""What would be found in a value, how it looks without that, and what would become of it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec

from safeconduct.config.inspectors import Documents, InspectorsBlock, Instructions
from safeconduct.core.admit import parted
from safeconduct.core.decide import redaction
from safeconduct.core.findings import Unexamined, family, kinds_of, refusal, steers, tainted
from safeconduct.core.manifest import Effect
from safeconduct.core.model import KEY, Finding
from safeconduct.core.redact import redact
from safeconduct.core.tokens import replaced
from safeconduct.inspectors import room
from safeconduct.inspectors.documents.examining import DocumentExaminer
from safeconduct.kit.strictjson import StrictJSONError, loads
from safeconduct.ports import Closing, Matter
from safeconduct.secrets import references

if TYPE_CHECKING:
    from safeconduct.config.schema import Config
    from safeconduct.core.manifest import ToolManifest

Direction = Literal["argument", "result"]
Where = tuple[str | int, ...]

DEFAULT: Final = InspectorsBlock(documents=Documents(), instructions=Instructions())
"""What is looked for where no configuration says it: all that needs nothing of an operator."""

SHOWN: Final = 60
"""How many characters of a finding are shown."""

_SHOWN_HEAD: Final = 4
_SPOKEN: Final = frozenset({"instruction", "code"})
"""Families of which the text itself is shown: what they say is no secret by itself."""

_NOBODY: Final = "inspect"
_URI: Final = "file:"
_PDF: Final = b"%PDF-"
_PDF_WITHIN: Final = 1024
_ROOT: Final = "value"


class Failed(Exception):
    """Something that looks did not, which refuses a call and withholds a result, for these
    `reasons`.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(_why(error))
        unread = isinstance(error, Unexamined)
        self.reasons: dict[Direction, str] = {
            "argument": "document-unread" if unread else "inspector-failed",
            "result": "result-unread" if unread else "result-withheld",
        }


class Seen(msgspec.Struct, frozen=True):
    """A finding for a person: `excerpt` never has the whole of what must not be seen."""

    kind: str
    place: str
    start: int
    end: int
    excerpt: str


class Becomes(msgspec.Struct, frozen=True, kw_only=True):
    """What the manifest of a tool makes of the findings: the reason of a refusal, the kinds that
    are cut out or have tokens in their place, the categories that the task has from then on, and
    whether nothing in it speaks for a value any more (`untrusted`), or it is withheld at all.
    """

    refused: str | None = None
    cut: tuple[str, ...] = ()
    tokenised: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    untrusted: bool = False
    quarantined: bool = False


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `redacted` is the value without what was found, or as the agent gets it where a
    tool returned it; `becomes` is None where no tool is named. `unpacked` is false of bytes that
    nothing looks into, as the configuration has no `documents`.
    """

    findings: tuple[Seen, ...]
    unpacked: bool
    redacted: object
    becomes: Becomes | None


class Tool(msgspec.Struct, frozen=True):
    """A tool whose manifest decides: its target, what a reviewer said, whether it quarantines."""

    target: str
    said: ToolManifest
    quarantines: bool


def tool_of(config: Config, target: str) -> Tool:
    """The tool `UPSTREAM.TOOL` as a reviewed one. Raises LookupError."""
    where, _, name = target.partition(".")
    if where not in config.manifests or name not in config.manifests[where].tools:
        raise LookupError(target)
    quarantines = config.root.upstreams[where].instructions == "quarantine"
    return Tool(target, config.manifests[where].tools[name], quarantines)


def value_of(data: bytes) -> object:
    """What a file holds: an object or a list in JSON, any other text, or bytes, which are written
    as a resource has them (MCP, "Resources").

    A JSON number or string is taken as text: of a value no inspector looks at its numbers.
    """
    try:
        value = loads(data)
    except StrictJSONError:
        value = None
    if isinstance(value, dict | list):
        return cast("object", value)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or _PDF in data[:_PDF_WITHIN]:
        return {"uri": _URI, "blob": base64.b64encode(data).decode()}
    return text


async def inspected(
    value: object, config: Config | None, tool: Tool | None, direction: Direction
) -> Inspected:
    """Shows a JSON value to all that looks, as a call's arguments or its result.

    Raises:
        Failed: one of those that look failed.
        OSError, ValueError: what the configuration names cannot be used.
    """
    findings = await _found(value, config, tool, direction)
    masked = _masks(value, findings)
    becomes = None if tool is None else _becomes(findings, tool, direction)
    return Inspected(
        findings=tuple(_seen(one, masked) for one in findings),
        unpacked=not _is_bytes(value) or _block(config).documents is not None,
        redacted=_redacted(value, findings, tool if direction == "result" else None),
        becomes=becomes,
    )


async def confined() -> tuple[str, ...]:
    """What confines who reads documents on this machine. Raises Unread where none starts."""
    examiner = DocumentExaminer(lambda _: ())
    try:
        return await examiner.confined()
    finally:
        await examiner.close()


def _block(config: Config | None) -> InspectorsBlock:
    return DEFAULT if config is None else config.root.inspectors


def _is_bytes(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"uri", "blob"}


async def _found(
    value: object, config: Config | None, tool: Tool | None, direction: Direction
) -> tuple[Finding, ...]:
    block = _block(config)
    directory = Path() if config is None else Path(config.directory)
    matter = Matter(
        direction=direction,
        target=_NOBODY if tool is None else tool.target,
        effect=Effect.read if tool is None else tool.said.effect,
        tenant=_NOBODY if config is None else config.root.gateway.tenant,
        user=_NOBODY,
        agent=_NOBODY,
        task=_NOBODY,
    )
    quick = room.inspectors(block, directory)
    slow = (
        *room.examiners(block, directory, quick),
        *room.outside(block, directory, partial(references.read, directory)),
    )
    found: dict[Finding, None] = {}
    try:
        for inspector in quick:
            found.update(dict.fromkeys(inspector.inspect(value)))
        for examiner in slow:
            found.update(dict.fromkeys(await examiner.examine(value, matter)))
    except Exception as error:
        raise Failed(error) from error
    finally:
        for examiner in slow:
            if isinstance(examiner, Closing):
                await examiner.close()
    return tuple(found)


def _why(error: Exception) -> str:
    """Ours are sentences that quote nothing; what others say might."""
    name = type(error)
    return str(error) if name.__module__.startswith("safeconduct.") else name.__name__


def _becomes(findings: Sequence[Finding], tool: Tool, direction: Direction) -> Becomes:
    if direction == "argument":
        return Becomes(refused=refusal(findings, tool.said.sink.categories_refused))
    rule = redaction(tool.said.returns)
    cut, seen = parted((rule,), findings)
    label = tainted(seen, cut)
    gone = [one for one in cut if one.kind.startswith(rule.kinds)]
    return Becomes(
        cut=tuple(kinds_of(gone)),
        tokenised=tuple(kinds_of(one for one in cut if one not in gone)),
        categories=tuple(sorted(label.categories)),
        untrusted=steers(findings),
        quarantined=steers(findings) and tool.quarantines,
    )


def _redacted(value: object, findings: Sequence[Finding], tool: Tool | None) -> object:
    whole = {_ROOT: value}
    placed = [msgspec.structs.replace(one, where=(_ROOT, *one.where)) for one in findings]
    if tool is None:
        return redact(whole, placed)[_ROOT]
    rule = redaction(tool.said.returns)
    gone = [one for one in placed if one.kind.startswith(rule.kinds)]
    tokens = [one for one in placed if one.kind.startswith(rule.tokens) and one not in gone]
    return replaced(whole, gone, tokens, _sealed)[_ROOT]


def _sealed(_kind: str, _text: str) -> str:
    """A token is of a task, and there is none here."""
    return "…"


def _masks(value: object, findings: Iterable[Finding]) -> Mapping[Where, str]:
    """Each text in which something was found, with stars in the place of most of it."""
    spans: dict[Where, list[tuple[int, int]]] = {}
    for one in findings:
        there = spans.setdefault(one.where, [])
        if family(one.kind) not in _SPOKEN:
            head = min(_SHOWN_HEAD, (one.end - one.start) // 4)
            there.append((one.start + head, one.end))
    masked: dict[Where, str] = {}
    for where, there in spans.items():
        text = list(_text_at(value, where))
        for start, end in there:
            text[start:end] = "*" * len(text[start:end])
        masked[where] = "".join(text)
    return masked


def _text_at(value: object, where: Where) -> str:
    if where[-1:] == (KEY,):
        return str(where[-2])
    for part in where:
        value = cast("Any", value)[part]
    return value if isinstance(value, str) else ""


def _seen(one: Finding, masked: Mapping[Where, str]) -> Seen:
    text = masked[one.where][one.start : one.end]
    excerpt = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return Seen(one.kind, _place(one.where, masked), one.start, one.end, excerpt)


def _place(where: Where, masked: Mapping[Where, str]) -> str:
    """A path such as `$.to[0]`; a name in which something was found is masked there as well."""
    said = "$"
    for at, part in enumerate(where):
        if part == KEY:
            said += " (its name)"
        elif isinstance(part, int):
            said += f"[{part}]"
        else:
            said += f".{masked.get((*where[: at + 1], KEY), part)}"
    return said
