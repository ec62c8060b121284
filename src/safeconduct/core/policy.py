"""The policy engine's answer, as a fact: three sets of rule ids, or an error."""

from __future__ import annotations

import msgspec


class PolicyElevate(msgspec.Struct, frozen=True):
    """A rule that asks for a person's yes; `ttl_s` is how long that yes lasts, in seconds."""

    id: str
    template: str
    ttl_s: int


class PolicyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules said. When `error` is set the three sets are empty.

    `bundle` is the lower-case hexadecimal SHA-256 of the policy bundle.
    """

    permit: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    elevate: tuple[PolicyElevate, ...] = ()
    bundle: str = ""
    error: str | None = None
