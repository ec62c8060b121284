"""Finds a customer's own records without holding them: exact data match."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from safeconduct.core.model import Finding


def learn(
    rows: Iterable[Mapping[str, str]], columns: Sequence[str], *, min_columns: int = 2
) -> bytes:
    """What a file of matches holds of these rows: salted hashes. Raises ValueError."""
    raise NotImplementedError


class MatchInspector:
    """Reports values of one learned row that stand near each other as `<family>.<name>`.

    `data` is what `learn` wrote. Raises ValueError where it is something else.
    """

    def __init__(self, kind: str, data: bytes) -> None:
        raise NotImplementedError

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        raise NotImplementedError
