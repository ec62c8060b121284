"""What the trusted fields of a result vouch for: exact values, row by row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safeconduct.core.labels import WORST
from safeconduct.core.manifest import FieldLabel, Owned, Returns
from safeconduct.core.model import ToolFacts
from safeconduct.core.paths import MAX_VALUES, TooManyValues
from safeconduct.core.provenance import UNVOUCHED, Reading, Vouch, Vouched
from safeconduct.core.vouching import MAX_TEXT, MAX_VOUCHED, structured, vouched
from tests.support.facts import call, tool

ON_FILE = Reading(chosen="trusted-field")
FOUND = Reading(chosen="named-field")
CHOSEN = Reading(chosen="named-object")
WHERE = "crm.update_deal:"

ROWS = {
    "rows.*.id": FieldLabel(vouches_for=("object-id",), type="crm.case"),
    "rows.*.name": FieldLabel(integrity="trusted"),
    "rows.*.mail": FieldLabel(vouches_for=("recipient",)),
    "rows.*.body": FieldLabel(integrity="untrusted", vouches_for=("recipient",)),
}


def returning(fields: dict[str, FieldLabel], owned: Owned | None = None, **more: Any) -> ToolFacts:
    return tool(returns=Returns(fields=fields, owned=owned), **more)


def of(
    content: object, reading: Reading, facts: ToolFacts | None = None, **parts: Any
) -> tuple[Vouched, ...]:
    result = {"content": list[Any](), "structuredContent": content, **parts}
    return vouched(call(), facts or returning(ROWS), result, reading)


def rows(*values: dict[str, Any]) -> dict[str, Any]:
    return {"rows": list(values)}


DANA = {"id": "C-1", "name": "Dana", "mail": "dana@customer.example", "body": "eve@evil.example"}
SAM = {"id": "C-2", "name": "Sam", "mail": "sam@customer.example", "body": "eve@evil.example"}


def case(value: str, *, named: bool = False) -> Vouched:
    return Vouched("object-id crm.case", value, f"{WHERE}rows.*.id", as_(named))


def mail(value: str, *, named: bool = False) -> Vouched:
    return Vouched("recipient", value, f"{WHERE}rows.*.mail", as_(named))


def as_(named: bool) -> Vouch:
    return "named-field" if named else "trusted-field"


def is_named(one: Vouched) -> bool:
    return one.place == "named-field"


def naming(*words: str, written: tuple[str, ...] = ()) -> Reading:
    return Reading(
        chosen="trusted-field",
        names=lambda value: value in words,
        written=lambda value: value in written,
    )


def test_trusted_fields_vouch_for_their_exact_values_and_no_others_do() -> None:
    assert of(rows(DANA, SAM), ON_FILE) == (
        case("C-1"), mail("dana@customer.example"), case("C-2"), mail("sam@customer.example"),
    )  # fmt: skip


def test_what_the_request_chose_is_named() -> None:
    assert of(rows(DANA), CHOSEN) == (
        case("C-1", named=True),
        mail("dana@customer.example", named=True),
    )


def test_of_several_rows_the_request_named_none_by_naming_them_together() -> None:
    assert not any(is_named(one) for one in of(rows(DANA, SAM), CHOSEN))
    assert not any(is_named(one) for one in of(rows(DANA, SAM), FOUND))


def test_what_words_find_is_on_file_and_not_named() -> None:
    assert of(rows(DANA), FOUND) == (case("C-1"), mail("dana@customer.example"))


def test_a_row_is_named_by_another_trusted_value_of_it() -> None:
    assert of(rows(DANA, SAM), naming("Dana")) == (
        case("C-1", named=True),
        mail("dana@customer.example", named=True),
        case("C-2"),
        mail("sam@customer.example"),
    )


def test_a_value_does_not_name_its_own_row_for_itself() -> None:
    # `C-1` is in the request by itself; what it names is the rest of its row.
    assert of(rows(DANA), naming("C-1")) == (
        case("C-1"),
        mail("dana@customer.example", named=True),
    )


@pytest.mark.parametrize("word", ["eve@evil.example", "C-3", ""])
def test_a_row_is_not_named_by_what_anybody_may_write_or_by_what_is_not_in_it(word: str) -> None:
    assert not any(is_named(one) for one in of(rows(DANA, SAM), naming(word)))


@pytest.mark.parametrize("flag", [True, None, ["Dana"], {"a": "Dana"}])
def test_a_switch_and_what_is_no_scalar_name_no_row(flag: object) -> None:
    found = of(rows({**DANA, "name": flag}), naming("true", "Dana"))
    assert not any(is_named(one) for one in found)


def test_what_an_agent_wrote_vouches_for_nothing_and_names_nothing() -> None:
    laundered = naming("Dana", written=("dana@customer.example",))
    assert of(rows(DANA), laundered) == (case("C-1", named=True),)
    by_name = naming("Dana", written=("Dana",))
    assert of(rows(DANA), by_name) == (case("C-1"), mail("dana@customer.example"))


@pytest.mark.parametrize(
    ("value", "text"),
    [("C-1", "C-1"), (7, "7"), ("", None), (None, None), (["C-2"], None), ({"a": 1}, None)],
)
def test_scalars_alone_vouch(value: object, text: str | None) -> None:
    assert of(rows({"id": value}), ON_FILE) == (() if text is None else (case(text),))


def test_a_value_vouches_in_the_form_of_its_role() -> None:
    fields = {"to": FieldLabel(vouches_for=("recipient", "account", "object-id"))}
    found = of({"to": "Dana@CUSTOMER.example"}, ON_FILE, returning(fields))
    assert [(one.key, one.value) for one in found] == [
        ("recipient", "Dana@customer.example"),
        ("account", "Dana@CUSTOMER.example"),
        ("object-id", "Dana@CUSTOMER.example"),
    ]


@pytest.mark.parametrize(
    ("result", "reading", "facts"),
    [
        ({}, UNVOUCHED, returning(ROWS)),
        ({"isError": True}, ON_FILE, returning(ROWS)),
        ({}, ON_FILE, returning(ROWS, pin="unreviewed")),
        ({}, ON_FILE, returning(ROWS, pin="changed")),
        ({}, ON_FILE, returning(ROWS, source=WORST)),
        ({}, ON_FILE, tool(manifest=None)),
        ({}, ON_FILE, returning({"rows.*.id": FieldLabel(integrity="trusted")})),
        ({}, ON_FILE, returning({"rows.*.id": FieldLabel("endorsed", vouches_for=("path",))})),
        ({}, ON_FILE, returning({})),
        ({"structuredContent": None}, ON_FILE, returning(ROWS)),
    ],
    ids=[
        "chosen by somebody", "an error", "unreviewed", "changed", "untrusted source",
        "no manifest", "no voucher", "endorsed", "no fields", "free text",
    ],
)  # fmt: skip
def test_what_is_no_trusted_field_of_a_clean_result_vouches_for_nothing(
    result: dict[str, Any], reading: Reading, facts: ToolFacts
) -> None:
    assert of(rows(DANA), reading, facts, **result) == ()


WHEN = {
    "rows.*.id": FieldLabel(integrity="trusted"),
    "rows.*.mail": FieldLabel(vouches_for=("recipient",), when="named"),
}


@pytest.mark.parametrize(
    ("content", "reading", "values"),
    [
        (rows(DANA, SAM), ON_FILE, []),
        (rows(DANA, SAM), CHOSEN, []),
        (rows(DANA), ON_FILE, []),
        (rows(DANA), FOUND, []),
        (rows(DANA), CHOSEN, ["dana@customer.example"]),
        (rows(DANA, SAM), naming("C-2"), ["sam@customer.example"]),
        (rows(DANA, SAM), naming("sam@customer.example"), []),
    ],
)
def test_what_somebody_else_filled_in_vouches_only_in_the_very_row_that_the_request_names(
    content: object, reading: Reading, values: list[str]
) -> None:
    found = of(content, reading, returning(WHEN))
    assert [one.value for one in found] == values
    assert all(is_named(one) for one in found)


OWNED = Owned(at="rows.*", owner="owner")
OF_USER = Reading(chosen="trusted-field", user="user:jane@crm.example")


@pytest.mark.parametrize(
    ("owner", "vouches"),
    [
        ({"owner": "jane@crm.example"}, True),
        ({"owner": "user:jane@crm.example"}, True),
        ({"owner": "sam@crm.example"}, False),
        ({"owner": ""}, False),
        ({}, False),
    ],
)
def test_where_rows_have_owners_those_of_the_user_vouch(
    owner: dict[str, str], vouches: bool
) -> None:
    found = of(rows({"id": "C-1", **owner}), OF_USER, returning(ROWS, OWNED))
    assert found == ((case("C-1"),) if vouches else ())


def test_in_rows_of_others_ids_may_vouch_and_nobody_in_them_does() -> None:
    content = rows({"id": "C-1", "mail": "eve@evil.example", "owner": "sam@crm.example"})
    ids = Owned(at="rows.*", owner="owner", others="ids")
    assert of(content, OF_USER, returning(ROWS, ids)) == (case("C-1"),)
    assert of(content, OF_USER, returning(ROWS, OWNED)) == ()


@pytest.mark.parametrize("named", [False, True])
def test_what_a_call_made_is_picked_and_named_where_the_request_names_it(named: bool) -> None:
    made = {**ROWS, "rows.*.id": FieldLabel(vouches_for=("object-id", "path"), makes=True)}
    reading = naming("Dana") if named else ON_FILE
    found = of(rows({"id": "C-1", "name": "Dana"}), reading, returning(made))
    assert [(one.key, one.place) for one in found] == [
        ("object-id", "named-field" if named else "picked"),
        ("path", "named-field" if named else "trusted-field"),
    ]


def test_owners_of_other_rows_say_nothing_of_these() -> None:
    elsewhere = Owned(at="others.*", owner="owner")
    assert of(rows({"id": "C-1"}), OF_USER, returning(ROWS, elsewhere)) == (case("C-1"),)


@pytest.mark.parametrize(
    ("path", "content", "row_names"),
    [
        ("$.deal.id", {"deal": {"id": "D-7", "owner": "x"}}, False),
        ("id", {"id": "D-7"}, False),
        ("rows.*.members.*", {"rows": [{"name": "Dana", "members": ["D-7"]}]}, True),
        ("rows.*.deals.*.id", {"rows": [{"name": "Dana", "deals": [{"id": "D-7"}]}]}, False),
        ("ids.*", {"ids": ["D-7"], "rows": [{"name": "Dana"}]}, False),
    ],
)
def test_a_row_is_the_innermost_element_and_a_list_of_values_is_a_member_of_it(
    path: str, content: object, row_names: bool
) -> None:
    fields = {
        path: FieldLabel(vouches_for=("object-id",)),
        "rows.*.name": FieldLabel(integrity="trusted"),
    }
    assert of(content, naming("Dana"), returning(fields)) == (
        Vouched("object-id", "D-7", f"{WHERE}{path}", as_(row_names)),
    )


def test_a_value_in_two_fields_vouches_by_both_and_twice_in_one_once() -> None:
    fields = {name: FieldLabel(vouches_for=("object-id",)) for name in ("a", "rows.*.id")}
    content = {"a": "C-1", **rows({"id": "C-1"}, {"id": "C-1"})}
    found = of(content, ON_FILE, returning(fields))
    assert [(one.value, one.where) for one in found] == [
        ("C-1", f"{WHERE}a"),
        ("C-1", f"{WHERE}rows.*.id"),
    ]


def test_a_result_vouches_for_so_many_values_and_no_more() -> None:
    fields = {"rows.*.id": FieldLabel(vouches_for=("object-id", "path"))}
    many = rows(*[{"id": number} for number in range(MAX_VOUCHED)])
    found = of(many, ON_FILE, returning(fields))
    assert len(found) == MAX_VOUCHED
    assert [one.value for one in found[:4]] == ["0", "0", "1", "1"]


def test_more_rows_than_can_be_judged_are_not_judged_in_part() -> None:
    with pytest.raises(TooManyValues):
        of(rows(*[{} for _ in range(MAX_VALUES + 1)]), ON_FILE)


def text(value: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": value}]}


@pytest.mark.parametrize(
    ("result", "value"),
    [
        ({"structuredContent": {"id": 1}, **text('{"id": 2}')}, {"id": 1}),
        (text('{"id": 2}'), {"id": 2}),
        (text("[2]"), {"result": [2]}),
        (text('{"id": 2'), {"result": '{"id": 2'}),
        (text("7"), {"result": "7"}),
        (text("hello"), {"result": "hello"}),
        (text(json.dumps({"id": "x" * MAX_TEXT})), {"result": json.dumps({"id": "x" * MAX_TEXT})}),
        ({"content": [*text("a")["content"], *text("b")["content"]]}, None),
        ({"content": [{"type": "image", "data": "", "mimeType": "image/png"}]}, None),
        ({"content": []}, None),
        ({}, None),
    ],
    ids=[
        "both", "object", "list", "broken", "number", "text", "long", "two", "image", "none",
        "no content",
    ],
)  # fmt: skip
def test_a_result_is_structured_or_its_one_text_is(result: dict[str, Any], value: object) -> None:
    assert structured(result) == value
