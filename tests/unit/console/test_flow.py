"""The picture of a task: lanes for what labels brought, lines to what they stopped."""

from __future__ import annotations

from safeconduct.audit.timeline import Event, Source
from safeconduct.console.pictures.flow import LANES, ROW, SINGLE, TELLING, flow


def call(
    n: int,
    *,
    task: str = "t_1",
    said: str = "permit",
    had: tuple[str, ...] = (),
    brought: tuple[str, ...] = (),
    because: tuple[str, ...] = (),
) -> Event:
    """A call; `because` are the words that stopped it."""
    return Event(
        n=n,
        at_ms=n,
        task=task,
        kind="call",
        said=said,
        about="crm.get_case",
        status="ok",
        decision=f"d_{n}",
        had=had,
        brought=brought,
        because=tuple(map(Source, because)),
    )


def test_a_lane_begins_at_the_call_that_brought_the_word_and_leads_to_what_it_stopped() -> None:
    picture = flow(
        [call(0), call(1, brought=("untrusted",)), call(2, said="deny", because=("untrusted",))],
        "t_1",
    )
    (lane,) = picture.lanes
    first, second, third = picture.rows
    assert (lane.word, lane.kind, lane.decision) == ("untrusted", "doubted", "d_1")
    assert (lane.begins, lane.top, first.y + ROW) == (True, second.y, second.y)
    assert lane.bottom > third.y - ROW
    assert second.brought == ((lane.x, "doubted"),)
    assert third.because == ((lane.x, "doubted", 0),)
    assert lane.x < first.x


def test_what_a_task_had_before_its_first_call_begins_there() -> None:
    started = Event(n=0, at_ms=0, task="", kind="config", said="loaded")
    picture = flow([started, call(1, had=("restricted", "pii")), call(2, brought=("pii",))], "t_1")
    assert [(one.word, one.kind, one.begins, one.top) for one in picture.lanes] == [
        ("restricted", "secret", False, picture.rows[1].y),
        ("pii", "category", False, picture.rows[1].y),
    ]


def test_words_of_a_task_below_have_lanes_of_their_own() -> None:
    below = call(1, task="t_2", brought=("untrusted",))
    picture = flow([call(0, brought=("untrusted",)), below], "t_1")
    assert [one.task for one in picture.lanes] == ["t_1", "t_2"]
    assert [one.child for one in picture.rows] == [False, True]
    assert picture.rows[1].x > picture.rows[0].x


def test_words_that_have_no_lane_are_counted() -> None:
    words = tuple(f"category-{number}" for number in range(LANES + 3))
    picture = flow([call(0, brought=words), call(1, said="deny", because=words)], "t_1")
    assert (len(picture.lanes), picture.unseen) == (LANES, 3)
    assert len(picture.rows[1].because) == LANES


def test_of_many_calls_those_in_which_nothing_changed_share_a_row() -> None:
    quiet = [call(n) for n in range(SINGLE)]
    picture = flow([*quiet, call(SINGLE, brought=("untrusted",)), call(SINGLE + 1)], "t_1")
    shared, own, last = picture.rows
    assert (shared.text, shared.said, shared.more) == (
        f"{SINGLE} events",
        "permit",
        f"crm.get_case \u00d7{SINGLE}",
    )
    assert (own.decision, last.decision) == (f"d_{SINGLE}", f"d_{SINGLE + 1}")
    assert picture.shared == SINGLE


def test_what_brought_a_word_has_its_row_however_much_was_refused() -> None:
    refused = [call(n, said="deny") for n in range(10 * SINGLE)]
    picture = flow([*refused, call(10 * SINGLE, brought=("untrusted",))], "t_1")
    assert len(picture.rows) <= 2 * TELLING + 1
    assert picture.rows[-1].brought == ((picture.lanes[0].x, "doubted"),)
    rest = 10 * SINGLE - TELLING + 1
    assert picture.rows[-2].text == f"{rest} events, {rest} not quiet"


def test_nothing_is_a_picture_too() -> None:
    assert flow([], "t_1").rows == ()


def test_long_names_are_cut() -> None:
    long = Event(n=0, at_ms=0, task="t_1", kind="task", said="started", about="x" * 500)
    assert flow([long], "t_1").rows[0].text == "x" * 35 + "…"
