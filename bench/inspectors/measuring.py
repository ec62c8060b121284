"""Runs inspectors over a set, and says what came of it: shares with their intervals, and times."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import orjson

from bench.agentdojo.figures import share, wilson
from bench.inspectors.cases import Case, Set, hit
from safeconduct.core.model import Finding

KB: Final = 1024
TEN: Final = 10 * KB
ROUNDS: Final = 3

Inspect = Callable[[object, bytes], Sequence[Finding]]
"""What one inspector finds in a value, whose JSON is given too."""
Part = tuple[str, Inspect]
"""The name of an inspector, and what it does."""
Seen = tuple[str, Finding]
"""The name of the inspector that found it, and what it found."""
Look = Callable[[object], Sequence[Seen]]


class Scores(msgspec.Struct, kw_only=True):
    """What came of a set: by category, how many cases there were and how many of them were found,
    and the same of the clean ones. `finders` are those whose findings counted.
    """

    name: str
    apart: frozenset[str] = frozenset()
    cases: Counter[str] = msgspec.field(default_factory=Counter[str])
    hits: Counter[str] = msgspec.field(default_factory=Counter[str])
    clean: Counter[str] = msgspec.field(default_factory=Counter[str])
    wrong: Counter[str] = msgspec.field(default_factory=Counter[str])
    finders: set[str] = msgspec.field(default_factory=set[str])
    missed: list[Case] = msgspec.field(default_factory=list[Case])
    mistaken: list[tuple[Case, tuple[Finding, ...]]] = msgspec.field(
        default_factory=list[tuple[Case, tuple[Finding, ...]]]
    )

    def json(self, ms_per_kb: float | None = None) -> dict[str, Any]:
        """The figures that are judged, under the names that they have there."""
        counted = [one for one in self.cases if one not in self.apart]
        hits, n = sum(self.hits[one] for one in counted), sum(self.cases[one] for one in counted)
        plain = [one for one in self.clean if one not in self.apart]
        wrong, clean = (sum(each[one] for one in plain) for each in (self.wrong, self.clean))
        return {
            "recall": share(hits, n),
            "recall_interval": list(wilson(hits, n)),
            "n": n,
            "false_positives": share(wrong, clean),
            "false_positives_interval": list(wilson(wrong, clean)),
            "clean": clean,
            "ms_per_kb": ms_per_kb,
            "recall_by": {one: [share(self.hits[one], n), n] for one, n in self.cases.items()},
            "false_positives_by": {
                one: [share(self.wrong[one], n), n] for one, n in self.clean.items()
            },
        }

    def lines(self) -> list[str]:
        """A table for people, the worst first."""
        rows = [
            (self.hits[one] / n, f"  {one:28}{_said(self.hits[one], n)}")
            for one, n in self.cases.items()
        ]
        wrong = [
            (-self.wrong[one] / n, f"  {one:28}{_said(self.wrong[one], n)}")
            for one, n in self.clean.items()
        ]
        found = [line for _, line in sorted(rows)]
        taken = [line for _, line in sorted(wrong)]
        return [f"\n{self.name}: found", *found, f"{self.name}: found where nothing is", *taken]


def _said(part: int, whole: int) -> str:
    low, high = wilson(part, whole)
    return f"{part:5} of {whole:5}{share(part, whole):8.1%}  {low:.1%}..{high:.1%}"


def scored(given: Set, look: Look) -> Scores:
    """Looks at every case of a set."""
    scores = Scores(name=given.name, apart=given.apart)
    for case in given.wanted:
        found = look(case.value)
        scores.cases[case.category] += 1
        if hit(case, [finding for _, finding in found]):
            scores.hits[case.category] += 1
            scores.finders |= {name for name, one in found if hit(case, [one])}
        else:
            scores.missed.append(case)
    for case in given.clean:
        found = look(case.value)
        scores.clean[case.category] += 1
        if hit(case, [finding for _, finding in found]):
            scores.wrong[case.category] += 1
            scores.mistaken.append((case, tuple(finding for _, finding in found)))
    return scores


def ms_per_kb(parts: Sequence[Part], values: Sequence[object]) -> float:
    """Processor time of one KiB of a value's JSON, in milliseconds: the best of three rounds."""
    given = [(value, orjson.dumps(value)) for value in values]
    size = sum(len(data) for _, data in given) / KB
    return round(min(_spent(parts, given) for _ in range(ROUNDS)) / size, 4)


def ms_of_10_kb(parts: Sequence[Part], values: Sequence[object]) -> float:
    """Processor time of one value whose JSON has about ten KiB: the median of many."""
    given = [(value, orjson.dumps(value)) for value in tens(values)]
    best = [min(_spent(parts, [one]) for _ in range(ROUNDS)) for one in given]
    return round(statistics.median(best), 4)


def tens(values: Sequence[object]) -> list[list[object]]:
    """These values, put together to some of about ten KiB each."""
    found: list[list[object]] = []
    several: list[object] = []
    size = 0
    for value in values:
        length = len(orjson.dumps(value))
        if size + length > TEN * 1.1:
            continue
        several.append(value)
        size += length
        if size > TEN * 0.9:
            found.append(several)
            several, size = [], 0
    return found


def _spent(parts: Sequence[Part], given: Sequence[tuple[object, bytes]]) -> float:
    start = time.process_time_ns()
    for value, data in given:
        for _, inspect in parts:
            inspect(value, data)
    return (time.process_time_ns() - start) / 1e6


def misses(scores: Scores) -> list[str]:
    """Every case that was judged wrongly, one a line."""
    found = [
        {"set": scores.name, "missed": one.category, "planted": one.planted, "value": one.value}
        for one in scores.missed
    ]
    taken = [
        {
            "set": scores.name,
            "mistaken": case.category,
            "found": [[one.kind, list(one.where), one.start, one.end] for one in findings],
            "value": case.value,
        }
        for case, findings in scores.mistaken
    ]
    return [json.dumps(one, ensure_ascii=False) for one in (*found, *taken)]
