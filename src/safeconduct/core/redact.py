"""Redaction: what an inspector found is cut out of a JSON value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from safeconduct.core.model import KEY, Finding

REDACTED: Final = "[redacted: {kind}]"

Where = tuple[str | int, ...]


def redact(value: dict[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """A copy of the value with each finding's characters replaced by its kind.

    Keys are cut like all other texts; of two that become alike one is left. A finding at a place
    that is no longer there removes nothing.
    """
    spans: dict[Where, list[Finding]] = {}
    for finding in findings:
        spans.setdefault(finding.where, []).append(finding)
    return cast("dict[str, Any]", _redacted(value, (), spans)) if spans else value


def _redacted(value: object, path: Where, spans: Mapping[Where, Sequence[Finding]]) -> object:
    if isinstance(value, str):
        return _cut(value, spans.get(path, ()))
    if isinstance(value, list):
        items = enumerate(cast("list[object]", value))
        return [_redacted(item, (*path, index), spans) for index, item in items]
    if isinstance(value, dict):
        return {
            _cut(key, spans.get((*path, key, KEY), ())): _redacted(item, (*path, key), spans)
            for key, item in cast("dict[str, object]", value).items()
        }
    return value


def _cut(text: str, findings: Sequence[Finding]) -> str:
    """The text without the spans that were found; spans that overlap fall together."""
    parts: list[str] = []
    done = 0
    for finding in sorted(findings, key=lambda one: one.start):
        start, end = max(finding.start, 0), min(finding.end, len(text))
        if start >= end:
            continue
        if start >= done:
            parts += [text[done:start], REDACTED.format(kind=finding.kind)]
        done = max(done, end)
    return "".join([*parts, text[done:]])
