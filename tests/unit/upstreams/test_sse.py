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
