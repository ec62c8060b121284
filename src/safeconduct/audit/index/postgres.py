"""The index of a cluster, in PostgreSQL: one database, and in it a schema for each role.

Roles share nothing: what one owns no other sees, locks, fills or gets in the way of, whatever it
states. A gateway makes its own tables there, with rows partitioned by week.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import conninfo, errors

from safeconduct.audit.index.entry import Entry, Party, week, week_start_ms
from safeconduct.audit.index.port import Count, Found, IndexUnavailable, Position, Task
from safeconduct.audit.index.query import Query

SETUP: Final = """
create schema authorization {role};
"""
"""What the owner of the database runs once for each role that a gateway connects as."""

_TABLES: Final = """
create table audit_logs (log text primary key, position text not null);
create table audit_rows (
  log text not null, tenant text not null, at_ms bigint not null, n bigint not null,
  place bigint not null, agent text not null, "user" text not null, task text not null,
  kind text not null, said text not null, tool text not null, reason text not null,
  labels text not null,
  primary key (log, at_ms, n)
) partition by range (at_ms);
create index on audit_rows using brin (at_ms);
create index on audit_rows (tenant, agent, "user", at_ms);
create index on audit_rows (tenant, "user", at_ms);
create index on audit_rows (tenant, tool, said, at_ms);
create index on audit_rows (log, task);
create table audit_marks (
  log text not null, key integer not null, place bigint not null, n bigint not null,
  primary key (log, key, place)
);
"""
_WEEK: Final = """
create table if not exists audit_rows_{0} partition of audit_rows for values from ({1}) to ({2})
"""
_ADD_ROWS: Final = """
insert into audit_rows
  (log, tenant, at_ms, n, place, agent, "user", task, kind, said, tool, reason, labels)
select * from unnest(
  %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],
  %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
on conflict do nothing
"""
_ADD_MARKS: Final = """
insert into audit_marks (log, key, place, n)
select * from unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[])
on conflict do nothing
"""
_Answer = TypeVar("_Answer")


class PostgresIndex:
    """Implements `Index`, of the log named `log`. What PostgreSQL reports is IndexUnavailable: it
    finds damage to its files by itself.
    """

    def __init__(self, dsn: str, log: str) -> None:
        """Connects, and makes the tables if need be. Raises IndexUnavailable."""
        self._log = log
        try:
            conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:
            # What is said of it repeats it, and it may hold a password.
            raise IndexUnavailable("what stands as the address of PostgreSQL is none") from None
        self._db = _guarded(lambda: psycopg.connect(dsn, autocommit=True, client_encoding="utf8"))
        try:
            _guarded(self._tables)
        except IndexUnavailable:
            self.close()
            raise

    def position(self) -> Position | None:
        row = self._one("select position from audit_logs where log = %s", (self._log,))
        return None if row is None else msgspec.json.decode(row[0], type=Position)

    def add(self, entries: Sequence[Entry], position: Position) -> None:
        _guarded(lambda: self._add(entries, position))

    def find(self, query: Query) -> list[Found]:
        if query.mark is not None:
            sql = "select n, place from audit_marks where log = %s and key = %s"
            return self._found(sql, (self._log, query.mark))
        where, values = self._asked(query)
        sql = f"select n, place from audit_rows where {where}"  # noqa: S608 - own
        if query.limit is not None:
            sql += f" order by n {'' if query.oldest else 'desc'} limit %s"
            values.append(query.limit)
        return self._found(sql, values)

    def count(self, query: Query, every_ms: int) -> list[Count]:
        where, values = self._asked(query)
        sql = (
            "select at_ms / %s * %s as stretch, said, count(*) from audit_rows "  # noqa: S608 - own
            f"where {where} group by stretch, said order by stretch, said"
        )
        rows = self._rows(sql, [every_ms, every_ms, *values])
        return [Count(*row) for row in rows]

    def task(self, name: str) -> Task | None:
        row = self._one(
            'select tenant, agent, "user", min(at_ms), max(at_ms) from audit_rows '
            'where log = %s and task = %s group by tenant, agent, "user" '
            "order by agent desc limit 1",
            (self._log, name),
        )
        return None if row is None else Task(Party(*row[:3]), row[3], row[4])

    @contextmanager
    def writing(self) -> Generator[None]:
        """All that is added in between is there at once, also where it ends with an exception."""
        _guarded(lambda: self._db.execute("begin"))
        try:
            _guarded(lambda: self._db.execute("lock table audit_logs in exclusive mode"))
            yield
        finally:
            _guarded(lambda: self._db.execute("commit"))

    def clear(self) -> None:
        def work() -> None:
            with self._db.transaction():
                for table in ("audit_logs", "audit_marks", "audit_rows"):
                    self._db.execute(f"delete from {table} where log = %s", (self._log,))  # noqa: S608 - own words

        _guarded(work)

    def close(self) -> None:
        self._db.close()

    def _tables(self) -> None:
        self._db.execute('set search_path to "$user"')
        made = self._one("select to_regclass('audit_logs') is not null", ())
        if made == (False,):
            # Where another process of this role has just made them, they are there.
            with suppress(errors.UniqueViolation, errors.DuplicateTable), self._db.transaction():
                self._db.execute(_TABLES)

    def _add(self, entries: Sequence[Entry], position: Position) -> None:
        for number in {week(entry.at_ms) for entry in entries}:
            made = _WEEK.format(number, week_start_ms(number), week_start_ms(number + 1))
            self._db.execute(made.encode())
        rows = [
            (self._log, tenant, one.at_ms, one.n, one.place, agent, user, one.task, *one.facet)
            for one in entries
            for tenant, agent, user in (one.party,)
        ]
        marks = [(self._log, key, one.place, one.n) for one in entries for key in one.marks]
        with self._db.transaction(), self._db.cursor() as cursor:
            # A column is one array: one statement, however many rows.
            cursor.execute(_ADD_ROWS, [list(column) for column in zip(*rows, strict=True)])
            if marks:
                cursor.execute(_ADD_MARKS, [list(column) for column in zip(*marks, strict=True)])
            cursor.execute(
                "insert into audit_logs values (%s, %s) "
                "on conflict (log) do update set position = excluded.position",
                (self._log, msgspec.json.encode(position).decode()),
            )

    def _asked(self, query: Query) -> tuple[str, list[Any]]:
        """The conditions of a question, and by which values."""
        conditions, values = ["log = %s", "tenant = %s"], list[Any]((self._log, query.tenant))
        for name, value in (("agent", query.agent), ('"user"', query.user), ("task", query.task)):
            if value is not None:
                conditions.append(f"{name} = %s")
                values.append(value)
        for name, value in query.facets.items():
            conditions.append("strpos(labels, %s) > 0" if name == "labels" else f"{name} = %s")
            values.append(value)
        for sign, moment_ms in ((">=", query.since_ms), ("<", query.until_ms)):
            if moment_ms is not None:
                conditions.append(f"at_ms {sign} %s")
                values.append(moment_ms)
        return " and ".join(conditions), values

    def _found(self, sql: str, values: Sequence[Any]) -> list[Found]:
        return sorted(Found(*row) for row in self._rows(sql, values))

    def _rows(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return _guarded(lambda: self._db.execute(sql.encode(), values).fetchall())

    def _one(self, sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        return _guarded(lambda: self._db.execute(sql.encode(), values).fetchone())


def _guarded(work: Callable[[], _Answer]) -> _Answer:
    try:
        return work()
    except psycopg.Error as error:
        sentence = " ".join(str(error).split())
        raise IndexUnavailable(f"the index in PostgreSQL cannot be used: {sentence}") from error
