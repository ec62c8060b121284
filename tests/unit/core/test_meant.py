"""Which row of a result the request means."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.labels import Integrity, Label
from safeconduct.core.manifest import FieldLabel, Returns
from safeconduct.core.provenance import Reading
from safeconduct.core.vouching import vouched
from tests.support.facts import call, tool

FILES = {
    "files.*.id": FieldLabel(integrity="trusted", vouches_for=("object-id",), type="drive.file"),
    "files.*.size": FieldLabel(integrity="trusted", most=("largest",), least=("smallest",)),
    "files.*.changed": FieldLabel(integrity="trusted", most=("newest",), least=("oldest",)),
    "files.*.name": FieldLabel(integrity="untrusted"),
}
TRUSTED, UNTRUSTED = Label(), Label(integrity=Integrity.untrusted)


def files(
    reading: Reading,
    *values: dict[str, Any],
    source: Label = UNTRUSTED,
    arguments: dict[str, Any] | None = None,
) -> list[str]:
    """The ids of the rows that the request means."""
    facts = tool(returns=Returns(fields=FILES), source=source)
    result = {"content": list[Any](), "structuredContent": {"files": list(values)}}
    found = vouched(call(arguments or {}), facts, result, reading)
    return [one.value for one in found if one.named]


def seeking(*names: str) -> Reading:
    return Reading(chosen="named-object", sought=frozenset(names))


OLD = {"id": "F-1", "name": "old-plan.docx", "size": 90, "changed": "2026-01-02"}
PLAN = {"id": "F-2", "name": "plan.docx", "size": 7, "changed": "2026-03-01T10:00"}


class TestOfSeveralThatWereFound:
    def test_the_one_that_is_called_so_is_meant(self) -> None:
        assert files(seeking("plan.docx"), OLD, PLAN) == ["F-2"]

    def test_of_two_that_are_called_so_none_is(self) -> None:
        assert files(seeking("plan.docx"), OLD, PLAN, {**PLAN, "id": "F-3"}) == []

    def test_none_is_meant_by_a_part_of_its_name_or_by_what_the_agent_chose(self) -> None:
        assert files(seeking("plan"), OLD, PLAN) == []
        found = Reading(chosen="named-field", sought=frozenset({"plan.docx"}))
        assert files(found, OLD, PLAN) == []


MENTIONED = Reading(chosen="trusted-field", mentions=lambda value: value == "Rent")
RENT = {"id": "7", "name": "Rent"}


class TestByAWordOfTheUser:
    def test_a_row_is_meant_that_nobody_else_can_have_called_so(self) -> None:
        music = {"id": "6", "name": "Music"}
        assert files(MENTIONED, music, RENT, source=TRUSTED) == ["7"]

    def test_no_row_is_that_others_may_have_written(self) -> None:
        assert files(MENTIONED, RENT, source=UNTRUSTED) == []

    def test_of_two_none_is_meant(self) -> None:
        both = (RENT, {"id": "8", "name": "Rent"})
        assert files(MENTIONED, *both, source=TRUSTED) == []

    def test_nor_is_one_that_an_agent_called_so(self) -> None:
        laundered = replace(MENTIONED, written=lambda value: value == "Rent")
        assert files(laundered, RENT, source=TRUSTED) == []


class TestTheFirstOfAll:
    def meaning(self, word: str) -> Reading:
        return Reading(
            chosen="trusted-field",
            ranks=lambda said, kind: (said, kind) == (word, "drive.file"),
        )

    @pytest.mark.parametrize(
        ("word", "meant"),
        [("largest", "F-1"), ("smallest", "F-2"), ("newest", "F-2"), ("oldest", "F-1")],
    )
    def test_is_meant_by_the_word_for_it(self, word: str, meant: str) -> None:
        assert files(self.meaning(word), OLD, PLAN) == [meant]

    def test_is_not_meant_by_another_word(self) -> None:
        assert files(self.meaning("heaviest"), OLD, PLAN) == []

    def test_is_not_known_where_not_all_were_asked_for(self) -> None:
        assert files(self.meaning("largest"), OLD, PLAN, arguments={"first": 2}) == []
        assert files(replace(self.meaning("largest"), chosen=None), OLD, PLAN) == []

    @pytest.mark.parametrize(
        "size", [90, None, 9.5, True, "large", "9", [91], {"mb": 91}, "2026-01-02"]
    )
    def test_is_not_known_where_two_are_or_not_all_have_a_measure_of_one_kind(
        self, size: object
    ) -> None:
        assert files(self.meaning("largest"), OLD, {**PLAN, "size": size}) == []
        without = {name: value for name, value in PLAN.items() if name != "size"}
        assert files(self.meaning("largest"), OLD, without) == []

    def test_a_row_that_is_no_object_has_no_measure(self) -> None:
        fields = {"names.*": FieldLabel(vouches_for=("object-id",), type="drive.file")}
        result = {"content": list[Any](), "structuredContent": {"names": ["ann", "bob"]}}
        found = vouched(call({}), tool(returns=Returns(fields=fields)), result, self.meaning("x"))
        assert [one.named for one in found] == [False, False]
