from typing import Any

import pytest

from safeconduct.core.model import KEY, Finding
from safeconduct.core.redact import redact


def found(where: tuple[str | int, ...], start: int, end: int, kind: str = "secret.x") -> Finding:
    return Finding(kind, where, start, end)


def test_nothing_found_is_nothing_changed() -> None:
    value: dict[str, Any] = {"a": "text"}
    assert redact(value, ()) is value


def test_a_finding_is_replaced_by_its_kind_where_it_stands() -> None:
    value = {"a": [{"b": "my key1 is"}, "my key1 is", 1, None], "c": "key1"}
    assert redact(value, [found(("a", 0, "b"), 3, 7)]) == {
        "a": [{"b": "my [redacted: secret.x] is"}, "my key1 is", 1, None],
        "c": "key1",
    }


def test_the_value_that_was_given_stays_as_it_was() -> None:
    value = {"a": ["key1"]}
    redact(value, [found(("a", 0), 0, 4)])
    assert value == {"a": ["key1"]}


@pytest.mark.parametrize("order", [1, -1])
def test_spans_that_overlap_fall_together_in_whatever_order_they_came(order: int) -> None:
    spans = [found(("a",), 2, 6, "one"), found(("a",), 4, 8, "two"), found(("a",), 3, 5, "three")]
    assert redact({"a": "0123456789"}, spans[::order]) == {"a": "01[redacted: one]89"}


def test_a_span_inside_a_longer_one_ends_nothing() -> None:
    spans = [found(("a",), 0, 9, "one"), found(("a",), 1, 3, "two"), found(("a",), 5, 7, "three")]
    assert redact({"a": "0123456789"}, spans) == {"a": "[redacted: one]9"}


def test_spans_that_touch_are_two() -> None:
    spans = [found(("a",), 0, 2, "one"), found(("a",), 2, 4, "two")]
    assert redact({"a": "0123"}, spans) == {"a": "[redacted: one][redacted: two]"}


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (-5, 2, "[redacted: secret.x]23"),
        (2, 99, "01[redacted: secret.x]"),
        (-9, 99, "[redacted: secret.x]"),
        (2, 2, "0123"),
        (3, 1, "0123"),
        (7, 9, "0123"),
    ],
)
def test_a_span_beyond_the_text_is_cut_to_it(start: int, end: int, text: str) -> None:
    assert redact({"a": "0123"}, [found(("a",), start, end)]) == {"a": text}


def test_a_key_is_cut_and_its_value_stays() -> None:
    findings = [found(("a", "key1", KEY), 0, 4), found(("a", "key1"), 0, 1)]
    assert redact({"a": {"key1": "xyz"}}, findings) == {
        "a": {"[redacted: secret.x]": "[redacted: secret.x]yz"}
    }


def test_of_two_keys_that_become_alike_one_is_left() -> None:
    findings = [found(("key1", KEY), 0, 4), found(("key2", KEY), 0, 4)]
    assert redact({"key1": 1, "key2": 2}, findings) == {"[redacted: secret.x]": 2}


@pytest.mark.parametrize("where", [(), ("b",), ("a", 0), ("a", "b"), ("n",)])
def test_a_finding_at_a_place_that_is_gone_removes_nothing(where: tuple[str | int, ...]) -> None:
    value = {"a": "text", "n": 1.5}
    assert redact(value, [found(where, 0, 4)]) == value


@pytest.mark.parametrize(
    ("number", "start", "end", "left"),
    [
        (4111111111111111, 0, 16, "[redacted: secret.x]"),
        (4111111111111111, 4, 8, "4111[redacted: secret.x]11111111"),
        (-4111111111111111, 1, 17, "-[redacted: secret.x]"),
        (4111111111111111, 3, 3, 4111111111111111),
        (4111111111111111, 20, 30, 4111111111111111),
        (10**6, 0, 7, "[redacted: secret.x]"),
        (10**20 - 1, 0, 20, "[redacted: secret.x]"),
        (10**6 - 1, 0, 6, 10**6 - 1),
        (10**20, 0, 21, 10**20),
        (10**500, 0, 21, 10**500),
        (True, 0, 4, True),
        (1234567.5, 0, 9, 1234567.5),
        (None, 0, 4, None),
    ],
)
def test_an_integer_that_may_be_a_number_of_somebody_is_cut_as_it_is_written(
    number: object, start: int, end: int, left: object
) -> None:
    assert redact({"a": [number, number]}, [found(("a", 1), start, end)]) == {"a": [number, left]}
