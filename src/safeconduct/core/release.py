"""What a person released: the plain facts of it."""

from __future__ import annotations

from typing import Final

import msgspec

MAX_CALLS: Final = 20
"""For how many calls one release is good at most."""

MAX_MINUTES: Final = 60
"""And for how long."""

MAX_RELEASES: Final = 32
"""How many one task may be given in all."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Good for `left` calls of `tool` until a time. Either of what `decision` returned, or of one
    value, by its digest, for arguments of the `key` that it may vouch for. With `content`, the
    digest of a result that was withheld, it is good for delivering exactly that.
    """

    id: str
    tool: str
    left: int
    until_ms: int
    decision: str = ""
    key: str = ""
    value: str = ""
    content: str = ""

    def lets(self, target: str, now_ms: int) -> bool:
        """Whether it holds for a call of this tool now."""
        return self.left > 0 and now_ms < self.until_ms and target == self.tool
