from __future__ import annotations

import json
from typing import Any

import pytest

from safeconduct.core.labels import Label
from safeconduct.core.manifest import FieldLabel, Returns
from safeconduct.core.model import ToolFacts
from safeconduct.core.paths import MAX_VALUES, TooManyValues
from safeconduct.core.structured import Concealed, hidden, own_rows, verified
from tests.support.facts import manifest, tool

OWN: dict[str, Any] = {"id": 1, "tenant_id": "a.example"}


def answer(structured: object, *texts: str, **parts: Any) -> dict[str, Any]:
    blocks = [{"type": "text", "text": text} for text in texts]
    return {"content": blocks, "structuredContent": structured, **parts}


def rows(*given: object) -> dict[str, Any]:
    return answer({"rows": list(given)})


def owned(result: dict[str, Any], at: str = "rows", field: str = "tenant_id") -> bool:
    return own_rows(result, at, field, "a.example")


class TestVerified:
    def test_text_that_says_the_same_is_no_other_text(self) -> None:
        assert verified(answer({"a": 1})) == {"a": 1}
        assert verified(answer({"a": 1}, '{"a": 1}', '{ "a":1}')) == {"a": 1}

    @pytest.mark.parametrize("text", ["", "x", '{"a": 2}', '{"b": 9, "a": 1}', '{"a": 2, "a": 1}'])
    def test_text_that_says_anything_else_hides_what_it_says(self, text: str) -> None:
        assert verified(answer({"a": 1}, '{"a": 1}', text)) is None

    def test_nothing_structured_is_nothing_verified(self) -> None:
        assert verified({"content": []}) is None
        assert verified({"content": [{"type": "text", "text": "[" * 100_000}]}) is None


class TestRows:
    def test_rows_of_the_tenant_pass(self) -> None:
        assert owned(rows())
        assert owned(rows(OWN, {**OWN, "id": 2}))
        assert owned(answer({"rows": [OWN]}, json.dumps({"rows": [OWN]})))

    def test_one_object_is_a_row(self) -> None:
        assert owned(answer({"customer": OWN, "more": 1}), at="customer")
        assert owned(answer(OWN), at="$")

    def test_the_tenant_may_stand_below(self) -> None:
        assert owned(rows({"owner": {"tenant": "a.example"}}), field="owner.tenant")

    @pytest.mark.parametrize(
        "row",
        [
            {"id": 1},
            {"id": 1, "tenant_id": "b.example"},
            {"id": 1, "tenant_id": "A.example"},
            {"id": 1, "tenant_id": None},
            {"id": 1, "tenant_id": ["a.example"]},
            {"id": 1, "TENANT_ID": "a.example"},
            [OWN],
            "a.example",
            None,
        ],
    )
    def test_one_row_that_is_not_the_tenant_s_is_enough(self, row: object) -> None:
        assert not owned(rows(OWN, row, OWN))

    def test_a_row_of_two_tenants_is_nobody_s(self) -> None:
        shared = {"tenants": ["a.example", "b.example"]}
        assert not owned(rows(shared), field="tenants.*")

    @pytest.mark.parametrize("structured", [{}, {"rows": None}, {"Rows": [OWN]}, [OWN], None])
    def test_rows_that_are_not_where_they_should_be_are_nobody_s(self, structured: object) -> None:
        assert not owned(answer(structured))

    def test_what_text_adds_is_nobody_s(self) -> None:
        assert not owned(answer({"rows": [OWN]}, "also: b.example's row"))
        assert not owned({"content": [{"type": "text", "text": json.dumps({"rows": [OWN]})}]})
        assert not owned({"content": [], "isError": True})

    def test_too_many_to_be_judged_are_not(self) -> None:
        with pytest.raises(TooManyValues):
            owned(rows({str(n): n for n in range(MAX_VALUES + 1)}), field="*")


class TestHidden:
    def labelled(self, **overrides: Any) -> ToolFacts:
        fields = {
            "email": FieldLabel(categories=("pii", "contact")),
            "calls.*.phone": FieldLabel(categories=("pii",)),
            "price": FieldLabel(categories=("pricing",)),
        }
        return tool(manifest=manifest(returns=Returns(fields=fields)), **overrides)

    def test_fields_of_a_category_are_replaced_in_the_structure_and_its_text(self) -> None:
        given: dict[str, Any] = {
            "email": "dana@customer.example",
            "calls": [{"phone": 1}, {"at": 2}, {"phone": None}],
            "price": 7,
        }
        kept, count = hidden(self.labelled(), answer(given, json.dumps(given)), ("pii",))
        gone = "[redacted: pii]"
        expected = {
            "email": gone,
            "calls": [{"phone": gone}, {"at": 2}, {"phone": gone}],
            "price": 7,
        }
        assert (kept["structuredContent"], count) == (expected, 3)
        assert [json.loads(block["text"]) for block in kept["content"]] == [expected]
        assert given["email"] == "dana@customer.example"

    def test_where_no_field_has_the_category_all_of_it_stays(self) -> None:
        result = answer({"email": "x"}, "free text")
        assert hidden(self.labelled(), result, ("salary",)) == (result, 0)

    @pytest.mark.parametrize(
        "result", [answer({"email": "x"}, "dana@customer.example"), {"content": []}]
    )
    def test_where_text_may_hold_the_field_nothing_is_shown(self, result: dict[str, Any]) -> None:
        with pytest.raises(Concealed):
            hidden(self.labelled(), result, ("pii",))

    def test_where_all_of_it_is_the_field_nothing_is_shown(self) -> None:
        whole = tool(
            manifest=manifest(returns=Returns(fields={"$": FieldLabel(categories=("pii",))}))
        )
        with pytest.raises(Concealed):
            hidden(whole, answer({"id": 1}), ("pii",))

    @pytest.mark.parametrize(
        "facts",
        [
            tool(pin="unreviewed"),
            tool(manifest=None),
            tool(source=Label(categories=frozenset({"pii"}))),
        ],
    )
    def test_where_nobody_knows_or_all_of_it_is_nothing_is_shown(self, facts: ToolFacts) -> None:
        with pytest.raises(Concealed):
            hidden(facts, answer({"id": 1}), ("pii",))
