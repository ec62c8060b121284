"""What was decided just now, for those who watch: counted, and shown as far as a person can read.

The log tells of each group when it is durable, which costs a call one append to a queue while
anybody watches, and nothing while nobody does. Once a second all that came is looked at, once for
all watchers. Nothing waits for a browser that is slow: what happened meanwhile is one piece of
news, in which the newest rows are shown, and the others are counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from safeconduct.audit.log import Log
from safeconduct.console.wrong import Wrong

TICK_S: Final = 1.0
"""How often watchers get news, in seconds."""

MAX_WATCHERS: Final = 30
MAX_OF_PERSON: Final = 3
"""How many streams are open at once: all, and those of one person."""

MAX_ROWS: Final = 20
MAX_GROUPS: Final = 40
"""How many decisions, and groups of them, one piece of news shows at most."""

MAX_WAITING: Final = 3_000
"""How many records wait to be looked at; the oldest make room."""

_DECISION: Final = b'"kind":"decision"'

Group = tuple[str, str, str]
"""Tool, verdict and reason. The tool of what is counted together with others is empty."""


class Decision(msgspec.Struct, frozen=True):
    """What a stream says of a decision; `user` is a pseudonym."""

    n: int
    kind: str
    at_ms: int = 0
    decision: str = ""
    tenant: str = ""
    agent: str = ""
    user: str = ""
    tool: str = ""
    verdict: str = ""
    reason: str = ""


class Kind(NamedTuple):
    """What decisions have in common; many of a second are alike."""

    tenant: str
    agent: str
    user: str
    tool: str
    verdict: str
    reason: str


class Seen(NamedTuple):
    """A decision, and its exact bytes."""

    said: Decision
    kind: Kind
    data: bytes


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which decisions somebody wants to see: those of a tenant that have all of this."""

    tenant: str
    agent: str | None = None
    user: str | None = None
    tool: str | None = None
    verdict: str | None = None
    reason: str | None = None

    def fits(self, kind: Kind) -> bool:
        """Whether decisions of a kind are among them."""
        return all(getattr(self, name) in (None, said) for name, said in kind._asdict().items())


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What happened since the last news: how many decisions, the newest in the order of the log,
    and how many there were of each group. `missed` records nobody looked at.
    """

    matched: int
    rows: tuple[Seen, ...]
    groups: tuple[tuple[Group, int], ...]
    missed: int


class Watcher:
    """One stream. What it holds is bounded, however long nobody takes it."""

    def __init__(self, user: str, wanted: Wanted) -> None:
        self.user = user
        self.ticked = asyncio.Event()
        self._wanted = wanted
        self._rows: deque[Seen] = deque(maxlen=MAX_ROWS)
        self._groups: Counter[Group] = Counter()
        self._missed = 0

    def offer(self, kinds: Mapping[Kind, int], seen: Sequence[Seen], missed: int) -> None:
        """Takes what is wanted of what was seen, so many of each kind, and wakes who waits for it.

        Kinds are compared, and single decisions only until there are enough to show: there may be
        thousands, for dozens who watch.
        """
        wanted = {kind: many for kind, many in kinds.items() if self._wanted.fits(kind)}
        for kind, many in wanted.items():
            group = kind.tool, kind.verdict, kind.reason
            if len(self._groups) >= MAX_GROUPS and group not in self._groups:
                group = "", kind.verdict, ""
            self._groups[group] += many
        if wanted:
            newest = islice((one for one in reversed(seen) if one.kind in wanted), MAX_ROWS)
            self._rows.extend(reversed([*newest]))
        self._missed += missed
        self.ticked.set()

    def take(self) -> News | None:
        """What happened since this was asked last; None: nothing."""
        self.ticked.clear()
        if not self._rows and not self._missed:
            return None
        news = News(
            matched=self._groups.total(),
            rows=tuple(self._rows),
            groups=tuple(self._groups.most_common()),
            missed=self._missed,
        )
        self._rows.clear()
        self._groups.clear()
        self._missed = 0
        return news


class Streams:
    """All watchers of one log."""

    def __init__(self, log: Log) -> None:
        self.over = False
        """Whether the console stops, and every stream ends."""

        self._log = log
        self._watchers: list[Watcher] = []
        self._waiting: deque[tuple[int, bytes]] = deque(maxlen=MAX_WAITING)
        self._next = 0
        self._ticking: asyncio.Task[None] | None = None

    def open(self, user: str, wanted: Wanted) -> Watcher:
        """Somebody watches from now on, until `close`. Raises Wrong: enough do."""
        if sum(one.user == user for one in self._watchers) >= MAX_OF_PERSON:
            raise Wrong(429, f"You watch in {MAX_OF_PERSON} places already. Close one of them.")
        if len(self._watchers) >= MAX_WATCHERS:
            raise Wrong(429, f"{MAX_WATCHERS} streams are open, and there are no more.")
        if self._ticking is None:
            self._log.listen(self._hear)
            self._next = self._log.size
            self._ticking = asyncio.create_task(self._tick())
        watcher = Watcher(user, wanted)
        self._watchers.append(watcher)
        return watcher

    async def close(self, watcher: Watcher) -> None:
        """Nobody watches there any more."""
        self._watchers.remove(watcher)
        if not self._watchers and self._ticking is not None:
            self._log.listen(None)
            ticking, self._ticking = self._ticking, None
            self._waiting.clear()
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking

    def stop(self) -> None:
        """Has every stream end."""
        self.over = True
        for one in self._watchers:
            one.ticked.set()

    def look(self) -> None:
        """Gives watchers their news of all that was appended by now."""
        seen: list[Seen] = []
        missed = 0
        for _ in range(len(self._waiting)):
            n, data = self._waiting.popleft()
            missed += max(0, n - self._next)
            self._next = n + 1
            if _DECISION in data:
                try:
                    said = msgspec.json.decode(data, type=Decision)
                except msgspec.DecodeError:
                    # One that is not like the others ends nobody's stream, nor its end.
                    missed += 1
                    continue
                if said.kind == "decision":
                    of = said.tenant, said.agent, said.user, said.tool, said.verdict, said.reason
                    seen.append(Seen(said, Kind(*of), data))
        kinds = Counter(one.kind for one in seen)
        for one in self._watchers:
            one.offer(kinds, seen, missed)

    def _hear(self, first: int, entries: list[bytes]) -> None:
        """Called by whoever writes the log."""
        self._waiting.extend(enumerate(entries, first))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.look()
