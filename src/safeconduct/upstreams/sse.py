"""Server-sent events, read incrementally and within bounds (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import re
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BOM: Final = b"\xef\xbb\xbf"
# What can be sent back in a header field, where nobody reads it as anything else.
_EVENT_ID: Final = re.compile(rb"[!-~](?:[ -~]{0,510}[!-~])?")
_MAX_DIGITS: Final = 9


class EventTooLarge(ValueError):
    """An event, or a line of one, that is longer than allowed."""


class Place:
    """Where a stream can be taken up again: `id` is that of its last event, of whatever kind, or
    None where it had none that can be sent back; `retry_ms` is how long to wait, if it said so.
    """

    __slots__ = ("id", "retry_ms")

    def __init__(self) -> None:
        self.id: str | None = None
        self.retry_ms: int | None = None


class EventStream:
    """Turns chunks of bytes into the data of `message` events, and notes the place.

    Other events, comments and fields are dropped. The size of an event counts all its lines, so
    neither a long line nor endless short ones can fill the memory.
    """

    def __init__(self, max_event_bytes: int, place: Place | None = None) -> None:
        """`place` is where a stream goes on that was taken up again."""
        self.place = place or Place()
        self._id = self.place.id
        self._max_event_bytes = max_event_bytes
        self._pieces: list[bytes] = []  # of the line that has not ended yet
        self._data: list[bytes] = []
        self._event = b""
        self._size = 0
        self._at_start = True
        self._skip_newline = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes; return the data of every event that they complete.

        Raises:
            EventTooLarge: an event exceeds the bound.
        """
        if self._skip_newline and chunk:
            # The carriage return before this chunk has already ended its line.
            chunk = chunk.removeprefix(b"\n")
            self._skip_newline = False
        if chunk.endswith(b"\r"):
            self._skip_newline = True
        *lines, rest = _LINE_END.split(chunk)
        events: list[bytes] = []
        for line in lines:
            self._grow(len(line) + 1)
            if self._pieces:
                line = b"".join((*self._pieces, line))  # noqa: PLW2901 - the whole line
                self._pieces.clear()
            data = self._line(line)
            if data is not None:
                events.append(data)
        if rest:
            self._grow(len(rest))
            self._pieces.append(rest)
        return events

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._max_event_bytes:
            raise EventTooLarge

    def _line(self, line: bytes) -> bytes | None:
        if self._at_start:
            line = line.removeprefix(_BOM)
            self._at_start = False
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._event = value
        elif field == b"id":
            self._id = value.decode() if _EVENT_ID.fullmatch(value) else None
        elif field == b"retry" and value.isdigit():
            self.place.retry_ms = int(value[:_MAX_DIGITS])
        return None

    def _dispatch(self) -> bytes | None:
        data = b"\n".join(self._data) if self._event in {b"", b"message"} else b""
        self._data.clear()
        self._event = b""
        self._size = 0
        self.place.id = self._id
        return data or None
