"""Everything that stood in a result: as whole values, and as the words of its texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from safeconduct.core.provenance import normalise
from safeconduct.core.vouching import structured

MAX_SIGHTINGS: Final = 10_000
"""How many values of one result are kept; what stands behind them counts as never seen."""

MAX_VALUE: Final = 256
"""How long a value may be, in characters: no id and no address is longer."""

_WORD: Final = re.compile(r"[^\s,;<>()\[\]{}\"'`|“”‘’]{2,256}")  # noqa: RUF001
_MARKS: Final = ".,:;!?"


def sightings(result: Mapping[str, Any]) -> dict[str, str]:
    """Each value of a result and the path of the field where it first stood."""
    content = structured(result)
    found: dict[str, str] = {}
    for path, value in _leaves(result if content is None else content, ""):
        for text in _texts(value):
            found.setdefault(text, path)
        if len(found) >= MAX_SIGHTINGS:
            break
    return found


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            yield f"{path}.*" if path else "*", name
            yield from _leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _leaves(item, f"{path}.*" if path else "*")
    else:
        yield path, value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, bool) or (text := normalise(value)) is None:
        return
    if len(text) <= MAX_VALUE:
        yield text
    if " " in text or "\n" in text or len(text) > MAX_VALUE:
        for word in _WORD.findall(text):
            yield word
            inner = word.rstrip(_MARKS)
            if inner != word:
                yield inner
