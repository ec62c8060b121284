"""How far each node had come, as the log of logs has it: the state that is derived from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

CHECKPOINT: Final = "node.checkpoint"
CONTRADICTION: Final = "node.contradiction"


class Head(msgspec.Struct, frozen=True):
    """The last checkpoint of a node; its root in hexadecimal."""

    size: int = 0
    root: str = ""


class Heads:
    """Implements `Projection`. It is kept in memory: a log of checkpoints is read in no time."""

    def __init__(self) -> None:
        self._heads: dict[str, Head] = {}
        self._before: dict[str, Head] = {}

    def head(self, origin: str) -> Head:
        """The last checkpoint of a node; of a node that is new, that of an empty log."""
        return self._heads.get(origin, Head())

    def applied(self) -> int:
        return 0

    def begin(self) -> None:
        self._before = dict(self._heads)

    def counters(self, record: Mapping[str, Any]) -> Mapping[str, int]:
        return {}

    def apply(self, seq: int, record: Mapping[str, Any], *, replay: bool) -> str | None:
        if record["kind"] == CHECKPOINT:
            if record["size"] <= self.head(record["origin"]).size:
                return "a node's log does not get shorter"
            self._heads[record["origin"]] = Head(record["size"], record["root"])
        return None

    def commit(self) -> None:
        self._before = {}

    def rollback(self) -> None:
        self._heads = self._before
