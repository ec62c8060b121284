"""What a permit uses up of the limits of its task."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.limits import CALLS, Uncountable, budgets, moving, spends, touches
from safeconduct.core.manifest import Argument, Effect
from safeconduct.core.model import Gathered, Reach
from tests.support.facts import call, gathered, task, tool

SCOPE = "deal:update"
DEALS = moving(SCOPE)


def limited(**changed: Any) -> Gathered:
    """A task that is limited in what its calls move and touch."""
    return gathered(
        task=task(budgets={DEALS: 100}, reaches={SCOPE: (Reach(2),)}), tool=tool(**changed)
    )


def moved(given: dict[str, Any], **changed: Any) -> int:
    return spends(call(given), limited(**changed))[DEALS]


def touched(given: dict[str, Any], **changed: Any) -> list[str]:
    return touches(call(given), limited(**changed))[SCOPE]


def test_a_call_spends_one_of_calls_and_one_of_each_scope() -> None:
    assert spends(call(), gathered(tool=tool(scopes=("a:read", "b:read")))) == {
        CALLS: 1, "a:read": 1, "b:read": 1,
    }  # fmt: skip
    assert spends(call(), gathered(tool=tool(manifest=None))) == {CALLS: 1}


def test_a_reply_within_a_call_spends_and_touches_nothing() -> None:
    reply = gathered(task=limited().task, reply=True)
    assert spends(call(), reply) == {}
    assert touches(call(), reply) == {}


def test_limits_on_amounts_are_budgets_of_their_own() -> None:
    assert budgets({"calls": 3}, {SCOPE: 500}) == {"calls": 3, "amount deal:update": 500}


@pytest.mark.parametrize(
    ("value", "units"),
    [(40, 4000), (98.7, 9870), (-5, 500), ([1, 2.5], 350), (None, 0), (0, 0)],
)
def test_amounts_are_counted_in_the_smallest_units_whichever_way_they_move(
    value: object, units: int
) -> None:
    money = {"amount": Argument(role="amount", decimals=2)}
    assert moved({"amount": value}, arguments=money) == units


def test_all_amounts_of_a_call_add_up() -> None:
    money = {"first": Argument(role="amount"), "second": Argument(role="amount", decimals=1)}
    assert moved({"first": 3, "second": 0.5}, arguments=money) == 8


@pytest.mark.parametrize("value", ["40", "1.250", 0.5, True, {"value": 4}, [[4]], 1e300])
def test_an_amount_that_cannot_be_read_is_not_counted_as_nothing(value: object) -> None:
    with pytest.raises(Uncountable):
        moved({"amount_minor": value})


def test_a_payment_says_how_much_moves() -> None:
    with pytest.raises(Uncountable):
        moved({"id": "D-7"}, effect=Effect.pay)
    assert moved({"id": "D-7", "amount_minor": 3}, effect=Effect.pay) == 3


def test_a_read_moves_nothing() -> None:
    assert moved({"amount_minor": "whatever"}, effect=Effect.read) == 0


def test_what_is_not_limited_is_not_counted() -> None:
    assert spends(call({"amount_minor": "?"}), gathered()) == {CALLS: 1, SCOPE: 1}
    assert touches(call({"id": {}}), gathered()) == {}
    other = gathered(task=task(reaches={"mail:send": (Reach(1),)}))
    assert touches(call({"id": "D-7"}), other) == {}
    assert touches(call(), gathered(task=other.task, tool=tool(manifest=None))) == {}


def test_everything_that_names_an_object_counts_once() -> None:
    named = {"id": "D-7", "to": ["a@x.example", "a@X.example"], "account": "DE 1", "path": "/a"}
    assert len(touched(named)) == 4
    assert touched({"next_step": "call", "amount_minor": 4, "find": "x", "to": None}) == []


def test_equal_values_of_other_kinds_are_other_objects() -> None:
    typed = {"a": Argument(role="object-id", type="crm.deal")}
    other = {"a": Argument(role="object-id", type="crm.case")}
    plain = {"a": Argument(role="object-id"), "b": Argument(role="object-id")}
    assert touched({"a": 7}, arguments=typed) == touched({"a": "7"}, arguments=typed)
    assert touched({"a": 7}, arguments=typed) != touched({"a": 7}, arguments=other)
    assert len(touched({"a": 7, "b": 7}, arguments=plain)) == 2


@pytest.mark.parametrize("value", [{"id": "D-7"}, [["D-7", "D-8"]]])
def test_objects_that_cannot_be_told_apart_are_not_counted_as_one(value: object) -> None:
    with pytest.raises(Uncountable):
        touched({"id": value})
