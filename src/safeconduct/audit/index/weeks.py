"""One week of an index, in an SQLite file that needs no other.

Rows lie by party and time, so that what an agent did for a user in some days is read in one piece;
names stand for themselves by their number in this file. A second index goes by facet and time, and
marks lead to the few records that are looked up by an id. Tasks need none: theirs are the rows of
their party in the time that they took.

SQLite counts in the file's header how often anybody wrote to it (file format, section 1.3.6), and
the file says how often it was written to from here: where these differ, somebody else wrote.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

from safeconduct.audit.index.entry import Entry, Facet, Party, week_start_ms
from safeconduct.audit.index.port import Count, Found, IndexDamaged, Task
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.sql import asked_of, bound, counted

FORMAT: Final = 2

_SCHEMA: Final = """
create table through (
  size integer not null, rows integer not null, writes integer not null
) strict;
create table parties (
  id integer primary key, tenant text, agent text, user text, unique (tenant, agent, user)
) strict;
create index users on parties (user);
create table facets (
  id integer primary key, kind text, said text, tool text, reason text, labels text,
  unique (kind, said, tool, reason, labels)
) strict;
create table tasks (
  id integer primary key, name text, party integer, first integer, last integer,
  unique (name, party)
) strict;
create table rows (
  party integer, at integer, n integer, task integer, facet integer, place integer,
  primary key (party, at, n)
) without rowid, strict;
create index by_facet on rows (facet, at);
create table marks (
  key integer, place integer, n integer, primary key (key, place)
) without rowid, strict;
insert into through values (0, 0, 1);
"""
_CACHE_KIB: Final = 65_536
_PATIENCE_S: Final = 30.0
_COUNTER: Final = slice(24, 28)
"""Where in a file's header is how often it was written to."""

_Key = TypeVar("_Key", Party, Facet)
_Answer = TypeVar("_Answer")


class Through(NamedTuple):
    """Up to which size of the log all is in a week that belongs there, and how many rows it has."""

    size: int
    rows: int


