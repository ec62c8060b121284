"""The last who proved nothing, for the operator: what they were told, and why in truth.

Callers get one sentence for many faults, so that they learn nothing from it; whoever has to mend a
set-up needs the fault. It is kept in memory, a bounded number of them, and never sent to a caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError

KEPT: Final = 200
"""How many are kept; the oldest make room."""

_MAX_NAME: Final = 256


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. `claims` are names that its tokens hold, which nobody has verified."""

    at_ms: int
    path: str
    told: str
    why: str
    claims: dict[str, str]


class Refusals:
    """The last refusals, in their order."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._kept: deque[Refusal] = deque(maxlen=KEPT)

    def note(self, path: str, told: str, why: str, **tokens: str | None) -> None:
        """Keeps one; `tokens` are what was shown, by what they were shown as."""
        claims = {
            name: claimed
            for name, token in tokens.items()
            if token and (claimed := _claimed(token)) is not None
        }
        refusal = Refusal(
            at_ms=self._clock_ms(), path=path, told=told, why=why or told, claims=claims
        )
        self._kept.append(refusal)

    def last(self) -> list[Refusal]:
        """All that are kept, the newest last."""
        return list(self._kept)


def _claimed(token: str) -> str | None:
    """Whom a token says that it is about, and who issued it."""
    try:
        _, claims = jose.peek(token)
    except JoseError:
        return "not a token"
    said = [str(claims[name])[:_MAX_NAME] for name in ("sub", "iss") if claims.get(name)]
    return " by ".join(said) or "nobody"
