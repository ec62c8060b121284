"""From the log to a sink, whatever the sink does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest

from safeconduct.audit import following
from safeconduct.audit.exports import exporter
from safeconduct.audit.exports.exporter import Exporter, refused
from safeconduct.audit.exports.sink import ALL, Sink, SinkFault, Taken
from safeconduct.audit.following import Copy, Cursor
from tests.support.logs import ORIGIN, numbers, written

DOWN = SinkFault("HTTP status 503")
BAD = SinkFault("HTTP status 400", content=True)


class Takes(Sink):
    """Takes numbers: does what it is told first, and refuses with what is bad for it."""

    max_items = 4
    max_bytes = 1000

    def __init__(self, *first: SinkFault | Taken) -> None:
        self.first = list(first)
        self.bad: set[int] = set()
        self.tried: list[list[int]] = []
        self.took: list[int] = []
        self.place: Cursor | None = None

    def encode(self, copy: Copy) -> bytes | None:
        value = copy.record["value"]
        return None if value is None else b"%d" % value

    def send(self, items: Sequence[bytes]) -> Taken:
        values = [int(item) for item in items]
        self.tried.append(values)
        if self.first:
            answer = self.first.pop(0)
            if isinstance(answer, SinkFault):
                raise answer
            left = {*answer.refused, *answer.again}
            self.took += [value for at, value in enumerate(values) if at not in left]
            return answer
        if not self.bad.isdisjoint(values):
            raise BAD
        self.took += values
        return ALL

    def waits(self) -> Cursor | None:
        return self.place


class Unhurried(Event):
    """Notes how long it would have been waited for, and ends all after so many waits."""

    def __init__(self, waits: int = 1000) -> None:
        super().__init__()
        self.waited: list[float] = []
        self._left = waits

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        self._left -= 1
        if not self._left:
            self.set()
        return self.is_set()


class Place:
    """A log of numbers, and an exporter of it that can be started again."""

    def __init__(self, directory: Path) -> None:
        self.log, self.cursors = directory / "log", directory / "cursors"
        self.stop = Unhurried()

    def exporter(
        self, sink: Sink, shown: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    ) -> Exporter:
        return Exporter("siem", self.log, self.cursors, sink, shown=shown, stop=self.stop)

    @property
    def cursor(self) -> int:
        return following.load(self.cursors / "siem.json").n

    @property
    def set_aside(self) -> list[dict[str, Any]]:
        return [
            orjson.loads(line) for line in (self.cursors / "siem.refused").read_bytes().splitlines()
        ]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.cursors.mkdir()
    return place


def test_batches_keep_within_what_a_sink_takes(place: Place) -> None:
    written(place.log, *numbers(10))
    sink = Takes()
    siem = place.exporter(sink)
    assert siem.advance()
    assert sink.tried == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert place.cursor == 10
    assert not siem.advance()
    sink.max_bytes = 2
    Path(place.cursors / "siem.json").unlink()
    place.exporter(sink).advance()
    assert sink.tried[3] == [0, 1]


def test_a_start_goes_on_where_the_last_acknowledgement_was(place: Place) -> None:
    written(place.log, *numbers(10))
    crash = Takes(ALL)
    siem = place.exporter(crash)
    crash.first.append(DOWN)
    place.stop = Unhurried(1)
    siem = place.exporter(crash)
    siem.advance()  # stopped while it waited to try the second batch again
    assert place.cursor == 4
    place.stop = Unhurried()
    again = Takes()
    place.exporter(again).advance()
    assert again.took == [4, 5, 6, 7, 8, 9]


def test_a_sink_that_is_down_gets_the_same_again_ever_later(place: Place) -> None:
    written(place.log, *numbers(2))
    sink = Takes(*[DOWN] * 12)
    place.exporter(sink).advance()
    assert sink.tried == [[0, 1]] * 13
    assert sink.took == [0, 1]
    waited = place.stop.waited
    for tries, pause in enumerate(waited):
        longest = min(60.0, 0.5 * 2**tries)
        assert longest / 2 <= pause <= longest
    assert len({round(pause, 6) for pause in waited[-4:]}) == 4  # no two wait alike


def test_a_sink_says_how_long_it_wants_to_be_left_alone(place: Place) -> None:
    written(place.log, *numbers(1))
    for asked, waited in ((7.0, 7.0), (1e9, 600.0)):
        place.stop = Unhurried()
        Path(place.cursors / "siem.json").unlink(missing_ok=True)
        place.exporter(Takes(SinkFault("HTTP status 429", after_s=asked))).advance()
        assert place.stop.waited == [waited]


def test_only_what_was_not_taken_is_sent_again(place: Place) -> None:
    written(place.log, *numbers(4))
    sink = Takes(Taken(again=[1, 3]), Taken(again=[0]))
    place.exporter(sink).advance()
    assert sink.tried == [[0, 1, 2, 3], [1, 3], [1]]
    assert sorted(sink.took) == [0, 1, 2, 3]


def test_one_poisoned_record_is_set_aside_and_the_rest_goes_on(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    written(place.log, *numbers(8))
    sink = Takes(ALL)
    sink.bad = {5}
    place.exporter(sink).advance()
    assert sink.took == [0, 1, 2, 3, 4, 6, 7]
    assert place.set_aside == [{"id": f"{ORIGIN}:5", "n": 5, "why": "HTTP status 400"}]
    assert refused(place.cursors / "siem.refused") == 1
    (told,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert told.getMessage() == (
        f"export siem: record {ORIGIN}:5 set aside: HTTP status 400; 1 so far"
    )
    assert place.cursor == 8


def test_a_sink_that_names_what_it_refuses_is_asked_once(place: Place) -> None:
    written(place.log, *numbers(4))
    sink = Takes(Taken(refused=[2]))
    place.exporter(sink).advance()
    assert sink.tried == [[0, 1, 2, 3]]
    assert place.set_aside == [{"id": f"{ORIGIN}:2", "n": 2, "why": "refused by itself"}]


def test_what_is_refused_without_a_name_is_counted(place: Place) -> None:
    written(place.log, *numbers(4))
    place.exporter(Takes(Taken(lost=2))).advance()
    (said,) = place.set_aside
    assert said["why"] == "2 of 4 records from this one on were refused"


def test_a_sink_that_never_took_anything_is_doubted_first(place: Place) -> None:
    """It may be set up wrong: then no record is at fault, and none is set aside at once."""
    written(place.log, *numbers(2))
    sink = Takes(*[BAD] * exporter.DOUBTS)
    place.exporter(sink).advance()
    assert sink.took == [0, 1]
    assert refused(place.cursors / "siem.refused") == 0


def test_a_single_bad_record_does_not_stand_in_the_way_for_ever(place: Place) -> None:
    written(place.log, *numbers(1))
    sink = Takes()
    sink.bad = {0}
    place.exporter(sink).advance()
    assert len(sink.tried) == exporter.DOUBTS + 1
    assert [one["n"] for one in place.set_aside] == [0]
    assert place.cursor == 1


def test_what_a_sink_takes_nothing_of_is_passed_over(place: Place) -> None:
    written(place.log, [{"kind": "config", "value": None}], *numbers(1))
    sink = Takes()
    place.exporter(sink).advance()
    assert sink.tried == [[0]]
    assert place.cursor == 2


def test_what_a_sink_still_needs_is_read_again_after_a_start(place: Place) -> None:
    written(place.log, *numbers(3))
    sink = Takes()
    sink.place = Cursor(origin=ORIGIN, n=0)
    place.exporter(sink).advance()
    assert place.cursor == 0
    sink.place = None
    place.exporter(sink).advance()
    assert sink.took == [0, 1, 2, 0, 1, 2]
    assert place.cursor == 3


def test_a_sink_sees_what_it_may_see(place: Place) -> None:
    written(place.log, *numbers(1))
    sink = Takes()
    place.exporter(sink, shown=lambda record: {**record, "value": 7}).advance()
    assert sink.took == [7]


def test_a_stop_ends_the_waiting_and_moves_nothing(place: Place) -> None:
    written(place.log, *numbers(1))
    place.stop = Unhurried(3)
    sink = Takes(*[DOWN] * 9)
    place.exporter(sink).advance()
    assert len(sink.tried) == 3
    assert place.cursor == 0
