from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.checks.tool import tool as check
from safeconduct.core.manifest import Argument, Effect
from safeconduct.core.model import ToolFacts
from safeconduct.core.verdict import Deny
from tests.support.facts import call, gathered, task, tool


def test_a_reviewed_tool_with_declared_arguments_passes() -> None:
    assert check(call(), gathered()) is None


def test_there_is_no_tool_without_a_manifest() -> None:
    assert check(call(), gathered(tool=tool(manifest=None))) == Deny("tool-unknown")


def test_a_tool_without_scopes_is_in_no_delegation() -> None:
    assert check(call(), gathered(tool=tool(scopes=()))) == Deny("tool-unknown")


def test_a_scope_that_a_new_task_could_have_is_told() -> None:
    assert check(call(), gathered(tool=tool(scopes=("deal:delete",)))) == Deny("scope-missing")


@pytest.mark.parametrize("scopes", [("secret:read",), ("deal:delete", "secret:read")])
def test_a_tool_out_of_reach_does_not_exist(scopes: tuple[str, ...]) -> None:
    assert check(call(), gathered(tool=tool(scopes=scopes))) == Deny("tool-unknown")


def test_where_no_tool_token_of_the_agent_may_go_there_is_no_tool() -> None:
    for scopes in (("deal:update",), ("deal:delete",)):
        known = gathered(tool=replace(tool(scopes=scopes), bearers=frozenset({"another"})))
        assert check(call(), known) == Deny("tool-unknown")


def test_where_its_tool_token_may_go_an_agent_may_go() -> None:
    known = gathered()
    carried = replace(known.tool, bearers=frozenset({known.agent.id, "another"}))
    assert check(call(), replace(known, tool=carried)) is None


def test_every_scope_is_needed() -> None:
    known = gathered(tool=tool(scopes=("deal:update", "deal:delete")))
    assert check(call(), known) == Deny("scope-missing")


def test_a_definition_that_changed_is_refused() -> None:
    assert check(call(), gathered(tool=tool(pin="changed"))) == Deny("definition-changed")


def test_the_agent_s_own_purpose_suffices_to_read_and_for_nothing_else() -> None:
    claimed = task(purpose_source="agent")
    assert check(call(), gathered(task=claimed, tool=tool(effect=Effect.read))) is None
    for effect in set(Effect) - {Effect.read}:
        known = gathered(task=claimed, tool=tool(effect=effect))
        assert check(call(), known) == Deny("purpose-unattested")


def test_an_unreviewed_read_counts_as_the_worst() -> None:
    known = gathered(
        task=task(purpose_source="agent"), tool=tool(effect=Effect.read, pin="unreviewed")
    )
    assert check(call(), known) == Deny("purpose-unattested")


def test_a_front_end_s_word_is_enough() -> None:
    assert check(call(), gathered(task=task(purpose_source="app"))) is None


def test_arguments_without_exact_bytes_are_refused_where_the_tool_exists() -> None:
    inexact = call({}, exact=False)
    assert check(inexact, gathered()) == Deny("arguments-invalid")
    assert check(inexact, gathered(tool=tool(manifest=None))) == Deny("tool-unknown")


def test_an_undeclared_argument_is_named_and_refused() -> None:
    assert check(call({"id": "D-7", "bcc": "x"}), gathered()) == Deny("arguments-invalid", "bcc")


@pytest.mark.parametrize(
    "arguments",
    [
        {"id": 7},
        {"id": "D-7"},
        {"amount_minor": 1},
        {"amount_minor": -1},
        {"to": "dana@customer.example"},
        {"to": ["dana@customer.example", "sam@customer.example"]},
        {"to": []},
        {"to": ["dana@customer.example", 7]},
        {"id": ["D-7", 8]},
        {"id": None, "amount_minor": None, "to": None},
        {"into": ["a", "b"]},
        {"account": "DE1"},
        {"path": "/a"},
        {"next_step": {"any": ["thing", None, 1.5]}},
        {"find": [1, True]},
        {},
    ],
)
def test_arguments_that_fit_pass(arguments: dict[str, Any]) -> None:
    assert check(call(arguments), gathered()) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", True),
        ("id", 1.5),
        ("id", [["D-7"]]),
        ("id", ["D-7", None]),
        ("id", ["D-7", True]),
        ("id", {"of": "D-7"}),
        ("amount_minor", "1"),
        ("amount_minor", True),
        ("amount_minor", 1.5),
        ("amount_minor", [1]),
        ("to", ["dana@customer.example", 1.5]),
        ("to", [["dana@customer.example"]]),
        ("to", {"address": "dana@customer.example"}),
        ("into", [None]),
        ("account", [{"of": "DE1"}]),
        ("path", False),
    ],
)
def test_a_control_argument_is_a_scalar_or_a_list_of_them_and_an_amount_a_number(
    name: str, value: object
) -> None:
    assert check(call({name: value}), gathered()) == Deny("arguments-invalid", name)


@pytest.mark.parametrize(
    ("value", "fits"),
    [(98.7, True), (98.75, True), (98, True), (-0.01, True), (98.755, False), ("98.7", False)],
)
def test_an_amount_has_as_many_digits_behind_the_point_as_the_tool_s_numbers(
    value: object, *, fits: bool
) -> None:
    known = gathered(tool=tool(arguments={"price": Argument(role="amount", decimals=2)}))
    refused = None if fits else Deny("arguments-invalid", "price")
    assert check(call({"price": value}), known) == refused


def sql(**overrides: Any) -> ToolFacts:
    arguments = {"id": Argument(role="content"), "find": Argument(role="query", type="sql")}
    return tool(arguments=arguments, **overrides)


@pytest.mark.parametrize("arguments", [{"find": "select 1"}, {"find": ""}, {}])
@pytest.mark.parametrize("tenant", [None, "", "other.example", "CRM.example"])
def test_free_sql_needs_a_credential_of_the_task_s_tenant(
    tenant: str | None, arguments: dict[str, Any]
) -> None:
    known = gathered(tool=sql(bound_to=tenant))
    assert check(call(arguments), known) == Deny("query-unbound")


def test_free_sql_passes_where_the_credential_ends_at_the_tenant() -> None:
    known = gathered(tool=sql(bound_to="crm.example"))
    assert check(call({"find": "select 1"}), known) is None


def test_what_is_no_free_sql_needs_no_such_credential() -> None:
    arguments = {"find": Argument(role="query"), "id": Argument(role="object-id", type="sql")}
    assert check(call({"find": "x"}), gathered(tool=tool(arguments=arguments))) is None
