"""Text that others wrote and that is installed beside this: read, never run."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

PLACE: Final = Path(sysconfig.get_path("purelib"))

Rows = list[dict[str, Any]]


def lines(path: str) -> Rows:
    """The objects of a file with one JSON object a line."""
    text = (PLACE / path).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


@cache
def files(pattern: str, least: int = 200, most: int = 1 << 18) -> tuple[Path, ...]:
    """Installed files of a size, in an order that no machine changes."""
    found = (path for path in PLACE.glob(pattern) if least <= path.stat().st_size <= most)
    return tuple(sorted(found))


def pieces(paths: Sequence[Path], chance: Random, count: int, size: int = 3000) -> Iterator[str]:
    """So many pieces of files, whole lines of them, each of about a size in characters."""
    for path in chance.sample(paths, min(count, len(paths))):
        text = path.read_text("utf-8", errors="replace")
        start = chance.randrange(max(1, len(text) - size))
        start = text.rfind("\n", 0, start) + 1
        end = text.find("\n", start + size)
        yield text[start : len(text) if end < 0 else end]
