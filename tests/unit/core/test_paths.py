import json

import pytest

from safeconduct.core.paths import MAX_VALUES, TooManyValues, replaced, select

CASE = {"id": "C-1", "messages": [{"body": "a"}, {"body": "b"}, {}, "c"], "tags": {"x": 1, "y": 2}}


@pytest.mark.parametrize("path", ["$", "", "$."])
def test_the_root_is_the_value_itself(path: str) -> None:
    assert select(CASE, path) == [CASE]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("id", ["C-1"]),
        ("$.id", ["C-1"]),
        ("messages.*.body", ["a", "b"]),
        ("tags.*", [1, 2]),
        ("tags.z", []),
        ("id.*", []),
        ("id.length", []),
        ("messages.0", []),
        ("messages.body", []),
        ("*.x", [1]),
        ("~.x", []),
        ("tags.~", ["x", "y"]),
    ],
)
def test_a_path_reaches_what_it_names_and_nothing_else(path: str, values: list[object]) -> None:
    assert select(CASE, path) == values


def test_a_null_is_a_value() -> None:
    assert select({"a": None}, "a") == [None]


def test_a_path_that_reaches_too_much_is_refused_and_not_cut_short() -> None:
    assert len(select([0] * MAX_VALUES, "*")) == MAX_VALUES
    with pytest.raises(TooManyValues):
        select([0] * (MAX_VALUES + 1), "*")


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("id", {"id": 0}),
        ("$.id", {"id": 0}),
        ("tags.*", {"tags": {"x": 0, "y": 0}}),
        ("messages.*.body", {"messages": [{"body": 0}, {"body": 0}, {}, "c"]}),
        ("messages.*", {"messages": [0, 0, 0, 0]}),
        ("nothing", {}),
        ("id.length", {}),
        ("messages.body", {}),
    ],
)
def test_what_a_path_reaches_is_replaced_and_nothing_else(
    path: str, changed: dict[str, object]
) -> None:
    before = json.dumps(CASE)
    assert replaced(CASE, path, 0) == {**CASE, **changed}
    assert json.dumps(CASE) == before


def test_the_root_is_replaced_as_a_whole() -> None:
    assert replaced(CASE, "$", 0) == 0
