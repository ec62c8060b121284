"""What the benchmark makes of its slices."""

import statistics

import pytest

from bench.figures import Slice, interval, percentile, ratio, summary
from bench.memory import slope


def taken(*cpu_us: float, p50_us: float = 100.0) -> list[Slice]:
    return [Slice(cpu_us=one, p50_us=p50_us, p99_us=p50_us * 3, rate=1000) for one in cpu_us]


@pytest.mark.parametrize(
    ("values", "percent", "found"),
    [(range(1, 101), 99, 99), (range(1, 101), 50, 50), ([3, 1, 2], 99, 3), ([7], 99, 7)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], percent: int, found: float) -> None:
    assert percentile(list(values), percent) == found


def test_an_interval_is_the_same_for_the_same_values_and_holds_the_median() -> None:
    values = [4.0, 1.0, 3.0, 2.0, 5.0, 9.0, 7.0]
    low, high = interval(values, statistics.median)
    assert (low, high) == interval(values, statistics.median)
    assert min(values) <= low < statistics.median(values) < high <= max(values)


def test_values_that_agree_leave_no_doubt() -> None:
    assert interval([2.0] * 15, statistics.median) == (2.0, 2.0)


def test_a_ratio_is_taken_round_by_round() -> None:
    # A round in which the machine was busy doubled both: the ratio does not notice.
    found = ratio(taken(100, 200, 100), taken(20, 40, 20))
    assert found == {"median": 5.0, "interval": [5.0, 5.0]}


def test_a_rival_is_compared_with_each_of_ours_and_nobody_with_the_server_alone() -> None:
    found = {
        "direct": taken(10, 10),
        "null": taken(50, 50),
        "full": taken(100, 110, p50_us=250.0),
        "other": taken(200, 220),
    }
    answer = summary(found, ["other"])
    assert list(answer) == list(found)
    assert answer["other"]["ratio"] == {
        "null": {"median": 4.2, "interval": [4.0, 4.4]},
        "full": {"median": 2.0, "interval": [2.0, 2.0]},
    }
    assert [name for name, one in answer.items() if "ratio" in one] == ["other"]
    full = answer["full"]
    assert (full["cpu_us"], full["added_cpu_us"]) == (105.0, 95.0)
    assert (full["added_p50_us"], full["added_p99_us"]) == (150.0, 450.0)
    assert full["cpu_us_iqr"] == [102.5, 107.5]


def test_memory_grows_by_what_was_added_for_each_call() -> None:
    assert slope([(100, 4096), (300, 0)]) == 10.24
