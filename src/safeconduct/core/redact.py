"""Redaction: what an inspector found is cut out of a JSON value, or replaced. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from safeconduct.core.model import KEY, Finding

REDACTED: Final = "[redacted: {kind}]"

Where = tuple[str | int, ...]

Instead: TypeAlias = Callable[[tuple[str, ...], str], str]
"""What stands in the place of a text in which these kinds were found."""


_SHORTEST: Final = 10**6
_LONGEST: Final = 10**20


def written(value: object) -> str | None:
    """How JSON writes an integer that may be somebody's number: 7 to 20 digits; None for any other
    value. Findings in one have places in this text.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if _SHORTEST <= abs(value) < _LONGEST else None
    return None


def mark(kinds: tuple[str, ...], _text: str) -> str:
    """Only what was there: the first of its kinds."""
    return REDACTED.format(kind=kinds[0])


def redact(
    value: dict[str, Any], findings: Sequence[Finding], instead: Instead = mark
) -> dict[str, Any]:
    """A copy of the value with something else in the place of each finding's characters.

    Keys are cut like all other texts; of two that become alike one is left. An integer that is cut
    is a text from there on. A finding at a place that is no longer there removes nothing.
    """
    spans: dict[Where, list[Finding]] = {}
    for finding in findings:
        spans.setdefault(finding.where, []).append(finding)
    return cast("dict[str, Any]", _redacted(value, (), spans, instead)) if spans else value


def _redacted(
    value: object, path: Where, spans: Mapping[Where, Sequence[Finding]], instead: Instead
) -> object:
    if isinstance(value, str):
        return _cut(value, spans.get(path, ()), instead)
    if isinstance(value, list):
        items = enumerate(cast("list[object]", value))
        return [_redacted(item, (*path, index), spans, instead) for index, item in items]
    if isinstance(value, dict):
        return {
            # A name is no value: what stands for one could not be told from a name.
            _cut(key, spans.get((*path, key, KEY), ()), mark): _redacted(
                item, (*path, key), spans, instead
            )
            for key, item in cast("dict[str, object]", value).items()
        }
    number = written(value) if path in spans else None
    if number is None:
        return value
    cut = _cut(number, spans[path], instead)
    return value if cut == number else cut


def _cut(text: str, findings: Sequence[Finding], instead: Instead) -> str:
    """The text without the spans that were found; spans that overlap fall together."""
    parts: list[str] = []
    done = 0
    for start, end, kinds in _together(len(text), findings):
        parts += [text[done:start], instead(kinds, text[start:end])]
        done = end
    return "".join([*parts, text[done:]])


def _together(size: int, findings: Sequence[Finding]) -> list[tuple[int, int, tuple[str, ...]]]:
    """The spans of a text of this size, in order, and what was found in each."""
    spans: list[tuple[int, int, tuple[str, ...]]] = []
    for finding in sorted(findings, key=lambda one: one.start):
        start, end = max(finding.start, 0), min(finding.end, size)
        if start >= end:
            continue
        if spans and start < spans[-1][1]:
            first, last, kinds = spans.pop()
            spans.append((first, max(last, end), (*kinds, finding.kind)))
        else:
            spans.append((start, end, (finding.kind,)))
    return spans
