import pytest

from safeconduct.core.completeness import Counted, gap


@pytest.mark.parametrize(
    ("numbers", "since_ms", "until_ms", "found"),
    [
        ([(1, 0), (2, 5), (3, 10)], None, 10, None),
        ([(1, 0), (2, 5), (3, 10)], 0, 10, None),
        ([(4, 0), (5, 5), (6, 10)], 5, 10, None),
        ([(4, 0), (5, 10)], 5, 10, None),
        ([], None, 10, "there is no record that was counted"),
        ([(4, 0), (6, 10)], 5, 10, "after number 4 comes 6"),
        ([(4, 0), (4, 10)], 5, 10, "after number 4 comes 4"),
        ([(5, 5), (4, 10)], 6, 10, "after number 5 comes 4"),
        ([(4, 5), (5, 10)], 5, 10, "number 3 is missing before the first"),
        ([(4, 5), (5, 10)], None, 10, "number 3 is missing before the first"),
        ([(1, 5), (2, 9)], 5, 10, "nothing shows that number 2 was the last"),
    ],
)
def test_what_is_missing(
    numbers: list[tuple[int, int]], since_ms: int | None, until_ms: int, found: str | None
) -> None:
    assert gap([Counted(*one) for one in numbers], since_ms, until_ms) == found
