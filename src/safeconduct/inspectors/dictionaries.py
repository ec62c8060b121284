"""Finds a customer's own words and patterns."""

from __future__ import annotations

from collections.abc import Iterable

from safeconduct.core.model import Finding
from safeconduct.inspectors.scan import Shape


class DictionaryInspector:
    """Reports the terms of one dictionary as `<family>.<name>` (`safeconduct.ports.Inspector`).

    Raises ValueError where there is nothing to look for.
    """

    def __init__(self, kind: str, terms: Iterable[str]) -> None:
        raise NotImplementedError

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        raise NotImplementedError


def read_terms(text: str) -> list[str]:
    """The terms of a dictionary's file: one a line; what begins with `#` is a comment."""
    raise NotImplementedError


def pattern_shapes(kind: str, patterns: Iterable[str]) -> list[Shape]:
    """A customer's patterns as shapes for `Scan`. Raises ValueError on one RE2 does not take."""
    raise NotImplementedError
