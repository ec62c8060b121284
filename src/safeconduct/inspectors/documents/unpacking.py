"""What is taken out of one document, and how much may be."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from safeconduct.inspectors.documents.limits import Limits, bomb, unreadable
from safeconduct.inspectors.documents.wire import Piece, Sort

_SEPARATOR: Final = " > "
_CHUNK: Final = 64 * 1024
_NAME: Final = 80
_TAGS: Final = range(0xE0020, 0xE007F)

Reader = Callable[["Unpacked", bytes, str], str]
"""Reads bytes of a media type that was told; returns the format that they are in, or ""."""


class Unpacked:
    """The pieces of a document, and the room that is left for more of them.

    `place` is where in the document a reader stands.
    """

    def __init__(self, limits: Limits, read: Reader) -> None:
        self.pieces: list[Piece] = []
        self.limits = limits
        self._read = read
        self._place: list[str] = []
        self._expanded = limits.max_expanded_bytes
        self._members = limits.max_members
        self._pages = limits.max_pages
        self._elements = limits.max_elements
        self._characters = limits.max_characters

    # --- what is said ---------------------------------------------------------------------------

    def visible(self, text: str, place: str = "") -> None:
        """What whoever opens the document sees."""
        self._say(text, "visible", place)

    def hidden(self, text: str, way: str, place: str = "", *, plain: bool = False) -> None:
        """What is kept from them; `plain` where honest documents do it as well."""
        self._say(text, "hidden", place, way, plain=plain)

    def metadata(self, text: str, way: str, place: str = "") -> None:
        """What they see if they ask for it."""
        self._say(text, "metadata", place, way)

    def link(self, target: str, place: str = "") -> None:
        """Where the document leads to."""
        self._say(target, "link", place)

    def _say(
        self, text: str, sort: Sort, place: str, way: str = "", *, plain: bool = False
    ) -> None:
        self.characters(len(text))
        self.put(text, sort, place, way, plain=plain)

    def characters(self, count: int) -> None:
        """So many more are going to be said."""
        self._characters -= count
        if self._characters < 0:
            raise bomb(f"more than {self.limits.max_characters} characters of text")

    def put(self, text: str, sort: Sort, place: str, way: str = "", *, plain: bool = False) -> None:
        """A text whose characters were counted before."""
        text = text.strip()
        if not text:
            return
        where = _SEPARATOR.join([*self._place, place] if place else self._place)
        if not text.isascii():
            # No reader may fail on half a surrogate pair, and none is sent.
            text = text.encode(errors="replace").decode()
            tags = "".join(chr(ord(one) - 0xE0000) for one in text if ord(one) in _TAGS)
            if tags:
                self.pieces.append(Piece(tags, "hidden", where, "tag characters"))
        self.pieces.append(Piece(text, sort, where, way, plain))

    # --- what is inside -------------------------------------------------------------------------

    def inside(self, data: bytes, media: str, name: str) -> str:
        """Reads a document inside of this one; the format that it is in, or "" for none."""
        if len(self._place) >= self.limits.max_depth:
            raise bomb(f"more than {self.limits.max_depth} documents inside of each other")
        self._place.append(name[:_NAME])
        try:
            return self._read(self, data, media)
        finally:
            self._place.pop()

    # --- what it costs --------------------------------------------------------------------------

    def member(self) -> None:
        """One more file, part or attachment."""
        self._members -= 1
        if self._members < 0:
            raise bomb(f"more than {self.limits.max_members} files")

    def page(self) -> None:
        """One more page."""
        self._pages -= 1
        if self._pages < 0:
            raise bomb(f"more than {self.limits.max_pages} pages")

    def element(self, depth: int = 0) -> None:
        """One more element, inside of so many others."""
        self._elements -= 1
        if self._elements < 0:
            raise bomb(f"more than {self.limits.max_elements} elements")
        if depth > self.limits.max_nesting:
            raise bomb(f"more than {self.limits.max_nesting} elements inside of each other")

    def expand(self, size: int) -> None:
        """So many more bytes."""
        self._expanded -= size
        if self._expanded < 0:
            raise bomb(f"more than {self.limits.max_expanded_bytes} bytes unpacked")

    def all_of(self, read: Callable[[int], bytes]) -> bytes:
        """Everything that a stream gives, as long as there is room for it."""
        data = bytearray()
        while chunk := read(_CHUNK):
            self.expand(len(chunk))
            data += chunk
        return bytes(data)

    def inflated(self, data: bytes) -> bytes:
        """Without the compression of zlib (RFC 1950)."""
        inflating = zlib.decompressobj()

        def chunks() -> Iterator[bytes]:
            rest = data
            while rest and not inflating.eof:
                yield inflating.decompress(rest, _CHUNK)
                rest = inflating.unconsumed_tail

        steps = chunks()
        try:
            return self.all_of(lambda _: next(steps, b""))
        except zlib.error:
            raise unreadable("compressed data is damaged") from None


class Flow:
    """Text as it goes along in one part of a document, parted by whether it is seen.

    What is seen is one text, and so is what is hidden in one way: nothing falls apart because
    something else stands in between.
    """

    def __init__(self, unpacked: Unpacked) -> None:
        self._unpacked = unpacked
        self._runs: dict[tuple[Sort, str, bool], list[str]] = {}

    def visible(self, text: str) -> None:
        """What is seen."""
        self._add(("visible", "", False), text)

    def hidden(self, text: str, way: str, *, plain: bool = False) -> None:
        """What is not, and why."""
        self._add(("hidden", way, plain), text)

    def metadata(self, text: str, way: str) -> None:
        """What is seen on asking."""
        self._add(("metadata", way, False), text)

    def line(self) -> None:
        """A new line, paragraph or block begins."""
        for run in self._runs.values():
            if run[-1] != "\n":
                run.append("\n")

    def close(self, place: str = "") -> None:
        """All of it is said."""
        for (sort, way, plain), run in self._runs.items():
            self._unpacked.put("".join(run), sort, place, way, plain=plain)
        self._runs = {}

    def _add(self, run: tuple[Sort, str, bool], text: str) -> None:
        if text:
            self._unpacked.characters(len(text))
            self._runs.setdefault(run, []).append(text)
