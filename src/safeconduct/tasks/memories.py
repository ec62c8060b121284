"""What agents remember: labels, and who hears of them.

Labels hang on whatever can remember, and only rise. What agents tell each other passes no gateway,
so that those of one line of tasks are taken to tell each other all that they have read, wherever
that was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from safeconduct.core.labels import BOTTOM, Label
from safeconduct.tasks.rows import LabelRow, StartRow
from safeconduct.tasks.tables import Table


class Memories:
    """The tables of memories: their part of task state."""

    def __init__(self) -> None:
        self._labels = Table("labels", LabelRow)
        # By memory, those that hear of it, and until when.
        self._hearers = Table("hearers", dict[str, int])

    # --- the writer -------------------------------------------------------------------------------

    def _introduce(self, start: StartRow) -> None:
        """Agents of a line tell each other what they like, for as long as the task below lasts."""
        line = (start.memory, *start.shared)
        for name in line:
            heard = self._hearers.peek(name) or {}
            new = {one: max(heard.get(one, 0), start.expires_ms) for one in line if one != name}
            kept = {one: until for one, until in heard.items() if until > start.started_ms}
            self._hearers.put(name, {**kept, **new})

    def _remember(self, start: StartRow, brought: Label, at_ms: int) -> None:
        """Raises the memories of a line, and of all who hear of them now, to what was brought and
        to what any of them has.
        """
        names = self._hearing((start.memory, *start.shared), at_ms, self._hearers.peek)
        known = {name: self._labels.peek(name) or LabelRow(BOTTOM, 0) for name in names}
        whole = functools.reduce(Label.join, (one.label for one in known.values()), brought)
        for name, before in known.items():
            if whole != before.label:
                self._labels.put(name, LabelRow(whole, before.version + 1))

    @staticmethod
    def _hearing(
        line: tuple[str, ...], at_ms: int, hearers: Callable[[str], dict[str, int] | None]
    ) -> tuple[str, ...]:
        """The memories of a line, and all that hear of them now."""
        names = [*line]
        for name in names:  # which grow meanwhile
            heard = hearers(name) or {}
            names += [one for one, until in heard.items() if until > at_ms and one not in names]
        return tuple(names)
