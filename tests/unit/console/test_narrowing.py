"""Which fields the form of less has, and what they come to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.approvals.questions import Question
from safeconduct.console.narrowing import fields, smaller
from safeconduct.console.wrong import Wrong
from safeconduct.core.verdict import Requirement
from tests.support.facts import call, facts


def question(arguments: dict[str, Any], *, known: bool = True) -> Question:
    manifest = facts().gathered.tool.manifest if known else None
    return Question(
        shown={"approval": "a_1"},
        digest="sha256:0",
        call=call(arguments),
        manifest=manifest,
        requirement=Requirement(templates=("x",), sources=("x",), ttl_s=60),
        expires_ms=0,
    )


MANY = {"id": "D-7", "amount_minor": 900, "next_step": "call", "to": ["a@x", "b@x", "c@x"]}


def test_amounts_and_lists_of_what_steers_may_be_less() -> None:
    found = fields(question(MANY))
    assert [(one.field, one.value) for one in found.amounts] == [("less.amount_minor", "900")]
    (people,) = found.lists
    assert [(box.field, box.text) for box in people.boxes] == [
        ("keep.to.0", '"a@x"'),
        ("keep.to.1", '"b@x"'),
        ("keep.to.2", '"c@x"'),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"id": "D-7", "next_step": "call"},
        {"to": "a@x"},
        {"to": ["a@x"]},
        {"amount_minor": True},
        {"amount_minor": "a lot"},
        {"amount_minor": [5]},
        {"amount_minor": None},
        {"unknown": 5},
    ],
)
def test_all_else_may_not(arguments: dict[str, Any]) -> None:
    assert not fields(question(arguments))


def test_a_tool_that_nobody_reviewed_has_nothing_that_may_be_less() -> None:
    assert not fields(question(MANY, known=False))


@pytest.mark.parametrize(
    ("asked", "written", "comes_to"),
    [
        (900, "5", 5),
        (900, " 5 ", 5),
        (900, "900", 900),
        (-900, "-5", -5),
        (9.5, "2.25", 2.25),
        (9.5, "2", 2.0),
        ("9.50", "2.25", "2.25"),
    ],
)
def test_an_amount_keeps_its_type(asked: object, written: str, comes_to: object) -> None:
    found = smaller(question({"amount_minor": asked}), {"less.amount_minor": written})
    assert found == {"amount_minor": comes_to}
    assert type(found["amount_minor"]) is type(asked)


@pytest.mark.parametrize("written", ["", "a", "5.5", "1e3", "NaN", "٥", "0x5", "1" * 19, "5 5"])
def test_what_is_no_such_number_is_said(written: str) -> None:
    with pytest.raises(Wrong, match="has to be a number"):
        smaller(question({"amount_minor": 900}), {"less.amount_minor": written})


def test_boxes_that_are_left_out_leave_items_out() -> None:
    asked = question(MANY)
    form = {"keep.to.0": "on", "keep.to.2": "on", "keep.to.9": "on", "less.id": "x", "to": "eve"}
    assert smaller(asked, form) == MANY | {"to": ["a@x", "c@x"]}
    assert smaller(asked, {}) == MANY | {"to": []}
    assert asked.call.arguments == MANY


def test_a_question_is_not_changed_by_its_form() -> None:
    asked = replace(question(MANY), choice="narrowed")
    assert smaller(asked, {"less.amount_minor": "1"})["amount_minor"] == 1
    assert asked.call.arguments["amount_minor"] == 900


def test_who_comes_second_finds_what_was_agreed_to() -> None:
    less = MANY | {"amount_minor": 5, "to": ["a@x", "c@x"]}
    found = fields(replace(question(MANY), choice="narrowed", less=less))
    assert [(one.value, one.now) for one in found.amounts] == [("900", "5")]
    assert [box.kept for box in found.lists[0].boxes] == [True, False, True]
    assert [box.kept for box in fields(question(MANY)).lists[0].boxes] == [True, True, True]
