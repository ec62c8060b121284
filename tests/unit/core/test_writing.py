"""What an agent wrote without a voucher is known again when it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.evidence import MAX_OBJECTS
from safeconduct.core.labels import Integrity, Label
from safeconduct.core.manifest import Argument, FieldLabel, Returns, Role
from safeconduct.core.paths import MAX_VALUES
from safeconduct.core.provenance import Origin, normalise, value_digest
from safeconduct.core.record import label_value
from safeconduct.core.writing import (
    MAX_WRITTEN,
    PER_RECORD,
    TooMuchWritten,
    created,
    object_name,
    objects_named,
    objects_returned,
    written,
    written_digest,
    written_records,
)
from tests.support.facts import ASKED, call, facts, tool

TAINTED = Label(integrity=Integrity.untrusted)


def of(arguments: dict[str, Any], **provenance: tuple[Origin, ...]) -> list[str]:
    return written(call(arguments), facts(provenance=provenance))


def test_what_somebody_vouches_for_is_not_remembered() -> None:
    assert of({"id": "D-7", "find": "D-8"}, id=ASKED) == ["D-8"]
    assert of({"id": "D-7"}, id=(Origin("trusted-field", "w"),)) == []
    # An amount within bounds is the agent's own: read back it must not be the next bound.
    assert of({"amount_minor": 5}, amount_minor=(Origin("bounded"),)) == ["5"]
    assert of({"id": "d-7"}, id=(Origin("seen", "w"), Origin("agent-request"))) == ["d-7"]


def test_of_a_text_the_whole_and_its_telling_words_are_remembered() -> None:
    assert of({"next_step": "call dana@x.example at 12:30, Dana."}) == [
        "call dana@x.example at 12:30, Dana.",
        "dana@x.example",
        "12:30",
        "Dana",
    ]


def test_values_are_remembered_wherever_they_stand_and_each_once() -> None:
    nested = {"a": ["x1y", {"b": 7, "c": "x1y"}], "d": 1.50, "e": True, "f": None}
    assert of({"next_step": nested}) == ["x1y", "7", "1.5"]


def test_names_that_could_be_values_are_remembered_as_values_are() -> None:
    nested = {"shared": {"eve@evil.example": "read", "note": "x"}}
    assert of({"next_step": nested}) == ["eve@evil.example", "read", "x"]


@pytest.mark.parametrize(
    ("value", "role"),
    [
        ("Eve@EVIL.example", "recipient"),
        ("HTTPS://Evil.Example/A", "destination"),
        ("de89 3704 0044", "account"),
        ("1,250.00", "amount"),
        ("E-7", "object-id"),
    ],
)
def test_it_is_known_again_in_the_form_that_it_is_compared_in(value: str, role: Role) -> None:
    form = normalise(value, role)
    assert form is not None
    assert written_digest(form) == written_digest(value) == written_digest(value.lower())


@pytest.mark.parametrize(
    "again",
    ["eve@evil.example", " Eve@evil.example\n", "EVE@EVIL.EXAMPLE", "ｅve@evil.example"],
)
def test_what_a_system_makes_of_it_is_known_again_and_other_values_are_not(again: str) -> None:
    assert written_digest(again) == written_digest("Eve@evil.example")
    assert written_digest(f"{again}.org") != written_digest("Eve@evil.example")


def test_a_change_that_writes_more_than_can_be_followed_is_not_followed_in_part() -> None:
    assert len(of({"next_step": list(range(MAX_WRITTEN))})) == MAX_WRITTEN
    with pytest.raises(TooMuchWritten):
        of({"next_step": list(range(MAX_WRITTEN + 1))})


def test_objects_are_those_of_the_arguments_that_say_which() -> None:
    known = tool(
        arguments={
            "id": Argument(role="object-id", type="crm.deal"),
            "ids": Argument(role="object-id", type="crm.case"),
            "other": Argument(role="object-id"),
            "kind": Argument(role="content", type="crm.deal"),
            "gone": Argument(role="object-id", type="crm.deal"),
        }
    )
    arguments = {"id": 7, "ids": ["C-1", "", None, "C-2"], "other": "x", "kind": "y"}
    assert objects_named(call(arguments), known) == [
        object_name("crm.deal", "7"),
        object_name("crm.case", "C-1"),
        object_name("crm.case", "C-2"),
    ]
    assert objects_named(call(), tool(manifest=None)) == []


def test_an_object_is_named_without_its_id() -> None:
    assert object_name("crm.deal", "D-7") == f"crm.deal {value_digest('D-7')}"


RETURNING = tool(
    returns=Returns(
        fields={"rows.*.id": FieldLabel(type="crm.deal"), "rows.*.name": FieldLabel()},
    )
)


def test_objects_of_a_result_are_those_of_the_fields_that_say_which() -> None:
    result = {"structuredContent": {"rows": [{"id": "D-7", "name": "x"}, {"id": 8}, {"id": None}]}}
    expected = [object_name("crm.deal", "D-7"), object_name("crm.deal", "8")]
    assert objects_returned(RETURNING, result) == expected
    assert created(RETURNING, result) == expected
    assert objects_returned(tool(), result) == []
    assert objects_returned(tool(manifest=None), result) == []


def test_of_what_a_change_made_as_much_is_known_as_a_record_holds() -> None:
    many = {"structuredContent": {"rows": [{"id": number} for number in range(MAX_OBJECTS + 1)]}}
    assert len(created(RETURNING, many)) == MAX_OBJECTS
    too_many = {"structuredContent": {"rows": [{"id": 1}] * (MAX_VALUES + 1)}}
    assert created(RETURNING, too_many) == []


def records(values: list[str], objects: list[str]) -> list[dict[str, Any]]:
    return written_records("d_1", "t_1", 5, "crm", values, objects, TAINTED)


def test_a_record_holds_digests_and_the_label_and_no_text() -> None:
    assert records(["Dana"], ["o"]) == [
        {
            "kind": "memory",
            "decision": "d_1",
            "task": "t_1",
            "at_ms": 5,
            "labels": label_value(Label()),
            "vouched": [],
            "wrote": {
                "system": "crm",
                "values": [written_digest("Dana")],
                "objects": ["o"],
                "labels": label_value(TAINTED),
            },
        }
    ]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, [0]),
        (PER_RECORD, [PER_RECORD]),
        (2 * PER_RECORD + 1, [PER_RECORD, PER_RECORD, 1]),
    ],
)
def test_many_values_are_spread_over_records_and_objects_stand_in_the_first(
    count: int, sizes: list[int]
) -> None:
    objects = [str(number) for number in range(MAX_OBJECTS + 1)]
    made = records([str(number) for number in range(count)], objects)
    assert [len(one["wrote"]["values"]) for one in made] == sizes
    assert made[0]["wrote"]["objects"] == objects[:MAX_OBJECTS]
    assert all(one["wrote"]["objects"] == [] for one in made[1:])
    assert [digest for one in made for digest in one["wrote"]["values"]] == [
        written_digest(str(number)) for number in range(count)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "call eve&#64;ledger.example soon",
        "mailto:eve@ledger.example",
        "contact=eve%40ledger.example;",
        "ZXZlQGxlZGdlci5leGFtcGxl",
        "owner:eve@ledger.example/x",
    ],
)
def test_what_a_system_could_decode_or_cut_out_is_remembered_too(text: str) -> None:
    assert "eve@ledger.example" in of({"next_step": text})
