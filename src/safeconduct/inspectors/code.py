"""Finds source code: which texts are some, and of which family of languages."""

from __future__ import annotations

from safeconduct.core.model import Finding


class CodeInspector:
    """Reports texts that are source code as `code.<language>` (`safeconduct.ports.Inspector`)."""

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        raise NotImplementedError
