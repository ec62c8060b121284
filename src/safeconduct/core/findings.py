"""Kinds of findings, `<family>.<name>`, and what they come to. Pure.

A finding only makes the gateway stricter: it refuses, cuts, taints or withholds, and nothing that
it is absent from counts as clean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from safeconduct.core.labels import Integrity, Label
from safeconduct.core.model import Finding

SECRET: Final = "secret"
"""The family of credentials, which go nowhere: neither to a tool nor to an agent."""

INSTRUCTION: Final = "instruction"
HIDDEN: Final = "document.hidden"
STEERING: Final = frozenset({INSTRUCTION, HIDDEN})
"""Somebody speaks to the agent, or hides what it would read and a person would not."""


def family(kind: str) -> str:
    """`pii` of `pii.email`."""
    return kind.partition(".")[0]


def among(kind: str, named: Collection[str]) -> bool:
    """Whether a kind is among these kinds and families."""
    return kind in named or family(kind) in named


def beginnings(named: Iterable[str]) -> tuple[str, ...]:
    """How the kinds begin that are meant by names of kinds and families."""
    return tuple([name if "." in name else f"{name}." for name in named])


def kinds_of(findings: Iterable[Finding]) -> list[str]:
    """What was found, each kind once, in order."""
    return sorted({finding.kind for finding in findings})


def steers(findings: Iterable[Finding]) -> bool:
    """Whether somebody speaks to the agent in what was looked at."""
    return any(among(finding.kind, STEERING) for finding in findings)


def tainted(findings: Collection[Finding]) -> Label:
    """The label of a text in which this was found: its families are categories, and what speaks to
    the agent could be anybody's.
    """
    return Label(
        integrity=Integrity.untrusted if steers(findings) else Integrity.trusted,
        categories=frozenset({family(finding.kind) for finding in findings}),
    )


def refusal(findings: Iterable[Finding], refused: Collection[str]) -> str | None:
    """The reason why arguments in which this was found go to no tool, or not to the one that
    refuses these kinds and families.
    """
    found = kinds_of(findings)
    if any(family(kind) == SECRET for kind in found):
        return "content-secret"
    return "content-category" if any(among(kind, refused) for kind in found) else None
