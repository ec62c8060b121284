"""The policy engine's answer, as a fact: three sets of rule ids, or an error."""

from __future__ import annotations

from typing import Literal

import msgspec

from safeconduct.core.approvers import Party
from safeconduct.core.masks import Mask
from safeconduct.core.obligations import NO_DEMANDS, Demands

Said = Literal["permit", "elevate", "deny"]
"""What a set of rules amounts to: deny over elevate over permit; nothing means deny."""


class PolicyElevate(msgspec.Struct, frozen=True):
    """A rule that asks for a person's yes; `ttl_s` is how long that yes lasts, in seconds.
    `parties` are those who have to say it, where the rule says who.
    """

    id: str
    template: str
    ttl_s: int
    parties: tuple[Party, ...] = ()


class PolicyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules said. When `error` is set all sets are empty.

    `obligations` are names from the bundle that rules which permit or elevate demand, `demands`
    what these come to together. `log_only` are rules that spoke and do not count yet, and
    `would_have` is what the policy had said if they did; None where no such rule spoke. `masks` are
    parts of the input that no record shows; None where an engine did not say which. `bundle` is the
    lower-case hexadecimal SHA-256 of the policy bundle, `engine` the name and version of what
    evaluated it.
    """

    permit: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    elevate: tuple[PolicyElevate, ...] = ()
    obligations: tuple[str, ...] = ()
    demands: Demands = NO_DEMANDS
    log_only: tuple[str, ...] = ()
    would_have: Said | None = None
    masks: tuple[Mask, ...] | None = ()
    bundle: str = ""
    engine: str = ""
    error: str | None = None

    @property
    def said(self) -> Said:
        """Deny over elevate over permit; an error, or nothing, means deny."""
        if self.error is not None or self.deny:
            return "deny"
        if self.elevate:
            return "elevate"
        return "permit" if self.permit else "deny"
