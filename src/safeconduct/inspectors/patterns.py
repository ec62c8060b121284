"""Patterns in the syntax of RE2, which take time in proportion to the text whatever the text is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import re2

_MAX_MEMORY: Final = 64 << 20
"""Of each pattern, and of many in one, in bytes; what is needed is taken, no more."""

_END: Final = b"\0\1\0"
"""It is put behind what is searched: a set that ran out of memory finds not even that."""


@cache
def compiled(pattern: str) -> re2.Pattern:
    """A pattern over bytes, once in a process: there are as many as code and configuration have.

    Raises ValueError on one that RE2 does not take.
    """
    try:
        return re2.compile(pattern.encode("ascii"), _options())
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(f"not a pattern of RE2 over ASCII: {pattern}") from error


def any_of(patterns: Sequence[str]) -> Callable[[bytes], frozenset[int]]:
    """A search for many patterns in one pass, which tells the indices of those that are there.

    Raises ValueError on a pattern that RE2 does not take. The search raises MemoryError.
    """
    return _any_of(tuple(patterns))


@cache
def _any_of(patterns: tuple[str, ...]) -> Callable[[bytes], frozenset[int]]:
    several = re2.Set.SearchSet(_options())
    for pattern in patterns:
        compiled(pattern)  # A set takes all at once, and says nothing of which it does not.
        several.Add(pattern.encode("ascii"))
    last = several.Add(_END)
    several.Compile()

    def search(data: bytes) -> frozenset[int]:
        found = several.Match(data + _END)
        if not found:
            raise MemoryError("the search for many patterns at once ran out of memory")
        return frozenset(found) - {last}

    return search


def ascii_only(text: str) -> bytes:
    """A text as patterns see it: each character is one byte, any but ASCII a `?`."""
    return text.encode("ascii", "replace")


def in_utf8(text: str) -> bytes:
    """A text in UTF-8, half a surrogate pair as a `?`."""
    return text.encode("utf-8", "replace")


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    return options
