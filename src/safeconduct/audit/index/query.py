"""What can be asked of an index."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from safeconduct.audit.index.entry import Entry, mark

_One = TypeVar("_One")


class Query(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Records of one tenant; whatever else is given narrows them.

    Times are milliseconds since the epoch: `since_ms` is the first that counts, `until_ms` the
    first that does not. `parent` asks for the starts of tasks below a task. `label` is a word of a
    label: `untrusted`, `restricted`, a category. `limit` is how many: the newest, or the `oldest`.
    """

    tenant: str
    agent: str | None = None
    user: str | None = None
    task: str | None = None
    decision: str | None = None
    approval: str | None = None
    trace: str | None = None
    parent: str | None = None
    object: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    kind: str | None = None
    verdict: str | None = None
    tool: str | None = None
    reason: str | None = None
    label: str | None = None
    limit: int | None = None
    oldest: bool = False

    @property
    def facets(self) -> dict[str, str]:
        """What is asked of a facet, by its field."""
        asked = {
            "kind": self.kind,
            "said": self.verdict,
            "tool": self.tool,
            "reason": self.reason,
            "labels": None if self.label is None else f" {self.label.lower()} ",
        }
        return {name: value for name, value in asked.items() if value is not None}

    @property
    def mark(self) -> int | None:
        """The mark of a record that is looked up by what it alone, or it and few, have."""
        for what in ("decision", "approval", "trace", "parent", "object"):
            value: str | None = getattr(self, what)
            if value is not None:
                return mark(what, value)
        return None

    def within(self, answer: list[_One]) -> list[_One]:
        """Of an answer, the oldest first, what the limit leaves."""
        if self.limit is None:
            return answer
        return answer[: self.limit] if self.oldest else answer[max(0, len(answer) - self.limit) :]

    def fits(self, entry: Entry) -> bool:
        """Whether a record is among those that are asked for; marks may fit by chance."""
        party, facet = entry.party, entry.facet
        wanted = self.mark
        return (
            party.tenant == self.tenant
            and self.agent in (None, party.agent)
            and self.user in (None, party.user)
            and self.task in (None, entry.task)
            and (self.since_ms is None or entry.at_ms >= self.since_ms)
            and (self.until_ms is None or entry.at_ms < self.until_ms)
            and all(
                value in facet.labels if name == "labels" else getattr(facet, name) == value
                for name, value in self.facets.items()
            )
            and (wanted is None or wanted in entry.marks)
        )
