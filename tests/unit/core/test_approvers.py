"""Who has to say yes: what templates stand for, and who is as good as whom."""

from __future__ import annotations

import pytest

from safeconduct.core.approvers import (
    PASSKEY,
    Offer,
    Party,
    Template,
    meet,
    offer_of,
    parties_of,
    together,
)

DESK = Party("desk", 2)
FIVE = Offer(calls=5, minutes=10)


def test_a_name_that_nobody_explains_is_put_to_the_user() -> None:
    assert parties_of(["x"], {}) == (Party(),)
    assert parties_of([], {}) == (Party(),)


def test_all_who_any_name_asks_have_to_say_yes() -> None:
    known = {"a": Template(parties=(DESK,)), "b": Template(parties=(Party("desk"), Party("law")))}
    assert parties_of(["b", "a", "c"], known) == (DESK, Party("law"), Party())


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Party("g", 1), Party("g", 3), Party("g", 3)),
        (Party("g", keys="device-bound"), Party("g", 2), Party("g", 2, "device-bound")),
        (
            Party("g", means=("passkey", "sign-in")),
            Party("g", means=("sign-in", "ciba")),
            Party("g", means=("sign-in",)),
        ),
        (Party("g", means=("chat",)), Party("g", means=("ciba",)), Party("g", means=PASSKEY)),
    ],
)
def test_of_one_party_the_strictest_holds(one: Party, other: Party, both: Party) -> None:
    assert together([one, other]) == (both,)
    assert together([other, one])[0].count == both.count


@pytest.mark.parametrize(
    ("given", "needed", "expected"),
    [
        (DESK, DESK, True),
        (DESK, Party("desk", 1), True),
        (Party("desk", 1), DESK, False),
        (Party("law", 2), DESK, False),
        (Party("g"), Party("g", keys="device-bound"), False),
        (Party("g", keys="device-bound"), Party("g"), True),
        (Party("g", means=("chat",)), Party("g"), False),
        (Party("g", means=("passkey", "chat")), Party("g"), False),
        (Party("g"), Party("g", means=("passkey", "chat")), True),
    ],
)
def test_a_yes_is_as_good_as_what_is_needed_or_it_is_not(
    given: Party, needed: Party, expected: bool
) -> None:
    assert meet([given], [needed]) is expected


def test_nobody_is_not_everybody() -> None:
    assert not meet([], [Party()])
    assert meet([Party()], [])


def test_more_than_one_yes_is_offered_only_where_every_name_offers_it() -> None:
    known = {
        "a": Template(offers=FIVE),
        "b": Template(offers=Offer(calls=3, minutes=20, objects="any")),
        "c": Template(offers=Offer(calls=9, minutes=9, objects="any")),
        "d": Template(),
    }
    assert offer_of(["a", "b"], known) == Offer(calls=3, minutes=10)
    assert offer_of(["b", "c"], known) == Offer(calls=3, minutes=9, objects="any")
    assert offer_of(["a", "d"], known) is None
    assert offer_of(["a", "x"], known) is None
    assert offer_of([], known) is None
