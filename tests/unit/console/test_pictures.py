"""Where things are on a picture, and what its counts come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.audit.index.sqlite import WeeklyIndex
from safeconduct.console.counts import HOUR_MS, SETTLED_MS, SPANS, Counting, hourly
from safeconduct.console.loads import Load, loads
from safeconduct.console.pictures.bars import HEIGHT, WIDTH, Part, bars
from safeconduct.console.pictures.strip import WIDTH as STRIP
from safeconduct.console.pictures.strip import strip
from tests.support.trails import START_MS, TENANT, Trail

DAY_MS = 24 * HOUR_MS
NAMES = ("permit", "deny")


def test_bars_stand_upon_each_other_in_their_time() -> None:
    drawn = bars({HOUR_MS: {"permit": 30, "deny": 10}}, NAMES, 0, 4 * HOUR_MS, HOUR_MS)
    (bar,) = drawn.bars
    permit, deny = bar.parts
    assert (bar.when, bar.counts) == ("1970-01-01 01:00", (30, 10))
    assert permit.x == deny.x == WIDTH / 4
    assert drawn.wide == round(WIDTH / 4 * 0.85, 1)
    assert permit.height == pytest.approx(3 * deny.height, abs=0.2)
    assert deny.y + deny.height == pytest.approx(permit.y, abs=0.2)
    assert permit.y + permit.height == drawn.levels[0].at
    assert [line.text for line in drawn.levels] == ["0", "10", "20", "30", "40"]
    assert drawn.levels[-1].at == deny.y == 26.0
    assert drawn.totals == (30, 10)
    assert drawn.most == bar


def test_bars_stand_side_by_side() -> None:
    drawn = bars(
        {0: {"asked": 4, "answered": 2}}, ("asked", "answered"), 0, HOUR_MS, HOUR_MS, beside=True
    )
    (bar,) = drawn.bars
    assert [part.x for part in bar.parts] == [0.0, drawn.wide]
    assert bar.parts[0].y + bar.parts[0].height == bar.parts[1].y + bar.parts[1].height
    assert drawn.levels[-1].text == "4"


def test_one_among_thousands_is_seen_and_nothing_is_drawn_of_nothing() -> None:
    drawn = bars({0: {"permit": 100_000, "deny": 1}}, NAMES, 0, HOUR_MS, HOUR_MS)
    assert drawn.bars[0].parts[1].height == 2.0
    assert drawn.levels[-1].text == "150,000"
    nothing = bars({}, NAMES, 0, HOUR_MS, HOUR_MS)
    assert (nothing.bars, nothing.most, nothing.totals) == ((), None, (0, 0))
    alone = bars({0: {"deny": 1}}, NAMES, 0, HOUR_MS, HOUR_MS).bars[0].parts
    assert [part.name for part in alone] == ["deny"]
    assert isinstance(alone[0], Part)
    assert alone[0].height < HEIGHT


def test_times_are_named_where_they_are() -> None:
    hours = bars({}, NAMES, HOUR_MS, DAY_MS + HOUR_MS, 600_000).times
    assert [line.text for line in hours] == ["04:00", "08:00", "12:00", "16:00", "20:00", "00:00"]
    days = bars({}, NAMES, 0, 7 * DAY_MS, HOUR_MS).times
    assert [(line.text, line.anchor) for line in days][:2] == [
        ("Thu 1", "start"),
        ("Fri 2", "middle"),
    ]
    short = bars({}, NAMES, 0, 4 * HOUR_MS + 60_000, 60_000)
    assert short.times[-1].anchor == "end"


def test_what_lies_back_is_counted_once_and_what_is_new_is_seen(tmp_path: Path) -> None:
    made, now_ms = Trail(at_ms=START_MS // HOUR_MS * HOUR_MS - 3 * HOUR_MS), START_MS
    made.start("t_1")
    for _ in range(3):
        made.at_ms += HOUR_MS
        made.call("t_1")
    made.write(tmp_path)
    now_ms = made.at_ms + SETTLED_MS
    counting = Counting(lambda: now_ms)
    span = hourly(SPANS["24h"])

    def counted(**asked: str) -> int:
        query = Query(tenant=TENANT, kind="decision", tool=asked.get("tool"))
        with Search(tmp_path, WeeklyIndex(tmp_path / "index"), TENANT) as search:
            found = counting.count(search, query, span)
        assert found.until_ms - found.since_ms == DAY_MS
        assert all(found.since_ms <= at < found.until_ms for at in found.over)
        return sum(sum(one.values()) for one in found.over.values())

    assert counted() == 3
    made.call("t_1")
    made.write(tmp_path)
    assert counted() == 4
    # What comes too late for its time is not seen, as it was counted already.
    made.at_ms -= 2 * HOUR_MS
    made.call("t_1")
    made.write(tmp_path)
    assert counted() == 4
    assert counted(tool="mail.send") == 0
    now_ms += 22 * HOUR_MS
    assert counted() == 3
    now_ms += 9 * DAY_MS
    assert counted() == 0


def test_each_group_is_told_what_it_was_asked_and_said() -> None:
    def asked(approval: str, *who: str) -> dict[str, object]:
        parties = [{"who": one} for one in who]
        return {"approval": approval, "phase": "requested", "at_ms": 0, "parties": parties}

    def said(approval: str, phase: str, at_ms: int, **more: str) -> dict[str, object]:
        return {"approval": approval, "phase": phase, "at_ms": at_ms, **more}

    records = [
        asked("a_1", "user", "desk"),
        asked("a_2", "desk"),
        asked("a_3", "desk"),
        asked("a_4"),
        said("a_1", "agreed", 1_000, **{"for": "user"}),
        said("a_1", "granted", 3_000, **{"for": "desk"}),
        said("a_2", "denied", 5_000),
        said("a_4", "granted", 3_000),
        said("a_0", "granted", 9_000),
    ]
    assert loads(records) == [
        Load(group="desk", asked=3, yes=1, no=1, open=1, median_ms=4_000),
        Load(group="the user themselves", asked=2, yes=2, no=0, open=0, median_ms=2_000),
    ]


def test_a_strip_shows_each_part_however_small() -> None:
    one, rest = strip({"wider": 1, "narrower": 0, "same": 1_999})
    assert (one.name, one.many, one.x) == ("wider", 1, 0.0)
    assert one.wide >= 4
    assert (rest.name, rest.x) == ("same", one.wide)
    assert rest.x + rest.wide == pytest.approx(STRIP, abs=0.2)
    assert strip({"same": 0}) == ()
