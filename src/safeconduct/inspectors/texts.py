"""The strings and keys of a JSON value, which is where inspectors look, in document order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Final, NamedTuple, cast

import orjson

from safeconduct.core.model import KEY, Finding
from safeconduct.inspectors.patterns import ascii_only

Span = tuple[str, int, int]
"""A kind of finding, and from which to which character of a text it goes."""

Path = tuple[str | int, ...]


def in_json(value: object) -> bytes | None:
    """The value's JSON; None where it has none: half a surrogate pair, or nested too deeply."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return None


def look(value: object, spans: Callable[[str], Iterable[Span]]) -> Iterator[Finding]:
    """What `spans` tells of the strings and keys of a JSON value, in document order."""
    for text in each_text(value):
        for kind, start, end in spans(text.text):
            yield Finding(kind, text.path, start, end)


class Text(NamedTuple):
    """A string or a key, where it stands, and for a string the key it is the value of."""

    text: str
    path: Path
    key: str


_CALLED: Final = frozenset({"value", "Value"})


def each_text(value: object) -> list[Text]:
    """All of them; what stands in a list has the key of the list. Raises RecursionError."""
    texts: list[Text] = []
    _collect(value, (), "", texts)
    return texts


def _collect(value: object, path: Path, key: str, texts: list[Text]) -> None:
    if isinstance(value, str):
        texts.append(Text(value, path, key))
    elif isinstance(value, dict):
        members = cast("dict[str, object]", value)
        for name, item in members.items():
            texts.append(Text(name, (*path, name, KEY), ""))
            if isinstance(item, str):  # most are, and need no call
                texts.append(Text(item, (*path, name), _meant(name, members)))
            elif item is not None:
                _collect(item, (*path, name), _meant(name, members), texts)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            _collect(item, (*path, index), key, texts)


def _meant(name: str, members: dict[str, object]) -> str:
    """What a member is called: a variable and the like says it in the member beside."""
    if name in _CALLED:
        for beside in ("name", "Name", "key", "Key"):
            if isinstance(called := members.get(beside), str):
                return called
    return name


class Joined:
    """Many texts as one, which is searched faster than each of them."""

    def __init__(self, texts: Sequence[str], encode: Callable[[str], bytes] = ascii_only) -> None:
        self.texts = texts
        self._encode = encode

    @cached_property
    def _joined(self) -> tuple[bytes, list[int]]:
        if self._encode is ascii_only:  # each character is one byte
            joined = ascii_only("\0".join(self.texts))
            lengths = map(len, self.texts)
        else:
            parts = [self._encode(text) for text in self.texts]
            joined = b"\0".join(parts)
            lengths = map(len, parts)
        return joined, [0, *accumulate([length + 1 for length in lengths])][:-1]

    def holding(self, first: Callable[[bytes, int], int]) -> Iterator[int]:
        """Which texts may hold what `first` tells the place of, from a place on, or -1.

        A match may run from one text into the next one: only where it begins is believed, and a
        text that it hides is found from the end of that one on.
        """
        joined, starts = self._joined
        at = 0
        while (begin := first(joined, at)) >= 0:
            index = bisect_right(starts, begin) - 1
            yield index
            if index + 1 == len(starts):
                return
            at = starts[index + 1]
