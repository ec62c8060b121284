"""Conditional access: what a task profile asks of its user, beyond a live token.

How and when somebody signed in is something that they can do better: the answer says what is
asked for (RFC 9470). What they are, and from which device they come, is not, and is not told.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from safeconduct.config.users import Requires
from safeconduct.core.model import UserFacts
from safeconduct.ports import JSON, TokenRefused

FUTURE_S: Final = 5
"""How far ahead of ours the issuer's clock may be, in seconds."""


def check_access(requires: Requires, user: UserFacts, *, now_ms: int) -> None:
    """Raises TokenRefused unless all of it holds of this user, now."""
    for name, wanted, given in (
        ("kinds", requires.kinds, (user.kind,)),
        ("groups", requires.groups, user.groups),
        ("device", requires.device, user.device),
    ):
        if not _one_of(wanted, given):
            raise TokenRefused(
                "unauthorized_client",
                "This agent may not start such a task for this user.",
                why=f"the profile's `requires.{name}` is not met",
            )
    age_s = now_ms / 1000 - user.auth_time_s
    if (
        not _one_of(requires.acr, (user.acr or "").split())
        or not _one_of(requires.amr, user.amr)
        or (requires.max_age_s is not None and not -FUTURE_S <= age_s <= requires.max_age_s)
    ):
        raise _insufficient(requires)


def _one_of(wanted: Collection[str], given: Collection[str]) -> bool:
    return not wanted or any(one in wanted for one in given)


def _insufficient(requires: Requires) -> TokenRefused:
    """RFC 9470 section 3, as a token endpoint says it."""
    told: JSON = {}
    if requires.acr:
        told["acr_values"] = " ".join(requires.acr)
    if requires.max_age_s is not None:
        told["max_age"] = requires.max_age_s
    return TokenRefused(
        "insufficient_user_authentication",
        "The user must sign in again, as this task asks for it.",
        told=told,
        why="the profile's `requires.acr`, `amr` or `max_age_s` is not met",
    )
