"""Members by type."""

import pytest

from safeconduct.core.shapes import (
    Malformed,
    is_number,
    items_of,
    object_of,
    strings_of,
    text_of,
)


def test_gives_what_has_the_type() -> None:
    assert object_of({"a": 1}) == {"a": 1}
    assert items_of({"a": [1, None]}, "a") == [1, None]
    assert text_of({"a": ""}, "a") == ""
    assert strings_of(["a", "b"]) == ["a", "b"]
    assert strings_of([]) == []


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_refuses_what_is_no_object(value: object) -> None:
    with pytest.raises(Malformed):
        object_of(value)


@pytest.mark.parametrize("value", [None, {}, "x", 1])
def test_refuses_what_is_no_list(value: object) -> None:
    with pytest.raises(Malformed):
        items_of({"a": value}, "a")
    with pytest.raises(Malformed):
        strings_of(value)


@pytest.mark.parametrize("value", [None, {}, ["x"], 1])
def test_refuses_what_is_no_text(value: object) -> None:
    with pytest.raises(Malformed):
        text_of({"a": value}, "a")
    with pytest.raises(Malformed):
        strings_of(["a", value])


def test_a_missing_member_is_malformed() -> None:
    with pytest.raises(Malformed):
        text_of({}, "a")
    with pytest.raises(Malformed):
        items_of({}, "a")


@pytest.mark.parametrize(("value", "number"), [(1, True), (0.5, True), (True, False), ("1", False)])
def test_a_truth_value_is_no_number(value: object, number: bool) -> None:
    assert is_number(value) is number
