"""Finds credentials by their published shapes: an agent must never hold one.

The shapes are the issuers' own documented prefixes. This is the looking, not the boundary: a secret
without a shape passes, and keeping it away from agents is the broker's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from safeconduct.core.model import Finding
from safeconduct.inspectors.texts import Span, in_json, look

SHAPES: Final[dict[str, str]] = {
    "secret.aws": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "secret.anthropic": r"\bsk-ant-[A-Za-z0-9_-]{20,}",
    "secret.openai": r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,}",
    "secret.github": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "secret.gitlab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "secret.slack": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "secret.stripe": r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "secret.google": r"\bAIza[A-Za-z0-9_-]{35,}",
    # It begins where no character of its own stands before, which keeps the search linear, or right
    # after a key.
    "secret.jwt": r"(?:(?<![\w-])|(?<=PRIVATE KEY-----))eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}",
    # The whole key: up to its end, or that of the text.
    "secret.private-key": (
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
        r"(?s:.)*?(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|\Z)"
    ),
}

_ANY: Final = re.compile("|".join(f"(?P<k{i}>{shape})" for i, shape in enumerate(SHAPES.values())))
_KINDS: Final = {f"k{index}": kind for index, kind in enumerate(SHAPES)}
_DASH: Final = re.compile(rb"-(?:(?<=sk-)|(?<=glpat-)|(?<=xox[abeoprs]-)|----BEGIN)").search
_LINE: Final = re.compile(
    rb"_(?:(?<=gh[pousr]_)|(?<=github_pat_)|(?<=k_live_)|(?<=k_test_))"
).search
_A: Final = re.compile(rb"A(?:KIA|SIA|Iza)").search
_J: Final = re.compile(rb"J(?<=eyJ)").search


class SecretInspector:
    """Reports credentials in the strings and keys of a JSON value (`safeconduct.ports.Inspector`).

    A credential in an object's key is reported at the key's place.
    """

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        data = data or in_json(value)
        if data and not _may_hold(data):
            return ()
        return tuple(look(value, _spans))


def _may_hold(data: bytes) -> bool:
    """Whether there is a literal of any shape in a value's JSON, of characters that JSON never
    escapes. Each is sought by that character of it which texts hold least often, and each character
    by itself, which takes half as long as all at once: all that an agent reads is searched.
    """
    return bool(
        (b"-" in data and _DASH(data))
        or (b"_" in data and _LINE(data))
        or (b"A" in data and _A(data))
        or (b"J" in data and _J(data))
    )


def _spans(text: str) -> Iterator[Span]:
    for match in _ANY.finditer(text):
        yield _KINDS[str(match.lastgroup)], match.start(), match.end()
