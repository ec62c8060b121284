"""Keys of others: whatever happens to their publisher, a key counts exactly as long as it was named
last, and that is not too long ago. Conditional access: asking for more never lets more in.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from safeconduct.config.users import Requires
from safeconduct.core.model import UserFacts
from safeconduct.delegation.access import check_access
from safeconduct.identity import keys
from safeconduct.identity.keys import Published, WebKeys
from safeconduct.kit.fetch import FetchError
from safeconduct.kit.jwk import KeySet, PrivateKey
from safeconduct.ports import TokenRefused

NAMES: Final = ("one", "two", "three")
PUBLIC: Final = {name: PrivateKey.generate().public for name in NAMES}
MAX_STALE_S: Final = 100.0


class Publishing(RuleBasedStateMachine):
    """A publisher that changes its mind, dies and comes back, and somebody who needs its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.published: frozenset[str] = frozenset({"one"})
        self.alive = True
        self.heard: frozenset[str] | None = None
        self.heard_s = 0.0
        self.asked = 0
        self.held = WebKeys(
            "them", self.ask, self.read, max_stale_s=MAX_STALE_S, clock=lambda: self.now_s
        )

    async def ask(self, tag: str | None) -> Published:
        self.asked += 1
        if not self.alive:
            raise FetchError("nobody there")
        self.heard, self.heard_s = self.published, self.now_s
        document = " ".join(sorted(self.published))
        # Not modified, where it is not.
        return Published(None if tag == document else document.encode(), document)

    @staticmethod
    def read(data: bytes) -> KeySet:
        return KeySet({name: PUBLIC[name] for name in data.decode().split()})

    @rule(names=st.frozensets(st.sampled_from(NAMES)))
    def publish(self, names: frozenset[str]) -> None:
        self.published = names

    @rule(alive=st.booleans())
    def live_or_die(self, *, alive: bool) -> None:
        self.alive = alive

    @rule(seconds=st.sampled_from([1.0, 50.0, 100.0, 101.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(kid=st.none() | st.sampled_from([*NAMES, "stranger"]))
    def look(self, kid: str | None) -> None:
        before = self.asked
        held = asyncio.run(self.held.current(kid))
        lasts = self.heard is not None and self.now_s - self.heard_s <= MAX_STALE_S
        assert (None if held is None else frozenset(held.keys)) == (self.heard if lasts else None)
        # Who is published is known: nobody with a key of today is refused by one who lives.
        if self.alive and kid in self.published:
            assert held is not None
            assert kid in held.keys
        assert self.asked - before <= 1

    @invariant()
    def nothing_is_asked_for_without_need(self) -> None:
        assert self.held.pause_s >= keys.SHORTEST_S


def test_a_key_counts_as_long_as_it_was_named_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "GAP_S", 0.0)
    run_state_machine_as_test(Publishing)


NOW_S: Final = 1_790_000_000
WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3, unique=True).map(tuple)
KINDS = st.sampled_from(["person", "workflow", "service"])
USERS = st.builds(
    UserFacts,
    id=st.just("jane"),
    kind=KINDS,
    groups=WORDS,
    acr=st.none() | WORDS.map(" ".join),
    amr=WORDS,
    auth_time_s=st.sampled_from([0, NOW_S - 1000, NOW_S - 10, NOW_S, NOW_S + 5, NOW_S + 6]),
    device=WORDS,
)
REQUIRED = st.fixed_dictionaries(
    {
        "acr": WORDS,
        "amr": WORDS,
        "device": WORDS,
        "groups": WORDS,
        "kinds": st.lists(KINDS, max_size=2, unique=True).map(tuple),
        "max_age_s": st.none() | st.sampled_from([9, 10, 999, 1000]),
    }
)


def allowed(requires: dict[str, Any], user: UserFacts) -> bool:
    try:
        check_access(Requires(**requires), user, now_ms=NOW_S * 1000)
    except TokenRefused:
        return False
    return True


@given(requires=REQUIRED, more=REQUIRED, user=USERS)
def test_asking_for_more_never_lets_more_in(
    requires: dict[str, Any], more: dict[str, Any], user: UserFacts
) -> None:
    """One more list, a shorter list, a shorter time: each only narrows."""
    for name, asked in more.items():
        narrower = requires | {name: narrowed(requires[name], asked)}
        assert allowed(requires, user) or not allowed(narrower, user)


def narrowed(asked: Any, more: Any) -> Any:
    if isinstance(asked, tuple):
        kept = tuple(one for one in asked if one in more)
        return (kept or asked) if asked else more
    return more if asked is None else min(asked, more or asked)


@given(requires=REQUIRED, user=USERS, more=WORDS)
def test_knowing_more_of_a_user_never_lets_less_in(
    requires: dict[str, Any], user: UserFacts, more: tuple[str, ...]
) -> None:
    for better in (
        replace(user, groups=user.groups + more),
        replace(user, amr=user.amr + more),
        replace(user, device=user.device + more),
        replace(user, acr=" ".join((*(user.acr or "").split(), *more))),
    ):
        assert allowed(requires, better) or not allowed(requires, user)


@given(requires=REQUIRED, user=USERS)
def test_nothing_is_met_by_nobody(requires: dict[str, Any], user: UserFacts) -> None:
    """What is asked for is really there."""
    if allowed(requires, user):
        given = {
            "acr": (user.acr or "").split(),
            "amr": user.amr,
            "device": user.device,
            "groups": user.groups,
            "kinds": (user.kind,),
        }
        assert all(not requires[name] or set(requires[name]) & set(given[name]) for name in given)
        if requires["max_age_s"] is not None:
            assert NOW_S - requires["max_age_s"] <= user.auth_time_s <= NOW_S + 5
