from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.amounts import amount_changes, baseline_key, minor_units
from safeconduct.core.manifest import Argument, Effect
from safeconduct.core.model import Call
from tests.support.facts import call, manifest

DEAL = manifest(
    effect=Effect.write,
    arguments={
        "id": Argument(role="object-id", type="crm.deal"),
        "amount": Argument(role="amount"),
        "fee": Argument(role="amount"),
        "note": Argument(role="content"),
    },
)


def update(**arguments: Any) -> Call:
    return call(arguments={"id": "D-7", **arguments})


def changes(
    resolved: dict[str, Any], known: dict[str, int] | None = None, **arguments: Any
) -> tuple[dict[str, int], list[int]]:
    baseline = (known or {}).get
    facts, baselines = amount_changes(update(**arguments), DEAL, resolved, baseline)
    return facts, list(baselines.values())


@pytest.mark.parametrize(
    ("value", "bps"),
    [(100_00, 0), (101_00, 100), (99_00, -100), (0, -10_000), (300_00, 20_000), (-1, -10_001)],
)
def test_a_change_is_measured_in_basis_points_of_the_amount_on_record(value: int, bps: int) -> None:
    facts, baselines = changes({"old_amount": 100_00}, amount=value)
    assert facts == {"delta_bps": bps, "task_delta_bps": bps}
    assert baselines == [100_00]


@pytest.mark.parametrize(("value", "bps"), [(30_001, 1), (29_999, -1), (30_004, 2)])
def test_a_change_is_never_understated(value: int, bps: int) -> None:
    assert changes({"old_amount": 30_000}, amount=value)[0]["delta_bps"] == bps


def test_small_changes_add_up_against_what_the_task_found_first() -> None:
    key = baseline_key(update(), DEAL, "amount")
    facts, baselines = changes({"old_amount": 110}, {key: 100}, amount=121)
    assert facts == {"delta_bps": 1000, "task_delta_bps": 2100}
    assert baselines == [100]


def test_of_several_amounts_the_largest_change_counts_whichever_way_it_goes() -> None:
    facts, baselines = changes({"old_amount": 100, "old_fee": 100}, amount=110, fee=50)
    assert facts == {"delta_bps": -5000, "task_delta_bps": -5000}
    assert baselines == [100, 100]


@pytest.mark.parametrize("old", [None, 0, -5, "100", 100.0, True])
def test_an_amount_whose_old_value_cannot_be_used_yields_no_fact(old: object) -> None:
    assert changes({"old_amount": old}, amount=100) == ({}, [])


@pytest.mark.parametrize("value", ["100", 1.5, True, None])
def test_an_amount_that_is_no_whole_number_yields_no_fact(value: object) -> None:
    assert changes({"old_amount": 100}, amount=value) == ({}, [])


@pytest.mark.parametrize(
    ("value", "decimals", "units"),
    [
        (98.7, 2, 9870),
        (98.70, 1, 987),
        (98, 2, 9800),
        (-0.01, 2, -1),
        (0.1, 9, 100_000_000),
        (1e16, 2, 10**18),
        (98.755, 2, None),
        (98.0, 0, None),
        (1e300, 2, None),
        (float("nan"), 2, None),
        (float("inf"), 2, None),
        (True, 2, None),
        ("98.7", 2, None),
        (None, 2, None),
    ],
)
def test_an_amount_counts_exactly_in_the_smallest_units_of_its_tool(
    value: object, decimals: int, units: int | None
) -> None:
    assert minor_units(value, decimals) == units


def test_amounts_with_digits_behind_the_point_are_measured_in_their_smallest_units() -> None:
    priced = manifest(arguments={"price": Argument(role="amount", decimals=2)})
    known: dict[str, int] = {}
    facts, baselines = amount_changes(
        call(arguments={"price": 98.7}), priced, {"old_price": 98}, known.get
    )
    assert facts == {"delta_bps": 72, "task_delta_bps": 72}
    assert list(baselines.values()) == [9800]


def test_one_unknown_amount_leaves_none_of_the_facts() -> None:
    assert changes({"old_amount": 100}, amount=101, fee=5) == ({}, [])


def test_a_call_without_amounts_changes_none() -> None:
    assert changes({"old_amount": 100}, note="hello", undeclared=3) == ({}, [])


def test_a_baseline_is_that_of_one_amount_of_one_object() -> None:
    keys = {
        baseline_key(update(), DEAL, "amount"),
        baseline_key(update(), DEAL, "fee"),
        baseline_key(call(arguments={"id": "D-8"}), DEAL, "amount"),
        baseline_key(call(arguments={}), DEAL, "amount"),
        baseline_key(call(arguments={"id": "D-7"}, upstream="erp"), DEAL, "amount"),
    }
    assert len(keys) == 5
    assert not any("D-7" in key for key in keys)


def test_two_tools_that_set_the_same_amount_share_its_baseline() -> None:
    other = manifest(arguments={"deal": Argument(role="object-id", type="crm.deal")})
    assert baseline_key(call(arguments={"deal": "D-7"}), other, "amount") == baseline_key(
        update(note="x"), DEAL, "amount"
    )


def test_an_object_without_a_type_is_known_by_the_argument_s_name() -> None:
    deal, case = (manifest(arguments={name: Argument(role="object-id")}) for name in ("d", "c"))
    assert baseline_key(call(arguments={"d": "7"}), deal, "amount") != baseline_key(
        call(arguments={"c": "7"}), case, "amount"
    )
