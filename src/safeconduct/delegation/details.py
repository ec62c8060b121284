"""What exactly a task is for: `authorization_details` of the type `safeconduct_task` (RFC 9396).

```json
[{"type": "safeconduct_task", "case": "C-1", "counts": {"jira:ticket:create": 14}}]
```

They only ever narrow: a count becomes a budget, never above that of the profile, and a case is
noted. So nobody has to vouch for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from safeconduct.kit import strictjson
from safeconduct.ports import JSON, TokenRefused

TYPE: Final = "safeconduct_task"
CALLS: Final = "calls"

_MAX_BYTES: Final = 8 * 1024


class Details(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of `authorization_details`. `counts` are by scope, or `calls` for all of them."""

    type: Literal["safeconduct_task"]
    purpose: str | None = None
    case: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$(?!\n)")] | None = None
    counts: dict[str, Annotated[int, Meta(ge=0, le=1_000_000)]] = {}

    def granted(self, budgets: Mapping[str, int]) -> list[JSON]:
        """As it was granted (RFC 9396 section 7): the counts are those that hold."""
        told: JSON = {"type": self.type}
        if self.case is not None:
            told["case"] = self.case
        if self.counts:
            told["counts"] = {name: budgets[name] for name in sorted(self.counts)}
        return [told]


def parse(text: str) -> Details:
    """Read the parameter. Raises TokenRefused."""
    try:
        given = strictjson.loads(text.encode(), max_depth=4, max_bytes=_MAX_BYTES)
        (details,) = msgspec.convert(given, tuple[Details])
    except (strictjson.StrictJSONError, msgspec.ValidationError):
        raise _refused(f"One object of type {TYPE} is understood.") from None
    return details


def budgets(
    details: Details | None, profile: Mapping[str, int], scopes: frozenset[str]
) -> dict[str, int]:
    """The budgets of a task that is granted these scopes. Raises TokenRefused."""
    counts = {} if details is None else details.counts
    if not counts.keys() <= scopes | {CALLS}:
        raise _refused("A count is of a scope that was not granted.")
    fewer = {name: min(count, profile.get(name, count)) for name, count in counts.items()}
    return {**profile, **fewer}


def _refused(sentence: str) -> TokenRefused:
    return TokenRefused("invalid_authorization_details", sentence)
