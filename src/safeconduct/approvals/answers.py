"""A person's answer to a question, and what it is an answer to."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, Literal, Protocol

import msgspec

from safeconduct.core.approvers import Means
from safeconduct.core.canonical import canonical, sha256
from safeconduct.ports import JSON

MAX_SAID: Final = 300
"""How long the words may be that an agent gets with a no, in characters."""

TERMINAL: Final = "unsafe-terminal"
"""How somebody answers who can open the operator socket."""

REMOVED: Final = "This passkey was removed just now."
"""Why a signature that was verified counts for nothing after all."""

USED: Final = "This sign-in was used for something already. Sign in again."
"""Why a token that was verified counts for nothing after all."""

Choice = Literal["granted", "narrowed", "elevated", "denied"]
"""This call; less than it; more calls like it; none."""


class Approver(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers, as their sign-in says. `groups` are those of the entitlements."""

    user: str
    tenant: str
    groups: frozenset[str] = frozenset()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody chose. `arguments` are the smaller ones of a narrowing, `said` is for the
    agent, and `means` how a yes is proven.
    """

    choice: Choice
    means: Means | Literal["unsafe-terminal"]
    arguments: JSON | None = None
    said: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that the approver said yes to this: `kept` stands in the record, where anybody who
    reads it finds it, so what it `consumes` is good for nothing else.
    """

    kept: JSON
    device_bound: bool = False
    consumes: tuple[str, ...] = ()


class NotProven(Exception):
    """The evidence does not show that this person said yes to this; the sentence is for them."""


class NotYours(Exception):
    """This person may not answer this so; the sentence says why."""


class Verifier(Protocol):
    """How a yes is proven by one of the means."""

    def verify(
        self, approver: Approver, challenge: bytes, evidence: JSON, now_ms: int
    ) -> Awaitable[Proof]:
        """Raises NotProven."""
        ...


def challenge(
    shown: JSON, shown_digest: str, choice: Choice, to: str, approver: Approver, nonce: str
) -> bytes:
    """What a passkey signs: SHA-256 of the RFC 8785 form of who says what to which bytes, 32 bytes.

    `to` is the digest of the call, of the smaller call, or of the elevation.
    """
    said = {
        "v": 1,
        "kind": "safeconduct.approval",
        "approval": shown["approval"],
        "choice": choice,
        "to": to,
        "agent": shown["agent"],
        "user": shown["user"],
        "task": shown["task"],
        "tenant": shown["tenant"],
        "approver": approver.user,
        "shown": shown_digest,
        "nonce": nonce,
    }
    return bytes.fromhex(sha256(canonical(said)).removeprefix("sha256:"))
