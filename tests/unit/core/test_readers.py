"""Who may read a result, as the system of record says."""

import pytest

from safeconduct.core.vouching import readers

ME = "user:me@quay.example"
MINE = {ME, "me@quay.example"}


@pytest.mark.parametrize(
    ("content", "path", "others"),
    [
        ({"shared": {"a@quay.example": "r", "b@quay.example": "rw"}}, "$.shared",
         {"a@quay.example", "b@quay.example"}),
        ({"shared": ["a@quay.example"]}, "shared", {"a@quay.example"}),
        ({"shared": ["a@quay.example"]}, "shared.*", {"a@quay.example"}),
        ({"shared": ["a@quay.example", "b@quay.example"]}, "shared.*", set()),
        ({"rows": [{"shared": ["a", "b"]}, {"shared": ["b", "c"]}]}, "rows.*.shared", {"b"}),
        ({"rows": [{"shared": ["a"]}, {}]}, "rows.*.shared", set()),
        ({"rows": []}, "rows.*.shared", set()),
        ({"shared": 7}, "shared", set()),
        ({}, "shared", set()),
    ],
)  # fmt: skip
def test_only_those_who_may_read_every_row_are_readers_and_the_user(
    content: dict[str, object], path: str, others: set[str]
) -> None:
    assert readers({"structuredContent": content}, path, ME) == MINE | others


def test_where_nothing_is_said_the_user_alone_is_a_reader() -> None:
    assert readers({"content": []}, "shared", ME) == MINE
