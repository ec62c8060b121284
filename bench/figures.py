"""From slices to figures: medians over the rounds, ratios round by round, intervals."""

import random
import statistics
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

RESAMPLES = 2000


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One subject in one round; times in microseconds."""

    cpu_us: float
    p50_us: float
    p99_us: float
    rate: float


Found = dict[str, list[Slice]]
"""The slices of each subject, in the order of the rounds."""

Value = TypeVar("Value")


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many per cent of all do not exceed."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def interval(
    values: Sequence[Value], statistic: Callable[[Sequence[Value]], float]
) -> tuple[float, float]:
    """Where 95 % of the statistic lies over resampled values (percentile bootstrap).

    The same values give the same interval.
    """
    chance = random.Random(0)  # noqa: S311  nothing is kept secret by it
    drawn = [statistic(chance.choices(values, k=len(values))) for _ in range(RESAMPLES)]
    cuts = statistics.quantiles(drawn, n=40, method="inclusive")
    return cuts[0], cuts[-1]


def summary(found: Found, rivals: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The figures of each subject; what is added is over `direct`, in the same round."""
    direct = found["direct"]
    ours = [name for name in found if name not in rivals and name != "direct"]
    answer: dict[str, dict[str, Any]] = {}
    for name, slices in found.items():
        one: dict[str, Any] = {"calls_per_s": round(statistics.median(one.rate for one in slices))}
        for field in ("cpu_us", "p50_us", "p99_us"):
            values = [float(getattr(slice_, field)) for slice_ in slices]
            base = [float(getattr(slice_, field)) for slice_ in direct]
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
            one[field] = round(statistics.median(values), 1)
            one[f"{field}_iqr"] = [round(low, 1), round(high, 1)]
            added = [value - without for value, without in zip(values, base, strict=True)]
            one[f"added_{field}"] = round(statistics.median(added), 1)
        if name in rivals:
            one["ratio"] = {own: ratio(slices, found[own]) for own in ours}
        answer[name] = one
    return answer


def ratio(rival: Sequence[Slice], own: Sequence[Slice]) -> dict[str, Any]:
    """How often our CPU of a call goes into the rival's: median of the rounds, and its interval."""
    values = [one.cpu_us / other.cpu_us for one, other in zip(rival, own, strict=True)]
    return {
        "median": significant(statistics.median(values)),
        "interval": [significant(end) for end in interval(values, statistics.median)],
    }


def significant(value: float) -> float:
    """To three digits: a ratio may be far from one."""
    return float(f"{value:.3g}")
