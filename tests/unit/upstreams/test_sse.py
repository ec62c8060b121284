"""Server-sent events in chunks of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.upstreams.sse import EventStream, EventTooLarge


def _read(*chunks: bytes, bound: int = 1000) -> list[bytes]:
    stream = EventStream(bound)
    return [event for chunk in chunks for event in stream.feed(chunk)]


@pytest.mark.parametrize(
    ("wire", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\r\n\r\ndata:  b\r\n\r\n", [b"a", b" b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b": ping\n\ndata\n\ndata:\n\n\n\n", []),
        (b"event: other\ndata: a\n\nevent: message\ndata: b\n\n", [b"b"]),
        (b"id: 1\nretry: 5\nDATA: no\n data: no\n\n", []),
        (b"data: unfinished\n", []),
        (b"data: a:b\n\n", [b"a:b"]),
    ],
)
def test_reads_events_however_they_are_cut(wire: bytes, events: list[bytes]) -> None:
    assert _read(wire) == events
    assert _read(*(bytes([byte]) for byte in wire)) == events


def test_an_event_is_out_as_soon_as_its_last_byte_is_in() -> None:
    stream = EventStream(100)
    assert stream.feed(b"data: a\r\n\r") == [b"a"]
    assert stream.feed(b"\ndata: b\r\n\r\n") == [b"b"]


@pytest.mark.parametrize(
    ("wire", "place"),
    [
        (b"id: 7\nretry: 500\ndata:\n\n", ("7", 500)),
        (b"id: a b\n\ndata: x\n\n", ("a b", None)),
        (b"id: 7\n\nid: 8\ndata: x\n", ("7", None)),  # the event of 8 has not come
        (b"id: 7\nevent: other\ndata: x\n\n", ("7", None)),
        (b"id: 7\n\nid\n\n", (None, None)),
        (b"id: 7\n\nid: a\x00b\n\n", (None, None)),
        (b"id: 7\n\nid: a\tb\n\n", (None, None)),
        (b"id: \xc3\xa9\n\n", (None, None)),
        (b"id:  x\n\n", (None, None)),
        (b"id: " + b"x" * 512 + b"\n\n", ("x" * 512, None)),
        (b"id: " + b"x" * 513 + b"\n\n", (None, None)),
        (b"retry: -1\n\nretry: 1.5\n\nretry:\n\nretry: \xd9\xa1\n\n", (None, None)),
        (b"retry: " + b"9" * 500 + b"\n\n", (None, 999_999_999)),
    ],
)
def test_it_is_known_where_a_stream_can_be_taken_up(
    wire: bytes, place: tuple[str | None, int | None]
) -> None:
    stream = EventStream(1000)
    for byte in wire:
        stream.feed(bytes([byte]))
    assert (stream.place.id, stream.place.retry_ms) == place


def test_a_stream_that_was_taken_up_goes_on_from_its_place() -> None:
    first = EventStream(100)
    first.feed(b"id: 7\nretry: 5\n\n")
    second = EventStream(100, first.place)
    assert second.feed(b"data: a\n\n") == [b"a"]
    assert (second.place.id, second.place.retry_ms) == ("7", 5)


@given(st.lists(st.binary(max_size=20)))
def test_cuts_never_matter(chunks: list[bytes]) -> None:
    assert _read(*chunks) == _read(b"".join(chunks))


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * 60],
        [b"x"] * 60,
        [b"data: x\n"] * 10,
        [b":\n"] * 40,
        [b"\xff" * 51],
    ],
)
def test_an_event_beyond_the_bound_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(EventTooLarge):
        _read(*chunks, bound=50)


def test_the_bound_is_for_each_event() -> None:
    assert len(_read(*[b"data: " + b"x" * 30 + b"\n\n"] * 100, bound=50)) == 100
