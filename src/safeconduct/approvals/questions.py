"""What a person is asked, as it stands at the desk."""

from __future__ import annotations

import msgspec

from safeconduct.approvals.answers import Choice
from safeconduct.core.approvers import Party
from safeconduct.core.manifest import ToolManifest
from safeconduct.core.model import Call
from safeconduct.core.verdict import Requirement
from safeconduct.ports import JSON


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is asked. `shown` is all that they are shown and `digest` what a signature says
    of it. `agreed` are those who said yes, each with the party that they said it for; all others
    have to say yes to the same, `to`: to the smaller arguments `less`, where that was narrowed.
    """

    shown: JSON
    digest: str
    call: Call
    manifest: ToolManifest | None
    requirement: Requirement
    expires_ms: int
    agreed: tuple[tuple[str, str], ...] = ()
    choice: Choice | None = None
    to: str | None = None
    less: JSON | None = None

    @property
    def id(self) -> str:
        """The approval that this would become."""
        return str(self.shown["approval"])

    def missing(self) -> tuple[Party, ...]:
        """Who has still to say yes, and how many of them."""
        left: list[Party] = []
        for one in self.requirement.parties:
            count = one.count - sum(who == one.who for _, who in self.agreed)
            if count > 0:
                left.append(msgspec.structs.replace(one, count=count))
        return tuple(left)

    def told(self) -> JSON:
        """The question as programs read it."""
        agreed = [{"by": by, "for": who} for by, who in self.agreed]
        missing = [{"who": one.who, "count": one.count} for one in self.missing()]
        return {**self.shown, "agreed": agreed, "missing": missing, "shown": self.digest}
