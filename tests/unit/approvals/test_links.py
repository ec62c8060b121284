"""One-time links: for one user, once, for a while."""

from __future__ import annotations

import pytest

from safeconduct.approvals.answers import NotProven
from safeconduct.approvals.links import MAX_TICKETS, TICKET_MS, Links


class Clock:
    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


def test_a_link_is_good_once() -> None:
    links = Links(Clock())
    name = links.make("kim", "uid:0")
    assert links.ticket(name).user == links.ticket(name).user == "kim"
    assert links.redeem(name).by == "uid:0"
    for use in (links.ticket, links.redeem):
        with pytest.raises(NotProven):
            use(name)


def test_a_link_ends_and_a_newer_one_of_the_same_user_voids_it() -> None:
    clock = Clock()
    links = Links(clock)
    first, other = links.make("kim", "uid:0"), links.make("lee", "uid:0")
    links.make("kim", "uid:0")
    with pytest.raises(NotProven):
        links.ticket(first)
    clock.ms = TICKET_MS - 1
    assert links.ticket(other).user == "lee"
    clock.ms = TICKET_MS
    with pytest.raises(NotProven):
        links.ticket(other)


def test_links_are_bounded_and_no_other_word_is_one() -> None:
    links = Links(Clock())
    names = [links.make(str(number), "uid:0") for number in range(MAX_TICKETS + 1)]
    with pytest.raises(NotProven):
        links.ticket(names[0])
    assert links.ticket(names[-1]).user == str(MAX_TICKETS)
    for name in ("", "x", names[-1][:-1]):
        with pytest.raises(NotProven):
            links.ticket(name)
