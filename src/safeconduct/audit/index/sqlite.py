"""The index as files beside the log: one for each week, and how far they have come."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.audit.index import parquet
from safeconduct.audit.index.entry import Entry, week, week_start_ms
from safeconduct.audit.index.parquet import Archived, ArchivedWeek
from safeconduct.audit.index.port import Count, Found, IndexDamaged, Position, Task
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.weeks import Week

DIRECTORY: Final = "index"
_PROGRESS: Final = "progress.json"
_LOCK: Final = "lock"
_SUFFIX: Final = ".sqlite3"
_EPOCH: Final = date(1970, 1, 1)
_NO_LIMIT: Final = 1 << 62
_WEEKS: Final = "*-W??.sqlite3"


class _Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`weeks` says up to which size of the log each file has to have all that belongs to it;
    `first` is the first record that any has, and each after it is in one of them.
    """

    position: Position
    weeks: dict[int, int]
    first: int


class WeeklyIndex:
    """Implements `Index`. Several processes may have it open; one at a time adds to it.

    The files of weeks are written first, then how far they have come, so that what a crash leaves
    between the two is added again. A file that is gone, or knows less than it should, is damage.
    """

    def __init__(self, directory: Path) -> None:
        """The index in a directory, which is made if need be. Raises OSError."""
        directory.mkdir(mode=0o700, exist_ok=True)
        self._directory = directory
        self._open: dict[int, Week | ArchivedWeek] = {}

    def position(self) -> Position | None:
        progress = self._checked()
        return None if progress is None else progress.position

    def add(self, entries: Sequence[Entry], position: Position) -> None:
        progress = self._progress()
        weeks = {} if progress is None else dict(progress.weeks)
        first = entries[0].n if progress is None else progress.first
        ordered = sorted(entries, key=lambda entry: week(entry.at_ms))
        for number, those in groupby(ordered, key=lambda entry: week(entry.at_ms)):
            self._week(number, new=number not in weeks).add(list(those), position.size)
            weeks[number] = position.size
        self._store(_Progress(position=position, weeks=weeks, first=first))

    def find(self, query: Query) -> list[Found]:
        progress = self._checked()
        if progress is None:
            return []
        found: list[Found] = []
        enough = False
        for number in sorted(progress.weeks, reverse=not query.oldest):
            if _concerns(number, query):
                found += self._week(number).find(query)
                if enough:
                    break
                # Beyond the next week nothing is nearer in the log, though times may be disordered.
                enough = query.mark is None and len(found) >= (query.limit or _NO_LIMIT)
        found.sort()
        return found if query.mark is not None else query.within(found)

    def count(self, query: Query, every_ms: int) -> list[Count]:
        progress = self._checked()
        total: Counter[tuple[int, str]] = Counter()
        for number in progress.weeks if progress else ():
            if _concerns(number, query):
                for start_ms, said, records in self._week(number).count(query, every_ms):
                    # A stretch may lie in two weeks.
                    total[start_ms, said] += records
        return [Count(*key, records) for key, records in sorted(total.items())]

    def task(self, name: str) -> Task | None:
        progress = self._progress()
        found = None
        for number in sorted(progress.weeks if progress else (), reverse=True):
            known = self._week(number).task(name)
            if known is None:
                if found is not None:
                    break
            elif found is None:
                found = known
            else:
                found = found._replace(first_ms=known.first_ms)
        return found

    def clear(self) -> None:
        self.close()
        with suppress(FileNotFoundError):
            (self._directory / _PROGRESS).unlink()
        for path in self._directory.glob(f"{_WEEKS}*"):
            path.unlink()

    def close(self) -> None:
        for one in self._open.values():
            one.close()
        self._open.clear()

    @contextmanager
    def writing(self) -> Generator[None]:
        """Waits until nobody else adds to the index."""
        fd = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _progress(self) -> _Progress | None:
        try:
            data = (self._directory / _PROGRESS).read_bytes()
        except FileNotFoundError:
            return None
        try:
            progress = msgspec.json.decode(data, type=_Progress)
        except msgspec.DecodeError as error:
            raise IndexDamaged(f"{_PROGRESS}: {error}") from error
        return progress

    def _checked(self) -> _Progress | None:
        """As `_progress`, and every week has what was added to it."""
        progress = self._progress()
        if progress is None:
            return None
        rows = 0
        for number, size in progress.weeks.items():
            held = self._week(number).through()
            if held.size < size:
                raise IndexDamaged(f"{_name(number)} lacks what was added to it")
            rows += held.rows
        if rows < progress.position.size - progress.first:
            raise IndexDamaged(f"{_PROGRESS} lacks a week that records were added to")
        return progress

    def _store(self, progress: _Progress) -> None:
        draft = self._directory / f"{_PROGRESS}.new"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(msgspec.json.encode(progress))
        draft.replace(self._directory / _PROGRESS)

    def archive(self, number: int) -> Archived | None:
        """Replaces the file of a week that has passed by one in Parquet; None: there is none.

        Raises as everything here, and IndexUnavailable, sqlite3.Error, OSError.
        """
        progress = self._checked()
        if progress is None or number not in progress.weeks:
            return None
        opened = self._week(number)
        if not isinstance(opened, Week):
            return parquet.listed(self._directory)[number]
        name = _name(number).removesuffix(_SUFFIX) + ".parquet"
        said = parquet.write(self._directory, number, name, opened.rows(), opened.through().size)
        opened.close()
        del self._open[number]
        for path in self._directory.glob(f"{_name(number)}*"):
            path.unlink()
        return said

    def _week(self, number: int, *, new: bool = False) -> Week | ArchivedWeek:
        opened = self._open.get(number)
        if opened is None:
            path = self._directory / _name(number)
            archived = None
            if not new and not path.exists():
                archived = parquet.listed(self._directory).get(number)
            if archived is None:
                opened = Week(path, number, new=new)
            else:
                opened = ArchivedWeek(self._directory, archived)
            self._open[number] = opened
        return opened


def week_of(text: str) -> int:
    """The number of a week that is named as ISO 8601 has it, as in 2026-W47.

    Raises:
        ValueError: it is none.
    """
    year, _, of_year = text.partition("-W")
    day = date.fromisocalendar(int(year), int(of_year), 1)
    return (day - _EPOCH).days // 7 + 1


def _name(number: int) -> str:
    year, of_year, _ = datetime.fromtimestamp(week_start_ms(number) / 1000, UTC).isocalendar()
    return f"{year}-W{of_year:02}.sqlite3"


def _concerns(number: int, query: Query) -> bool:
    after = query.until_ms is None or week_start_ms(number) < query.until_ms
    return after and (query.since_ms is None or week_start_ms(number + 1) > query.since_ms)
