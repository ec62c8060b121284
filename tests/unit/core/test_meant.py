"""Which row of a result the request means."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.labels import Integrity, Label
from safeconduct.core.manifest import FieldLabel, Returns
from safeconduct.core.model import ToolFacts
from safeconduct.core.provenance import Reading, Vouch
from safeconduct.core.vouching import vouched
from tests.support.facts import call, tool

FILES = {
    "files.*.id": FieldLabel(integrity="trusted", vouches_for=("object-id",), type="drive.file"),
    "files.*.size": FieldLabel(integrity="trusted", most=("largest",), least=("smallest",)),
    "files.*.changed": FieldLabel(integrity="trusted", most=("newest",), least=("oldest",)),
    "files.*.name": FieldLabel(integrity="untrusted", names=True),
    "files.*.about": FieldLabel(integrity="untrusted"),
}
ORDERS = {
    "files.*.id": FieldLabel(vouches_for=("object-id",), type="bank.order"),
    "files.*.name": FieldLabel(names=True),
}
TRUSTED, UNTRUSTED = Label(), Label(integrity=Integrity.untrusted)


def files(
    reading: Reading,
    *values: dict[str, Any],
    arguments: dict[str, Any] | None = None,
    place: Vouch = "named-field",
) -> list[str]:
    """The ids of the rows that the request means."""
    return meant(
        tool(returns=Returns(fields=FILES), source=UNTRUSTED), reading, values, arguments, place
    )


def orders(
    reading: Reading, *values: dict[str, Any], source: Label = TRUSTED, **more: FieldLabel
) -> list[str]:
    """The same, of a source in which nobody but the user writes."""
    fields = {**ORDERS, **{f"files.*.{name}": said for name, said in more.items()}}
    return meant(tool(returns=Returns(fields=fields), source=source), reading, values)


def meant(
    facts: ToolFacts,
    reading: Reading,
    values: tuple[dict[str, Any], ...],
    arguments: dict[str, Any] | None = None,
    place: Vouch = "named-field",
) -> list[str]:
    result = {"content": list[Any](), "structuredContent": {"files": list(values)}}
    found = vouched(call(arguments or {}), facts, result, reading)
    return [one.value for one in found if one.place == place]


def seeking(*names: str) -> Reading:
    return Reading(chosen="named-query", sought=frozenset(names))


OLD = {"id": "F-1", "name": "old-plan.docx", "size": 90, "changed": "2026-01-02"}
PLAN = {"id": "F-2", "name": "plan.docx", "size": 7, "changed": "2026-03-01T10:00"}


class TestWhatIsLookedForInQuotes:
    def test_is_what_is_called_so(self) -> None:
        assert files(seeking("plan.docx"), OLD, PLAN) == ["F-2"]
        assert files(seeking("plan.docx"), PLAN) == ["F-2"]

    def test_of_two_that_are_called_so_none_is(self) -> None:
        assert files(seeking("plan.docx"), OLD, PLAN, {**PLAN, "id": "F-3"}) == []

    def test_is_nothing_by_a_part_of_its_name_or_by_what_else_it_says(self) -> None:
        assert files(seeking("plan"), PLAN) == []
        assert files(seeking("all of it"), {**PLAN, "about": "all of it"}) == []

    @pytest.mark.parametrize("chosen", ["named-field", "trusted-field", None])
    def test_is_nothing_where_the_agent_chose_what_to_look_for(self, chosen: Any) -> None:
        assert files(replace(seeking("plan.docx"), chosen=chosen), OLD, PLAN) == []

    def test_an_object_that_the_request_names_is_the_one_that_comes_back(self) -> None:
        exact = Reading(chosen="named-object")
        assert files(exact, PLAN) == ["F-2"]
        assert files(exact, OLD, PLAN) == []


MENTIONED = Reading(chosen="trusted-field", mentions=lambda value: value in ("Rent", "Music"))
RENT, MUSIC = {"id": "7", "name": "Rent"}, {"id": "6", "name": "Films"}


class TestByAWordOfTheUser:
    def test_a_row_is_meant_that_nobody_else_can_have_called_so(self) -> None:
        assert orders(MENTIONED, MUSIC, RENT) == ["7"]

    def test_no_row_is_where_others_may_have_written(self) -> None:
        assert orders(MENTIONED, RENT, source=UNTRUSTED) == []
        assert orders(MENTIONED, RENT, note=FieldLabel(integrity="untrusted")) == []

    def test_of_two_none_is_meant(self) -> None:
        assert orders(MENTIONED, RENT, {"id": "8", "name": "Rent"}) == []
        assert orders(MENTIONED, RENT, {"id": "8", "name": "Music"}) == []

    def test_no_row_is_meant_by_what_is_no_name(self) -> None:
        assert orders(MENTIONED, {"id": "7", "name": "x", "kind": "Rent"}) == []
        assert orders(MENTIONED, {"id": "7", "name": ["Rent"]}) == []

    def test_nor_is_one_that_an_agent_called_so_or_has_written_to(self) -> None:
        assert orders(replace(MENTIONED, written=lambda value: value == "Rent"), RENT) == []
        touched = replace(MENTIONED, touched=lambda kind, id_: (kind, id_) == ("bank.order", "7"))
        assert orders(touched, RENT) == []
        assert orders(touched, {**RENT, "id": "8"}) == ["8"]


class TestTheFirstOfAll:
    def meaning(self, word: str) -> Reading:
        return Reading(
            chosen="trusted-field",
            ranks=lambda said, kind: (said, kind) == (word, "drive.file"),
        )

    def picked(self, word: str, *values: dict[str, Any], **more: Any) -> list[str]:
        return files(replace(self.meaning(word), **more), *values, place="picked")

    @pytest.mark.parametrize(
        ("word", "id_"),
        [("largest", "F-1"), ("smallest", "F-2"), ("newest", "F-2"), ("oldest", "F-1")],
    )
    def test_is_picked_by_the_word_for_it_and_not_named(self, word: str, id_: str) -> None:
        assert self.picked(word, OLD, PLAN) == [id_]
        assert files(self.meaning(word), OLD, PLAN) == []

    def test_is_not_meant_by_another_word(self) -> None:
        assert self.picked("heaviest", OLD, PLAN) == []

    def test_is_not_known_where_not_all_were_asked_for(self) -> None:
        assert (
            files(self.meaning("largest"), OLD, PLAN, arguments={"first": 2}, place="picked") == []
        )
        assert self.picked("largest", OLD, PLAN, chosen=None) == []

    @pytest.mark.parametrize(
        "size", [90, None, 9.5, True, "large", "9", [91], {"mb": 91}, "2026-01-02"]
    )
    def test_is_not_known_where_two_are_or_not_all_have_a_measure_of_one_kind(
        self, size: object
    ) -> None:
        assert self.picked("largest", OLD, {**PLAN, "size": size}) == []
        without = {name: value for name, value in PLAN.items() if name != "size"}
        assert self.picked("largest", OLD, without) == []
