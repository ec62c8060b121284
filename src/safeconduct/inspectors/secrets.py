"""Finds credentials by their published shapes: an agent must never hold one.

The shapes are the issuers' own documented prefixes. This is the looking, not the boundary: a secret
without a shape passes, and keeping it away from agents is the broker's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from safeconduct.core.model import Finding

SHAPES: Final[dict[str, str]] = {
    "secret.aws": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "secret.anthropic": r"\bsk-ant-[A-Za-z0-9_-]{20,}",
    "secret.openai": r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,}",
    "secret.github": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "secret.gitlab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "secret.slack": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "secret.stripe": r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "secret.google": r"\bAIza[A-Za-z0-9_-]{35}",
    "secret.jwt": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}",
    "secret.private-key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
}

_ANY: Final = re.compile("|".join(f"(?P<k{i}>{shape})" for i, shape in enumerate(SHAPES.values())))
_KINDS: Final = {f"k{index}": kind for index, kind in enumerate(SHAPES)}
_HINT: Final = re.compile(r"AKIA|ASIA|sk-|gh[pousr]_|github_pat_|glpat-|xox|k_live_|k_test_|AIza|eyJ|-----BEGIN")
"""A literal of every shape: text without any of them needs no second look."""


class SecretInspector:
    """Reports credentials in the strings and keys of a JSON value (`safeconduct.ports.Inspector`).

    A credential in an object's key is reported at the key's place; it refuses on the way out, and
    cannot be redacted on the way in, so the result's key keeps it: keys are an upstream's schema.
    """

    def inspect(self, value: object) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        return tuple(_look(value, ()))


def _look(value: object, path: tuple[str | int, ...]) -> Iterator[Finding]:
    if isinstance(value, str):
        if _HINT.search(value):
            for match in _ANY.finditer(value):
                yield Finding(_KINDS[str(match.lastgroup)], path, match.start(), match.end())
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _look(key, (*path, key, "key"))
            yield from _look(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _look(item, (*path, index))
