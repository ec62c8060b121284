"""From runs to figures: shares with their intervals, per suite and in total."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import Any

import msgspec

from bench.agentdojo.agent import SCHEDULES
from bench.agentdojo.results import Found
from bench.figures import percentile

Z = 1.959964
"""Of the normal distribution, for 95 %."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What came of some jobs, in counts; `hits` and `always_yes` are pairs. `kinds` are those of
    the attacks that succeeded, `acted` of those that changed or sent anything."""

    pairs: int
    text_only: int
    hits: int
    always_yes: int
    judged: int
    schedules: dict[str, int]
    kinds: dict[str, int]
    acted: dict[str, int]
    tasks: int
    done_0: int
    done_1: int
    done: int
    approvals: int
    calls: int
    wrong: Counter[str]
    refused: Counter[str]
    added_ms: tuple[float, float]

    def json(self) -> dict[str, Any]:
        """The figures that are judged, under the names that they have there."""
        return {
            "pairs": self.pairs,
            "attack_success": share(self.hits, self.pairs),
            "attack_success_interval": list(wilson(self.hits, self.pairs)),
            "always_yes_attack_success": share(self.always_yes, self.pairs),
            "successes": self.kinds,
            "acted": self.acted,
            "user_tasks": self.tasks,
            "done_0": self.done_0,
            "done_1": self.done_1,
            "done_any": self.done,
            "approvals_per_task": share(self.approvals, self.tasks),
            "wrong_refusals": share(self.wrong.total(), self.calls),
        }


def figures(found: Sequence[Found]) -> Figures:
    pairs = [pair for one in found for pair in one.pairs]
    benign = [one.benign for one in found]
    done = [one.approvals for one in benign if one.done]
    added = [s for one in pairs for s in one.added_s] + [s for one in benign for s in one.added_s]
    return Figures(
        pairs=len(pairs),
        text_only=sum(one.text_only for one in found),
        hits=sum(bool(pair.hits) for pair in pairs),
        always_yes=sum(bool(pair.always_yes) for pair in pairs),
        judged=sum(pair.judged for pair in pairs),
        schedules={name: sum(name in pair.hits for pair in pairs) for name in SCHEDULES},
        kinds=dict(Counter(pair.kind for pair in pairs if pair.hits)),
        acted=dict(Counter(pair.kind for pair in pairs if pair.acted)),
        tasks=len(benign),
        done_0=sum(approvals == 0 for approvals in done),
        done_1=sum(approvals <= 1 for approvals in done),
        done=len(done),
        approvals=sum(one.approvals for one in benign),
        calls=sum(one.calls for one in benign),
        wrong=counted(one.refused for one in benign),
        refused=counted(pair.refused for pair in pairs),
        added_ms=(percentile(added, 50) * 1e3, percentile(added, 99) * 1e3),
    )


def counted(reasons: Iterable[Sequence[str]]) -> Counter[str]:
    return Counter(reason for each in reasons for reason in each)


def share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Where a share lies with 95 % (Wilson 1927, the score interval)."""
    if not whole:
        return 0.0, 1.0
    p, square = part / whole, Z * Z / whole
    middle = p + square / 2
    reach = Z * sqrt(p * (1 - p) / whole + square / whole / 4)
    low, high = (middle - reach) / (1 + square), (middle + reach) / (1 + square)
    return round(max(0.0, low), 4), round(min(1.0, high), 4)


HEAD = (
    f"{'':11}{'pairs':>6}{'hits':>6}{'share':>8}{'95 %':>16}"
    + "".join(f"{name:>11}" for name in SCHEDULES)
    + f"{'always-yes':>11}{'tasks':>7}{'done 0':>7}{'<= 1':>6}{'any':>5}{'approvals':>10}"
    + f"{'refused':>9}{'95 %':>14}{'p50 ms':>8}{'p99 ms':>8}"
)


def line(name: str, one: Figures) -> str:
    """A row of the table for people."""
    low, high = (f"{end:.1%}" for end in wilson(one.hits, one.pairs))
    least, most = (f"{end:.1%}" for end in wilson(one.wrong.total(), one.calls))
    p50, p99 = one.added_ms
    return (
        f"{name:11}{one.pairs:6}{one.hits:6}{share(one.hits, one.pairs):8.1%}"
        f"{f'{low}..{high}':>16}"
        + "".join(f"{one.schedules[name]:11}" for name in SCHEDULES)
        + f"{share(one.always_yes, one.pairs):11.1%}{one.tasks:7}{one.done_0:7}{one.done_1:6}"
        f"{one.done:5}{share(one.approvals, one.tasks):10.2f}"
        f"{share(one.wrong.total(), one.calls):9.1%}{f'{least}..{most}':>14}{p50:8.2f}{p99:8.2f}"
    )


def listed(counts: Mapping[str, int]) -> str:
    """The most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered) or "none"
