"""What a notice says: little enough for a screen that others see, too.

Never an argument, and nothing that an agent wrote: which tool, under which title, who asks for
whom, until when, and the page where all the rest stands, which needs a sign-in of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from safeconduct.approvals.questions import Question

MAX_WORDS: Final = 120
"""How long a name or title may be in a notice, in characters."""

Choice = Literal["granted", "narrowed", "elevated", "denied", "lapsed"]

_SAID: Final[dict[Choice, str]] = {
    "granted": "Approved",
    "narrowed": "Approved in part",
    "elevated": "Approved, with more calls like it",
    "denied": "Denied",
    "lapsed": "Lapsed: nobody answered in time",
}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One question, as people are told of it. `link` is the page of the console."""

    approval: str
    title: str
    tool: str
    agent: str
    user: str
    tenant: str
    parties: tuple[str, ...]
    asked_ms: int
    expires_ms: int
    link: str

    @property
    def subject(self) -> str:
        """The notice in one line."""
        return f"Approval needed: {self.title or self.tool}"

    def facts(self, now_ms: int) -> tuple[tuple[str, str], ...]:
        """What is said, each with its name."""
        left_s = max(0, self.expires_ms - now_ms) // 1000
        left = f"{left_s // 60} min" if left_s >= 120 else f"{left_s} s"
        until = datetime.fromtimestamp(self.expires_ms / 1000, UTC).strftime("%H:%M:%S UTC")
        return (
            ("Tool", self.tool),
            ("Asked by", self.agent),
            ("For", self.user),
            ("Answer within", f"{left}, until {until}"),
        )


class Settled(msgspec.Struct, frozen=True):
    """A question does not wait any more: who answered it, and how."""

    choice: Choice
    by: str | None = None

    @property
    def sentence(self) -> str:
        """What stands where people were asked."""
        said = _SAID[self.choice]
        return said if self.by is None else f"{said} by {plain(self.by)}"


def notice(question: Question, console: str) -> Notice:
    """What people are told of a question. `console` is the URL of the pages."""
    shown = question.shown
    return Notice(
        approval=question.id,
        title=plain(shown["title"]),
        tool=plain(shown["tool"]),
        agent=plain(shown["agent"]),
        user=plain(shown["user"]),
        tenant=plain(shown["tenant"]),
        parties=tuple(one.who for one in question.requirement.parties),
        asked_ms=shown["asked_ms"],
        expires_ms=question.expires_ms,
        link=f"{console.rstrip('/')}/approvals/{question.id}",
    )


def plain(text: str) -> str:
    """One line of what can be seen: no control, no character that turns others round."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= MAX_WORDS else f"{line[: MAX_WORDS - 1]}…"
