from typing import get_args

import pytest

from safeconduct.core.provenance import (
    REQUESTS,
    VOUCHING,
    Origin,
    Place,
    PurposeSource,
    normalise,
    request_origin,
    vouched_for,
    words,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("D-7", "D-7"),
        ("", ""),
        (7, "7"),
        (-7, "-7"),
        (True, "true"),
        (False, "false"),
        (7.0, None),
        (None, None),
        (["D-7"], None),
        ({"id": "D-7"}, None),
    ],
)
def test_only_text_and_whole_numbers_can_be_compared(value: object, text: str | None) -> None:
    assert normalise(value) == text


def test_a_look_alike_is_another_value() -> None:
    assert request_origin("write to dana@customer.example", "user", "Dana@customer.example") is None
    assert request_origin("write to dana@customer.example", "user", "dаna@customer.example") is None


@pytest.mark.parametrize(
    ("purpose", "value"),
    [
        ("Answer case C-1.", "C-1"),
        ("Answer case C-1?!..", "C-1"),
        ('Answer "C-1", then stop', "C-1"),
        ("Answer (C-1); then stop", "C-1"),
        ("Answer C-1,C-2 today", "C-2"),
        ("Pay 1,250 to D-7", "1,250"),
        ("Pay 1,250. Now.", "1,250"),
        ("Mail o'brien@example.com", "o'brien@example.com"),
        ("Mail „dana@customer.example“", "dana@customer.example"),
    ],
)
def test_a_request_names_its_words_without_the_marks_around_them(purpose: str, value: str) -> None:
    assert request_origin(purpose, "user", value) == Origin("user-request")


@pytest.mark.parametrize(
    ("purpose", "value"),
    [
        ("Mail o'brien@example.com", "brien@example.com"),
        ("Pay 1,250 to D-7", "250"),
        ("Pay 1,250 to D-7", "1"),
        ("Answer case C-12", "C-1"),
        ("Answer case C-1.....", "C-1"),
        ("Answer case C-1", ""),
        ("", ""),
    ],
)
def test_a_request_does_not_name_parts_of_its_words(purpose: str, value: str) -> None:
    assert request_origin(purpose, "user", value) is None


def test_a_word_stands_with_and_without_each_of_its_marks() -> None:
    assert words('"C-1".') == {'"C-1".', 'C-1".', 'C-1"', "C-1"}


@pytest.mark.parametrize("source", REQUESTS)
def test_a_request_vouches_unless_the_agent_wrote_it(source: PurposeSource) -> None:
    origin = request_origin("Answer case C-1", source, "C-1")
    assert origin == Origin(REQUESTS[source])
    assert origin is not None
    assert vouched_for([origin]) is (source != "agent")


def test_trusted_fields_and_constants_vouch() -> None:
    assert {place for place in get_args(Place) if vouched_for([Origin(place)])} == VOUCHING
    assert vouched_for([Origin("agent-request"), Origin("trusted-field", "crm.get_case:id")])
    assert not vouched_for([])
