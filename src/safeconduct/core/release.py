"""What a person released, and what one may release: the plain facts of it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

MAX_CALLS: Final = 20
"""For how many calls one release is good at most."""

MAX_MINUTES: Final = 60
"""And for how long."""

MAX_RELEASES: Final = 32
"""How many one task may be given in all, and how many results withheld from it are kept: no more of
them could be released."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A result that was withheld from a task: of which decision, call (by its digest) and tool, its
    own digest (`content`), and in `payload` where it is sealed.
    """

    decision: str
    digest: str
    tool: str
    content: str
    payload: dict[str, Any]
    at_ms: int
    findings: tuple[str, ...] = ()


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
