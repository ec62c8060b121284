from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.obligations import (
    Constrain,
    Demands,
    Scalar,
    Setting,
    completed,
    missing,
    together,
)


def wanted(**values: Scalar) -> list[Setting]:
    return [Setting(tuple(path.split("__")), value) for path, value in values.items()]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"q": 1}, {"filter": {}}, {"filter": {"by": "x", "tenant": "a"}}, {"tenant": "a"}],
)
def test_what_is_absent_is_set_and_all_else_stays(arguments: dict[str, Any]) -> None:
    settings = wanted(tenant="a", filter__tenant="a", filter__deep__limit=5, dry=True)
    lacking = missing(arguments, settings)
    assert lacking is not None
    made = completed(arguments, lacking)
    assert missing(made, settings) == ()
    assert made["filter"]["deep"] == {"limit": 5}
    assert (made["tenant"], made["filter"]["tenant"], made["dry"]) == ("a", "a", True)
    assert made.get("q") == arguments.get("q")
    assert made["filter"].get("by") == arguments.get("filter", {}).get("by")


def test_arguments_that_were_judged_are_not_changed() -> None:
    arguments: dict[str, Any] = {"filter": {"by": "x"}}
    completed(arguments, wanted(filter__tenant="a"))
    assert arguments == {"filter": {"by": "x"}}


@pytest.mark.parametrize(
    "arguments",
    [
        {"tenant": "b"},
        {"tenant": "A"},
        {"tenant": "a "},
        {"tenant": None},
        {"tenant": ["a"]},
        {"tenant": {"$ne": "a"}},
        {"tenant": "a", "limit": 6},
        {"limit": True},
        {"limit": "5"},
        {"limit": None},
        {"dry": 1},
        {"dry": "true"},
        {"filter": None},
        {"filter": []},
        {"filter": [{"tenant": "a"}]},
        {"filter": "tenant = 'a'"},
        {"filter": {"tenant": {"in": ["a", "b"]}}},
        {"filter": {"Tenant": "b"}},
        {"filter": {"tenant": "a", "TENANT": "b"}},
        {"Filter": {}},
    ],
)
def test_whatever_is_there_instead_contradicts(arguments: dict[str, Any]) -> None:
    settings = wanted(tenant="a", limit=5, dry=True, filter__tenant="a")
    assert missing(arguments, settings) is None


@pytest.mark.parametrize(
    "settings",
    [
        [Setting(("a",), "x"), Setting(("a",), "y")],
        [Setting(("a",), 1), Setting(("a",), True)],
        [Setting(("a",), "x"), Setting(("a", "b"), "x")],
        [Setting(("a", "b"), "x"), Setting(("a",), "x")],
    ],
)
def test_what_contradicts_itself_is_met_by_nothing(settings: list[Setting]) -> None:
    assert missing({}, settings) is None


def test_what_two_want_alike_is_set_once() -> None:
    assert missing({}, [Setting(("a",), "x")] * 2) == (Setting(("a",), "x"),)


def test_together_they_demand_all_that_each_does() -> None:
    own, user = Constrain(("tenant",), "task.tenant"), Constrain(("owner",), "user.id")
    assert together([]) == Demands()
    assert together(
        [
            Demands(constrain=(own,), redact=("pii",)),
            Demands(constrain=(user, own), redact=("pay", "pii"), spotlight=True),
        ]
    ) == Demands(constrain=(own, user), redact=("pay", "pii"), spotlight=True)


def test_no_look_alike_in_another_case_stands_beside_what_is_set() -> None:
    for near in ("tenantid", "TENANTID", "TenantId"):
        assert missing({near: "b"}, [Setting(("tenantId",), "a")]) is None
    assert missing({"token\u212a": "b"}, [Setting(("tokenk",), "a")]) is None
    assert missing({"tenant": "b"}, [Setting(("tenantId",), "a")]) is not None
