"""The flow of labels through a task as a picture: call by call down the page.

Each word of a label is a lane that begins at the call whose result brought it, and never ends, as
labels only rise. Where a call was stopped because of a word, a line leads to it from that lane.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from safeconduct.audit.timeline import Event

SINGLE: Final = 120
"""Up to so many events each has a row of its own; of more, those in which nothing changed share
one.
"""

TELLING: Final = 100
"""How many events at most have a row of their own then."""

LANES: Final = 8
ROW: Final = 26
_TOP: Final = 14
_LANE: Final = 18
_RIGHT: Final = 880
_TEXT: Final = 36
_MORE: Final = 58

_SECRET: Final = ("internal", "confidential", "restricted")
_DOUBTED: Final = ("untrusted", "endorsed")


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A word of a task's label: its number, and where it is drawn from and to."""

    number: int
    word: str
    kind: str
    task: str
    tool: str
    decision: str
    x: int
    top: int
    bottom: int
    begins: bool


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A call, or several in which nothing changed. `brought` and `because` are the x of lanes."""

    y: int
    x: int
    at_ms: int
    said: str
    status: str
    text: str
    more: str
    decision: str
    brought: tuple[tuple[int, str], ...]
    because: tuple[tuple[int, str, int], ...]
    child: bool


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn. `shared` events stand in rows with others, `unseen` words have no lane."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    shared: int
    unseen: int


def flow(events: Sequence[Event], task: str) -> Flow:
    """The picture of a task and of those below it."""
    groups = list(_grouped(events))
    ys = {id(one): _TOP + at * ROW for at, group in enumerate(groups) for one in group}
    height = _TOP + len(groups) * ROW
    words = _words(events)
    lanes = tuple(
        Lane(
            number=number + 1,
            word=word,
            kind=_kind(word),
            task=whose,
            tool="" if source is None else source.about,
            decision=(source and source.decision) or "",
            x=10 + number * _LANE,
            top=_first(events, whose, ys) if source is None else ys[id(source)],
            bottom=height - ROW // 2,
            begins=source is not None,
        )
        for number, ((whose, word), source) in enumerate(list(words.items())[:LANES])
    )
    left = 10 + len(lanes) * _LANE
    where = {(lane.task, lane.word): lane for lane in lanes}
    rows = tuple(_row(group, ys[id(group[0])], left + 8, where, task) for group in groups)
    return Flow(
        width=left + _RIGHT,
        height=height,
        lanes=lanes,
        rows=rows,
        shared=sum(len(group) for group in groups if len(group) > 1),
        unseen=max(0, len(words) - LANES),
    )


def _grouped(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The events of each row."""
    if len(events) <= SINGLE:
        yield from ([one] for one in events)
        return
    telling = [one for one in events if _tells(one)]
    telling.sort(key=lambda one: (not one.brought, not one.because, one.n))
    alone = {id(one) for one in telling[:TELLING]}
    for own, run in groupby(events, key=lambda one: id(one) in alone):
        if own:
            yield from ([one] for one in run)
        else:
            yield list(run)


def _tells(event: Event) -> bool:
    return bool(event.brought or event.because) or event.said in ("deny", "elevate", "started")


def _words(events: Sequence[Event]) -> dict[tuple[str, str], Event | None]:
    """Each word that a task's label had, and the event that brought it; None: it had it before."""
    found: dict[tuple[str, str], Event | None] = {}
    for event in events:
        for word in event.had:
            found.setdefault((event.task, word), None)
        for word in event.brought:
            found.setdefault((event.task, word), event)
    return found


def _first(events: Sequence[Event], task: str, ys: dict[int, int]) -> int:
    return next(ys[id(one)] for one in events if one.task == task)


def _row(
    group: Sequence[Event], y: int, x: int, where: dict[tuple[str, str], Lane], task: str
) -> Row:
    first = group[0]
    child = first.task not in (task, "")
    x += 16 * child
    if len(group) > 1:
        return _shared(group, x, y, child=child)
    lanes = [where.get((first.task, word)) for word in first.brought]
    stopped = [where.get((first.task, one.word)) for one in first.because]
    edges = [one for one in stopped if one is not None]
    return Row(
        y=y,
        x=x,
        at_ms=first.at_ms,
        said=first.said,
        status=first.status or ("unknown" if first.said == "permit" else ""),
        text=_cut(first.about or first.kind),
        more=_cut(_more(first), _MORE),
        decision=first.decision or "",
        brought=tuple((one.x, one.kind) for one in lanes if one is not None),
        because=tuple(
            (one.x, one.kind, 4 * at - 2 * (len(edges) - 1)) for at, one in enumerate(edges)
        ),
        child=child,
    )


def _shared(group: Sequence[Event], x: int, y: int, *, child: bool) -> Row:
    counted = Counter(one.about if one.kind == "call" else one.kind for one in group)
    named = [f"{name} \u00d7{number}" for name, number in counted.most_common(3)]
    told = sum(map(_tells, group))
    return Row(
        y=y,
        x=x,
        at_ms=group[0].at_ms,
        said="permit" if all(one.said == "permit" for one in group) else "",
        status="ok",
        text=f"{len(group)} events" + (f", {told} not quiet" if told else ""),
        more=_cut(", ".join([*named, *["…"][: len(counted) - len(named)]]), _MORE),
        decision="",
        brought=(),
        because=(),
        child=child,
    )


def _more(event: Event) -> str:
    told = [event.reason or ""]
    if event.brought:
        told.append(f"brought {', '.join(event.brought)}")
    if event.because:
        told.append(f"because of {', '.join(one.word for one in event.because)}")
    return "; ".join(filter(None, told))


def _kind(word: str) -> str:
    if word in _DOUBTED:
        return "doubted"
    return "secret" if word in _SECRET else "category"


def _cut(text: str, most: int = _TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
