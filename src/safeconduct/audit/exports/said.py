"""What a record says, in the few terms that every sink has a field for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

Record = Mapping[str, Any]

TOOL: Final = "tools/call"

_FAILED: Final = frozenset({"error", "refused", "withheld", "cancelled", "unknown"})
"""How a call ended that did not end well (`core.record.outcome_record`)."""


def text(record: Record, name: str) -> str:
    """A member, if it is text; else nothing."""
    value = record.get(name)
    return value if isinstance(value, str) else ""


def named(record: Record, name: str) -> str:
    """A member that is an id, or an object with one."""
    value = record.get(name)
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("id")
    return value if isinstance(value, str) else ""


def at_ms(record: Record) -> int:
    """When it happened, in milliseconds since 1970; 0 if it does not say."""
    for name in ("at_ms", "started_ms"):
        value = record.get(name)
        if type(value) is int:
            return value
    return 0


def target(record: Record) -> tuple[str, str, str]:
    """The upstream, the kind and the name of what a decision is about: see `Call.target`."""
    whole = text(record, "tool")
    upstream, mark, rest = whole.partition("#")
    if mark:
        kind, _, name = rest.partition(":")
        return upstream, kind, name
    upstream, _, name = whole.partition(".")
    return upstream, "tool", name


def traced(record: Record) -> dict[str, str]:
    """The trace and the span of a decision."""
    return {name: value for name in ("trace", "span") if (value := text(record, name))}


def title(record: Record) -> str:
    """One line for people."""
    parts = [text(record, name) for name in ("kind", "verdict", "status", "phase", "method")]
    parts += [text(record, name) for name in ("tool", "reason", "decision")]
    return " ".join(part for part in parts if part)


def denied(record: Record) -> bool:
    """Whether this is a refusal, or the outcome of a call that did not end well."""
    return text(record, "verdict") == "deny" or text(record, "status") in _FAILED
