"""Cuts a text into what is judged one by one: a document as a whole hides its one bad sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

MAX_CHARACTERS: Final = 320
"""A longer sentence is judged in windows of this many characters, each half over the next."""

MAX_LINES: Final = 4
"""Over how many lines a sentence may go on, where no blank line or item of a list ends it."""

Place = tuple[int, int]
"""From which to which character of a text a segment goes."""

_BREAK: Final = re.compile(r"\\r\\n|\\n|\\r|[\n\r\x0b\x0c\x85\u2028\u2029]")
"""Also breaks that were written down twice, as in JSON within a string."""
_SENTENCE: Final = re.compile(r".+?(?:[.!?…]+[\"'”’)\]*_]*(?=\s|$)|[。！？]+|$)", re.DOTALL)  # noqa: RUF001 letters that look alike are meant
_ENDS: Final = re.compile(r"[.!?…。！？:;][\"'”’)\]*_]*\s*$")  # noqa: RUF001 letters that look alike are meant
_BEGINS: Final = re.compile(r"\s*(?:[-*+•#>|]|\d+[.)]\s|[\w\"']+:\s|$)")
_HEADING: Final = re.compile(
    r"\s*(?:(?:#{1,6}|[\[<{(=*>@]|-{2,})[^\n]{1,60}|[^\n]{1,60}[:\]>})*#=]|[\"']?role\W+\w+\W?)\s*"
)
"""What announces the line after it."""
_GAP: Final = 4
"""Characters there may be between the two: two breaks, also written down."""
_WORDS: Final = re.compile(r"\w(?:\W*\w){2}")
"""What is too short says nothing; letters may stand apart."""


def segments(text: str) -> Iterator[Place]:
    """The sentences of each line; then those that go on over several lines, as whole ones too, and
    short lines that announce the next one, with its first sentence.

    A segment has three letters or digits, and no space at its ends. Whatever is added in paragraphs
    of its own leaves every segment as it was.
    """
    lines = list(_lines(text))
    for start, end in lines:
        yield from _sentences(text, start, end)
    for line, after in pairwise(lines):
        if after[0] - line[1] <= _GAP and _HEADING.fullmatch(text, *line):
            yield from _announced(text, line, after)
    first = 0
    for at in range(1, len(lines) + 1):
        if at < len(lines) and at - first < MAX_LINES and _goes_on(text, lines[at - 1], lines[at]):
            continue
        if at - first > 1:
            yield from _across(text, lines[first:at])
        first = at


def _lines(text: str) -> Iterator[Place]:
    start = 0
    for found in _BREAK.finditer(text):
        if start < found.start():
            yield start, found.start()
        start = found.end()
    if start < len(text):
        yield start, len(text)


def _goes_on(text: str, line: Place, after: Place) -> bool:
    """Whether a sentence may go on in the next line."""
    between = text[line[1] : after[0]]
    return (
        between in {"\n", "\r\n", "\\n"}
        and not _ENDS.search(text, max(line[0], line[1] - 8), line[1])
        and not _BEGINS.match(text, *after)
    )


def _across(text: str, lines: list[Place]) -> Iterator[Place]:
    """The sentences of a paragraph that lie in more than one of its lines."""
    breaks = [end for _, end in lines[:-1]]
    for start, end in _sentences(text, lines[0][0], lines[-1][1]):
        if any(start < one < end for one in breaks):
            yield start, end


def _announced(text: str, line: Place, after: Place) -> Iterator[Place]:
    """A line, and the first sentence of the next one."""
    for _, end in _sentences(text, *after):
        yield from _windows(text, line[0], end)
        break


def _sentences(text: str, start: int, end: int) -> Iterator[Place]:
    for found in _SENTENCE.finditer(text, start, end):
        yield from _windows(text, *found.span())


def _windows(text: str, start: int, end: int) -> Iterator[Place]:
    while end - start > MAX_CHARACTERS:
        yield from _trimmed(text, start, start + MAX_CHARACTERS)
        start += MAX_CHARACTERS // 2
    yield from _trimmed(text, start, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[Place]:
    words = _WORDS.search(text, start, end)
    if words is None:
        return
    while text[start].isspace():
        start += 1
    while text[end - 1].isspace():
        end -= 1
    yield start, end
