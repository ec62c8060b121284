"""Verdicts: what the core answers, and nothing else can be answered.

The three cover the five decisions of CSA AARM: ALLOW and MODIFY are a permit (with obligations),
STEP_UP and DEFER an elevate, DENY a deny.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from safeconduct.core.approvers import Offer, Party
from safeconduct.core.manifest import Marking
from safeconduct.core.obligations import Setting
from safeconduct.core.reasons import REASONS, Reason


class Redact(msgspec.Struct, frozen=True, tag="redact"):
    """Obligation: replace findings of these kinds, and fields of these categories, in the result
    before the agent sees it; by tokens for them those of the kinds in `tokens`. Kinds are told by
    how they begin.
    """

    kinds: tuple[str, ...]
    categories: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


class Spotlight(msgspec.Struct, frozen=True, tag="spotlight"):
    """Obligation: mark the text of the result as data from `source`, not instruction.

    Hines et al., "Defending Against Indirect Prompt Injection Attacks With Spotlighting", 2024.
    """

    source: str
    mode: Marking = "delimit"


class OwnRows(msgspec.Struct, frozen=True, tag="own-rows"):
    """Obligation: each row of the result, at the path `at`, has this tenant in its `field`."""

    at: str
    field: str
    tenant: str


Obligation = Redact | Spotlight | OwnRows


Choice = Literal["named-object", "named-query", "named-field", "trusted-field", "single-source"]
"""What chose that which is read: an object that the request names exactly, what it has in quotes,
words of it, nothing but what is on file, or what stood where the request points."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a permit permits: one tool, one digest, until one moment.

    `chosen`: by whose choice the result comes, and so whether it may vouch for later arguments.
    `follows`: it is permitted by a person's yes to an earlier call. `subgrants`: by number, what
    the user gave that it rests on; `releases`, `elevation` and `bypass`: what
    persons did.
    """

    target: str
    digest: str
    expires_ms: int
    scopes: tuple[str, ...] = ()
    approval: str | None = None
    chosen: Choice | None = None
    follows: bool = False
    subgrants: tuple[int, ...] = ()
    releases: tuple[str, ...] = ()
    elevation: str | None = None
    bypass: str | None = None


class Permit(msgspec.Struct, frozen=True, tag="permit"):
    """The call may run, once, with these obligations met."""

    grant: Grant
    obligations: tuple[Obligation, ...] = ()

    @property
    def result_only(self) -> bool:
        """Whether an obligation can be met by a structured result alone: no text beside it may
        pass, as nobody could tell what it holds.
        """
        return any(
            isinstance(one, OwnRows) or (isinstance(one, Redact) and bool(one.categories))
            for one in self.obligations
        )


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """What a person must say yes to. `sources` are the checks and rules that ask for it, `origins`
    by argument the places where its value was seen; `values` and `wheres` are what a yes may hold
    for besides: the digests of what steers the call, and fields of results. `parties` are those who
    have to say it, `wait_s` how long the question stands if not for `ttl_s`, and `offers` what may
    be given instead of one yes.
    """

    templates: tuple[str, ...]
    sources: tuple[str, ...]
    ttl_s: int
    origins: dict[str, tuple[str, ...]] = {}
    values: tuple[str, ...] = ()
    wheres: tuple[str, ...] = ()
    parties: tuple[Party, ...] = ()
    wait_s: int | None = None
    offers: Offer | None = None


class Elevate(msgspec.Struct, frozen=True, tag="elevate"):
    """The call may run once a person has approved exactly this call. `instead` is the refusal that
    a rule of the policy turned into this question.
    """

    requirement: Requirement
    instead: str | None = None


class Deny(msgspec.Struct, frozen=True, tag="deny"):
    """The call may not run. `code` is one of the closed list; `argument` names the argument only
    where everything that was judged is known to the caller anyway.
    """

    code: str
    argument: str | None = None

    @property
    def reason(self) -> Reason:
        """The entry of the closed list."""
        return REASONS[self.code]


Verdict = Permit | Elevate | Deny

CheckName = Literal[
    "delegation", "tool", "zone", "budget",
    "flow", "sink", "content", "review", "policy", "elevation",
]  # fmt: skip


class Answer(msgspec.Struct, frozen=True):
    """What one check answered: None means that it has nothing against the call."""

    check: CheckName
    said: Deny | Elevate | None
    evaluated: bool = True


class Decision(msgspec.Struct, frozen=True):
    """A verdict and how it came about: the answer of every check, in their order.

    `sets` is what a refused call lacks alone of what the policy demands: with it, the call may be
    decided once more.
    """

    verdict: Verdict
    answers: tuple[Answer, ...]
    sets: tuple[Setting, ...] = ()