class Week:
    """An open file. Everything raises IndexDamaged."""

    def __init__(self, path: Path, number: int, *, new: bool = False) -> None:
        """Opens what is there, or makes it. `number` says which week, as `entry.week` does."""
        self._start_ms = week_start_ms(number)
        self._parties: dict[Party, int] = {}
        self._facets: dict[Facet, int] = {}
        self._tasks: dict[tuple[str, int], tuple[int, int, int]] = {}  # id, first, last
        mode = "rwc" if new else "rw"
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                timeout=_PATIENCE_S,
                check_same_thread=False,
            )
            self._db.execute(f"pragma cache_size = -{_CACHE_KIB}")
            if new and not self._value("select count(*) from sqlite_master"):
                self._db.executescript(f"begin; {_SCHEMA} pragma user_version = {FORMAT}; commit;")
            if self._value("pragma user_version") != FORMAT:
                raise IndexDamaged(f"{path.name} is of another format")
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (sqlite3.Error, OSError) as error:
            raise IndexDamaged(f"{path.name}: {error}") from error
        self._name = path.name

    def through(self) -> Through:
        """What is in here; raises where anybody else wrote to it."""
        return self._guarded(self._through)

    def add(self, entries: Sequence[Entry], size: int) -> None:
        """Adds entries of this week, those that are there already too: all, or none."""
        self._guarded(lambda: self._add(entries, size))

    def find(self, query: Query) -> list[Found]:
        """The rows that answer, in no order; those that only a mark finds may not answer."""
        return self._guarded(lambda: self._find(query))

    def count(self, query: Query, every_ms: int) -> list[Count]:
        """As `Index.count`, of this week alone and in no order."""
        return self._guarded(lambda: self._count(query, every_ms))

    def task(self, name: str) -> Task | None:
        """What is known of a task."""
        row = self._guarded(
            lambda: self._db.execute(
                "select tenant, agent, user, first, last from tasks "
                "join parties on parties.id = party where name = ? order by agent desc limit 1",
                (name,),
            ).fetchone()
        )
        if row is None:
            return None
        start_ms = self._start_ms
        return Task(Party(*row[:3]), start_ms + row[3], start_ms + row[4])

    def close(self) -> None:
        """Closes the file. The descriptor last: closing it lets go of all locks on the file."""
        self._db.close()
        os.close(self._fd)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows, as `parquet.ROW` says. Raises sqlite3.Error."""
        marks: dict[int, str] = {}
        for key, n in self._db.execute("select key, n from marks"):
            marks[n] = f"{marks[n]} {key}" if n in marks else str(key)
        rows = self._db.execute(
            "select tenant, user, agent, at, n, place, coalesce(name, ''), kind, said, tool, "
            "reason, labels from rows join parties on parties.id = rows.party "
            "join facets on facets.id = facet left join tasks on tasks.id = task"
        )
        for tenant, user, agent, at, n, *rest in rows:
            yield tenant, user, agent, self._start_ms + at, n, *rest, marks.get(n, "\\N")

    def _through(self) -> Through:
        db = self._db
        db.execute("begin")  # so that nobody writes between the one count and the other
        try:
            size, rows, writes = db.execute("select size, rows, writes from through").fetchone()
            counted = os.pread(self._fd, _COUNTER.stop, 0)[_COUNTER]
        finally:
            db.execute("rollback")
        if int.from_bytes(counted) != writes:
            raise IndexDamaged(f"{self._name} is not as it was written")
        return Through(size, rows)

    def _add(self, entries: Sequence[Entry], size: int) -> None:
        db = self._db
        db.execute("begin immediate")
        try:
            rows: list[tuple[int, ...]] = []
            marks: list[tuple[int, int, int]] = []
            known, seen = self._tasks, dict[tuple[str, int], None]()
            for n, at_ms, place, party, task, facet, found in entries:
                at = at_ms - self._start_ms
                party_id = self._parties.get(party) or self._number("parties", party, self._parties)
                facet_id = self._facets.get(facet) or self._number("facets", facet, self._facets)
                task_id = 0
                if task:
                    key = task, party_id
                    task_id, first, last = known.get(key) or self._task(task, party_id, at)
                    if not first <= at <= last:
                        known[key] = task_id, min(first, at), max(last, at)
                        seen[key] = None
                rows.append((party_id, at, n, task_id, facet_id, place))
                marks += [(one, place, n) for one in found]
            rows.sort()
            into = "insert or ignore into rows values (?, ?, ?, ?, ?, ?)"
            added = db.executemany(into, rows).rowcount
            db.executemany("insert or ignore into marks values (?, ?, ?)", sorted(marks))
            db.executemany(
                "update tasks set first = ?, last = ? where id = ?",
                [(first, last, number) for number, first, last in map(known.__getitem__, seen)],
            )
            db.execute(
                "update through set size = max(size, ?), rows = rows + ?, writes = writes + 1",
                (size, added),
            )
            db.execute("commit")
        except BaseException:
            db.execute("rollback")
            for names in (self._parties, self._facets, self._tasks):
                names.clear()  # numbers that were given are given back
            raise

    def _number(self, table: str, key: _Key, known: dict[_Key, int]) -> int:
        fields = key._fields
        where = " and ".join(f"{name} = ?" for name in fields)
        number = self._value(f"select id from {table} where {where}", key)  # noqa: S608 - own words
        if number is None:
            holders = ", ".join("?" * len(fields))
            names = ", ".join(fields)
            insert = f"insert into {table} ({names}) values ({holders}) returning id"  # noqa: S608 - own words
            number = self._value(insert, key)
        known[key] = number
        return int(number)

    def _task(self, name: str, party: int, at: int) -> tuple[int, int, int]:
        row = self._db.execute(
            "select id, first, last from tasks where name = ? and party = ?", (name, party)
        ).fetchone()
        if row is None:
            number = self._value(
                "insert into tasks (name, party, first, last) values (?, ?, ?, ?) returning id",
                (name, party, at, at),
            )
            row = (number, at, at)
        self._tasks[name, party] = row
        return cast("tuple[int, int, int]", row)

    def _find(self, query: Query) -> list[Found]:
        if query.mark is not None:
            marked = self._db.execute("select n, place from marks where key = ?", (query.mark,))
            return [Found(*row) for row in marked]
        tables, conditions, values = asked_of(query)
        bound(query, self._start_ms, conditions, values)
        # A cross join is made in the order in which it is written.
        select = (
            f"select n, place from {' cross join '.join(tables)} "  # noqa: S608 - own words alone
            f"where {' and '.join(conditions)}"
        )
        if query.limit is not None:
            select += f" order by n {'' if query.oldest else 'desc'} limit ?"
            values.append(query.limit)
        return [Found(*row) for row in self._db.execute(select, values)]

    def _count(self, query: Query, every_ms: int) -> list[Count]:
        conditions, values = counted(query)
        bound(query, self._start_ms, conditions, values)
        # By facets first: few, and their number stands in the index that is gone through.
        sql = (
            "with counted as (select (at + ?) / ? as stretch, facet as of, count(*) as many "  # noqa: S608 - own words alone
            f"from rows where {' and '.join(conditions)} group by of, stretch) "
            "select stretch * ?, said, sum(many) from counted join facets on facets.id = of "
            "group by stretch, said"
        )
        asked = [self._start_ms, every_ms, *values, every_ms]
        return [Count(*row) for row in self._db.execute(sql, asked)]

    def _value(self, sql: str, values: Iterable[Any] = ()) -> Any:  # noqa: ANN401 - any column
        row = self._db.execute(sql, tuple(values)).fetchone()
        return None if row is None else row[0]

    def _guarded(self, work: Callable[[], _Answer]) -> _Answer:
        try:
            return work()
        except (sqlite3.Error, TypeError) as error:  # a value of another type than was written
            raise IndexDamaged(str(error)) from error
