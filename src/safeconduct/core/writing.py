"""What an agent writes comes back some day, from what looks like a trusted place. Pure.

So what it wrote without a voucher is remembered by system, value by value, and vouches for nothing
when it is read again; an object keeps the label of what was written to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from safeconduct.core.decoding import decoded
from safeconduct.core.evidence import MAX_OBJECTS
from safeconduct.core.labels import Label
from safeconduct.core.model import Call, Facts, ToolFacts
from safeconduct.core.paths import TooManyValues, select
from safeconduct.core.provenance import VOUCHING, decimal, normalise, value_digest
from safeconduct.core.record import JSON, label_value
from safeconduct.core.vouching import structured

MAX_WRITTEN: Final = 4096
"""How many values one call may write without a voucher; a call with more is refused, as nobody
could tell later what came from it."""

PER_RECORD: Final = 150
"""How many of them stand in one record."""

_WORD: Final = re.compile(r"[^\s,;<>()\[\]{}\"'`|]{3,256}")
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_TELLING: Final = re.compile(r"[\d@/_:#.-]|^[^a-z]")
"""Words of a text that could be a name, an id, an address or an amount when they are read again."""


class TooMuchWritten(ValueError):
    """More values than can be followed."""


def object_name(resource_type: str, identifier: str) -> str:
    """An object as records and state name it."""
    return f"{resource_type} {value_digest(identifier)}"


_OTHERS: Final = VOUCHING - {"bounded"}


def written_digest(value: str) -> str:
    """How a written value is looked up: the same whatever a system makes of its spaces, its case,
    its full-width letters, and the zeros behind its point, before it gives it back.
    """
    plain = "".join(unicodedata.normalize("NFKC", value).split()).casefold()
    return value_digest(decimal(plain) or plain)


def written(call: Call, facts: Facts) -> list[str]:
    """The values that a permitted call writes and nobody vouches for, each once.

    Raises:
        TooMuchWritten: more than `MAX_WRITTEN`.
    """
    found: dict[str, None] = {}
    for name, value in call.arguments.items():
        # An amount within bounds is the agent's own: read back it must not be the next bound.
        if not any(one.place in _OTHERS for one in facts.provenance.get(name, ())):
            for text in _values(value):
                found[text] = None
                if len(found) > MAX_WRITTEN:
                    raise TooMuchWritten
    return list(found)


def objects_named(call: Call, tool: ToolFacts) -> list[str]:
    """The objects that the arguments name."""
    declared = {} if tool.manifest is None else tool.manifest.arguments
    return [
        object_name(argument.type, text)
        for name, argument in declared.items()
        if argument.type is not None and argument.role == "object-id" and name in call.arguments
        for item in _items(call.arguments[name])
        if (text := normalise(item))
    ]


def objects_returned(tool: ToolFacts, result: Mapping[str, Any]) -> list[str]:
    """The objects whose ids a result holds in fields that say which. Raises TooManyValues."""
    fields = {} if tool.manifest is None else tool.manifest.returns.fields
    typed = {path: field.type for path, field in fields.items() if field.type is not None}
    if not typed:
        return []
    content = structured(result)
    return [
        object_name(kind, text)
        for path, kind in typed.items()
        for value in select(content, path)
        if (text := normalise(value))
    ]


def created(tool: ToolFacts, result: Mapping[str, Any]) -> list[str]:
    """The objects that a change returns: those that it made, as far as a record holds them."""
    try:
        return objects_returned(tool, result)[:MAX_OBJECTS]
    except TooManyValues:
        return []


def written_records(
    decision: str, task: str, at_ms: int, system: str, values: list[str], objects: list[str],
    label: Label,
) -> list[JSON]:  # fmt: skip
    """What is remembered of a change, durable before it can be read again."""
    digests = list(dict.fromkeys(map(written_digest, values)))
    starts = range(0, max(1, len(digests)), PER_RECORD)
    return [
        {
            "kind": "memory",
            "decision": decision,
            "task": task,
            "at_ms": at_ms,
            "labels": label_value(Label()),
            "vouched": [],
            "wrote": {
                "system": system,
                "values": digests[start : start + PER_RECORD],
                "objects": objects[:MAX_OBJECTS] if start == 0 else [],
                "labels": label_value(label),
            },
        }
        for start in starts
    ]


def _values(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            if _TELLING.search(name):
                yield from _values(name)
            yield from _values(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _values(item)
    elif isinstance(value, str):
        yield value
        yield from _told(value)
    elif not isinstance(value, bool) and (text := normalise(value)) is not None:
        yield text


def _told(text: str) -> Iterator[str]:
    """What could be a name, an id or an address when a system gives back what it made of a text:
    decoded, or cut out of it.
    """
    for one in decoded(text, turned=False).texts:
        for word in _WORD.findall(one):
            inner = word.rstrip(".:!?")
            if _TELLING.search(inner):
                yield inner
        yield from _ADDRESS.findall(one)


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]
