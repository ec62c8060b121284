"""The bundles that a command line names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

HEADER: Final = "policy.yaml"


def bundles(paths: Iterable[Path]) -> Iterator[Path]:
    """Each path that is a bundle, and the bundles in those that are folders of them."""
    for path in paths:
        if (path / HEADER).is_file():
            yield path
        else:
            yield from sorted(header.parent for header in path.rglob(HEADER))
