from __future__ import annotations

from typing import Any

import pytest

from safeconduct.config.users import Requires
from safeconduct.core.model import UserFacts
from safeconduct.delegation.access import check_access
from safeconduct.ports import TokenRefused

NOW_S = 1_790_000_000
USER = UserFacts(
    id="jane@crm.example",
    groups=("sales", "emea"),
    acr="c1 c2",
    amr=("pwd", "otp"),
    auth_time_s=NOW_S - 600,
    device=("managed",),
)


def check(user: UserFacts = USER, **requires: Any) -> None:
    check_access(Requires(**requires), user, now_ms=NOW_S * 1000)


def refusal(user: UserFacts = USER, **requires: Any) -> TokenRefused:
    with pytest.raises(TokenRefused) as refused:
        check(user, **requires)
    assert refused.value.status == 400
    return refused.value


@pytest.mark.parametrize(
    "requires",
    [
        {},
        {"acr": ("c1",)},
        {"acr": ("c3", "c2")},
        {"amr": ("otp", "hwk")},
        {"device": ("managed", "compliant")},
        {"groups": ("emea",)},
        {"kinds": ("person", "workflow")},
        {"max_age_s": 600},
        {"acr": ("c1",), "amr": ("pwd",), "max_age_s": 601, "device": ("managed",)},
    ],
)
def test_one_of_each_is_enough(requires: dict[str, Any]) -> None:
    check(**requires)


@pytest.mark.parametrize(
    ("requires", "told"),
    [
        ({"acr": ("c3", "c4")}, {"acr_values": "c3 c4"}),
        ({"acr": ("c",)}, {"acr_values": "c"}),
        ({"amr": ("hwk",)}, {}),
        ({"amr": ("hwk",), "acr": ("c1",)}, {"acr_values": "c1"}),
        ({"max_age_s": 599}, {"max_age": 599}),
        ({"max_age_s": 599, "acr": ("c1",)}, {"acr_values": "c1", "max_age": 599}),
    ],
)
def test_who_can_do_better_is_told_how(requires: dict[str, Any], told: dict[str, Any]) -> None:
    refused = refusal(**requires)
    assert refused.error == "insufficient_user_authentication"
    assert refused.told == told


@pytest.mark.parametrize(
    "requires", [{"device": ("compliant",)}, {"groups": ("hr",)}, {"kinds": ("service",)}]
)
def test_who_cannot_is_told_nothing(requires: dict[str, Any]) -> None:
    refused = refusal(**requires)
    assert (refused.error, refused.told) == ("unauthorized_client", {})
    (name,) = requires
    assert f"requires.{name}" in refused.why
    assert refusal(acr=("c3",), **requires).error == "unauthorized_client"


@pytest.mark.parametrize("signed_in_s", [0, NOW_S - 601, NOW_S + 6, NOW_S + 3600])
def test_a_sign_in_of_an_unknown_past_or_of_the_future(signed_in_s: int) -> None:
    user = UserFacts(id="jane", auth_time_s=signed_in_s)
    check(user)
    assert refusal(user, max_age_s=600).told == {"max_age": 600}


def test_clocks_may_differ_a_little() -> None:
    check(UserFacts(id="jane", auth_time_s=NOW_S + 5), max_age_s=1)


def test_nothing_known_meets_nothing() -> None:
    bare = UserFacts(id="jane")
    for requires in ({"acr": ("c1",)}, {"amr": ("pwd",)}, {"device": ("d",)}, {"groups": ("g",)}):
        refusal(bare, **requires)
