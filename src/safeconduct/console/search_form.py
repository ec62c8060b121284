"""What an analyst asks of the log, as the fields of a form and of a link say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from safeconduct.audit.index.entry import DAY_MS
from safeconduct.audit.index.moments import moment_ms
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.words import KINDS, SAID
from safeconduct.console.wrong import Wrong

SEARCH: Final = "/search"

MOST: Final = 200
"""How many records a page shows at most."""

USUAL: Final = "50"
MAX_TEXT: Final = 512
ANY: Final = "any"
"""Asks for records of every kind."""

VERDICTS: Final = ("permit", "elevate", "deny")

_UNZONED: Final = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?")
_DAYS: Final = {"today": 0, "yesterday": 1}


class SearchForm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields, as they were filled in; empty: nothing is asked of that."""

    agent: str = ""
    user: str = ""
    tool: str = ""
    verdict: str = ""
    since: str = ""
    until: str = ""
    kind: str = ""
    reason: str = ""
    label: str = ""
    object: str = ""
    task: str = ""
    approval: str = ""
    trace: str = ""
    limit: str = USUAL

    @property
    def filled(self) -> dict[str, str]:
        """What was filled in."""
        found: dict[str, str] = msgspec.to_builtins(self)
        return found

    def link(self, path: str = SEARCH, **more: str) -> str:
        """The address at which this is asked."""
        return f"{path}?{urlencode({**self.filled, **more})}"

    @property
    def most(self) -> int:
        """How many records are wanted. Raises Wrong."""
        if self.limit.isascii() and self.limit.isdigit() and 1 <= int(self.limit[:4]) <= MOST:
            return int(self.limit)
        raise Wrong(400, f"A page shows 1 to {MOST} records.")

    def query(
        self, tenant: str, pseudonym: Callable[[str], str], now_ms: int, end_ms: int
    ) -> Query:
        """The question; what is asked for ends at `end_ms` at the latest.

        Without a kind it is about calls, unless what is asked stands in other records alone.

        Raises:
            Wrong: no record ever says that of itself.
            LogFault: as `pseudonym`.
        """
        return Query(
            tenant=tenant,
            agent=_agent(self.agent),
            user=pseudonym(self.user) if self.user else None,
            task=self.task or None,
            approval=self.approval or None,
            trace=self.trace or None,
            object=self.object or None,
            since_ms=_moment(self.since, now_ms) if self.since else None,
            until_ms=min(_moment(self.until, now_ms) if self.until else end_ms, end_ms),
            kind=self._kind(),
            verdict=self._said(),
            tool=self.tool or None,
            reason=self.reason or None,
            label=self.label or None,
        )

    def _kind(self) -> str | None:
        if self.kind == ANY:
            return None
        if self.kind:
            if self.kind not in KINDS:
                raise Wrong(400, f"There is no kind of record that is called {self.kind}.")
            return self.kind
        elsewhere = self.approval or (self.verdict and self.verdict not in VERDICTS)
        return None if elsewhere else "decision"

    def _said(self) -> str | None:
        if self.verdict and self.verdict not in SAID:
            raise Wrong(400, f"No record says {self.verdict} of itself.")
        return self.verdict or None


def read(fields: Mapping[str, str]) -> SearchForm:
    """The form that was sent. Raises Wrong: a field is none of it, or too long."""
    filled = {name: value.strip() for name, value in fields.items() if value.strip()}
    for name, value in filled.items():
        if name not in SearchForm.__struct_fields__:
            raise Wrong(400, f"Nothing here can be searched by {name}.")
        if len(value) > MAX_TEXT:
            raise Wrong(400, f"At most {MAX_TEXT} characters can be searched for.")
    return msgspec.convert(filled, SearchForm)


def _agent(text: str) -> str | None:
    """An agent as records name it, also where it stands without its scheme, as in our tables."""
    return f"spiffe://{text}" if "/" in text and "://" not in text else text or None


def _moment(text: str, now_ms: int) -> int:
    """A time as people write it here; without a zone it is UTC. Raises Wrong."""
    if text in _DAYS:
        return (now_ms // DAY_MS - _DAYS[text]) * DAY_MS
    if _UNZONED.fullmatch(text):
        text += "Z" if "T" in text else "T00:00Z"
    try:
        return moment_ms(text, now_ms)
    except (ValueError, OverflowError):
        sentence = f"{text} is no time: today, 7d, 24h, 2026-11-21 or 2026-11-21T09:00:00Z are."
        raise Wrong(400, sentence) from None
