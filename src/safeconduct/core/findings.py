"""Kinds of findings, `<family>.<name>`, and what they come to. Pure.

A finding only makes the gateway stricter: it refuses, cuts, taints or withholds, and nothing that
it is absent from counts as clean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from safeconduct.core.labels import Integrity, Label
from safeconduct.core.model import Finding
from safeconduct.core.provenance import Origin, requested

SECRET: Final = "secret"
"""The family of credentials, which go nowhere: neither to a tool nor to an agent."""

NAMED_SO: Final = frozenset({"secret.password", "secret.generic"})
"""Credentials without a shape of their own: the word beside them tells."""

INSTRUCTION: Final = "instruction"
HIDDEN: Final = "document.hidden"
STEERING: Final = frozenset({INSTRUCTION, HIDDEN})
"""Somebody speaks to the agent, or hides what it would read and a person would not."""


UNREAD: Final = frozenset({"document.bomb", "document.unreadable"})
"""A document that nobody could look into: none of its text is a finding, and it goes nowhere."""

UNINSPECTED: Final = "inspection.unread"
"""What takes more work to look at than one value may; it goes nowhere, either."""


class Unexamined(Exception):
    """Something could not be looked at. `kind` is one of these, and `why` a sentence that quotes
    nothing of it.
    """

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(f"{kind}: {why}")
        self.kind = kind
        self.why = why


def family(kind: str) -> str:
    """`pii` of `pii.email`."""
    return kind.partition(".")[0]


def among(kind: str, named: Collection[str]) -> bool:
    """Whether a kind is among these kinds and families."""
    return kind in named or family(kind) in named


def beginnings(named: Iterable[str]) -> tuple[str, ...]:
    """How the kinds begin that are meant by names of kinds and families."""
    return tuple([name if "." in name else f"{name}." for name in named])


def without_own(
    findings: Iterable[Finding], provenance: Mapping[str, tuple[Origin, ...]]
) -> tuple[Finding, ...]:
    """The findings but for what only its name makes a credential and the user's own request says:
    "change my password to …" is no leak.
    """
    return tuple(
        [
            one
            for one in findings
            if not (
                one.kind in NAMED_SO
                and one.where
                and requested(provenance.get(str(one.where[0]), ()))
            )
        ]
    )


def kinds_of(findings: Iterable[Finding]) -> list[str]:
    """What was found, each kind once, in order."""
    return sorted({finding.kind for finding in findings})


def steers(findings: Iterable[Finding]) -> bool:
    """Whether somebody speaks to the agent in what was looked at."""
    return any(among(finding.kind, STEERING) for finding in findings)


def tainted(findings: Collection[Finding], cut: Iterable[Finding] = ()) -> Label:
    """The label of a text in which this was found: its families are categories, and what speaks to
    the agent could be anybody's. Who does so is still the author of all else when it was `cut` out.
    """
    spoken = steers(findings) or steers(cut)
    return Label(
        integrity=Integrity.untrusted if spoken else Integrity.trusted,
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
