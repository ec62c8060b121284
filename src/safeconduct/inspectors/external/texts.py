"""What an external inspection is shown of a value, and what becomes of its verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from safeconduct.core.model import KEY, Finding

FAMILY: Final = "external"

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
MAX_NAME: Final = 40


class Nonsense(ValueError):
    """An answer that is none; the message quotes nothing of it."""


class Text(NamedTuple):
    """A string of a JSON value, or a key of one of its objects, and its place."""

    where: tuple[str | int, ...]
    text: str

    def found(self, name: str, start: int = 0, end: int | None = None) -> Finding:
        """A finding in this text, in all of it unless told otherwise.

        Raises Nonsense: the name is not in lower-case words with dashes, or no such part.
        """
        end = len(self.text) if end is None else end
        if len(name) > MAX_NAME or not _NAME.fullmatch(name):
            raise Nonsense("a finding without a usable name")
        if not 0 <= start < end <= len(self.text):
            raise Nonsense("a finding where no text is")
        return Finding(f"{FAMILY}.{name}", self.where, start, end)


def texts(value: object, path: tuple[str | int, ...] = ()) -> Iterator[Text]:
    """The strings and keys of a JSON value that are not empty, in document order.

    Raises RecursionError on a value nested too deeply.
    """
    if isinstance(value, str):
        if value:
            yield Text(path, value)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield from texts(key, (*path, key, KEY))
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from texts(item, (*path, index))
