"""The index of a cluster, in PostgreSQL: all its logs in one place, a tenant's rows for its role.

Rows are partitioned by week. Row-level security ends at the tenants that the table `audit_roles`
gives a role, whatever a statement asks for; only the owner of the tables may write that one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import msgspec
import psycopg

from safeconduct.audit.index.entry import Entry, Party, week, week_start_ms
from safeconduct.audit.index.port import Found, IndexUnavailable, Position, Task
from safeconduct.audit.index.query import Query

SETUP: Final = """
create table audit_roles (role name, tenant text, primary key (role, tenant));
create table audit_logs (log text, tenant text, position text not null, primary key (log, tenant));
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
  log text not null, tenant text not null, key integer not null, place bigint not null,
  n bigint not null, primary key (log, key, place)
);
alter table audit_logs enable row level security;
alter table audit_rows enable row level security;
alter table audit_marks enable row level security;
create policy own on audit_logs
  using (tenant in (select r.tenant from audit_roles r where r.role = current_user));
create policy own on audit_rows
  using (tenant in (select r.tenant from audit_roles r where r.role = current_user));
create policy own on audit_marks
  using (tenant in (select r.tenant from audit_roles r where r.role = current_user));
create function audit_week(number integer, first bigint, after bigint) returns void
language plpgsql security definer set search_path from current as $$
begin
  execute format(
    'create table if not exists audit_rows_%s partition of audit_rows for values from (%s) to (%s)',
    number, first, after);
  execute format('alter table audit_rows_%s enable row level security', number);
end $$;
revoke all on function audit_week from public;
"""
"""What the owner of the tables runs once. A role that a gateway connects as gets `GRANTS`."""

GRANTS: Final = """
grant select on audit_roles to {role};
grant select, insert, update, delete on audit_logs, audit_rows, audit_marks to {role};
grant execute on function audit_week to {role};
insert into audit_roles values ('{role}', '{tenant}');
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
insert into audit_marks (log, tenant, key, place, n)
select * from unnest(%s::text[], %s::text[], %s::int[], %s::bigint[], %s::bigint[])
on conflict do nothing
"""
_Answer = TypeVar("_Answer")


class PostgresIndex:
    """Implements `Index`, of the log named `log` and one tenant. What PostgreSQL reports is
    IndexUnavailable: it finds damage to its files by itself.
    """

    def __init__(self, dsn: str, log: str, tenant: str) -> None:
        """Connects. The tables have to be there. Raises IndexUnavailable."""
        self._log = log
        self._tenant = tenant
        self._weeks: set[int] = set()
        self._db = _guarded(lambda: psycopg.connect(dsn, autocommit=True, client_encoding="utf8"))

    def position(self) -> Position | None:
        row = self._one(
            "select position from audit_logs where log = %s and tenant = %s",
            (self._log, self._tenant),
        )
        return None if row is None else msgspec.json.decode(row[0], type=Position)

    def add(self, entries: Sequence[Entry], position: Position) -> None:
        _guarded(lambda: self._add(entries, position))

    def find(self, query: Query) -> list[Found]:
        conditions, values = ["log = %s", "tenant = %s"], [self._log, query.tenant]
        if query.mark is not None:
            sql = "select n, place from audit_marks where log = %s and tenant = %s and key = %s"
            return self._found(sql, [*values, query.mark])
        for name, value in (("agent", query.agent), ('"user"', query.user), ("task", query.task)):
            if value is not None:
                conditions.append(f"{name} = %s")
                values.append(value)
        for name, value in query.facets.items():
            conditions.append("strpos(labels, %s) > 0" if name == "labels" else f"{name} = %s")
            values.append(value)
        bounds: list[Any] = []
        for sign, moment_ms in ((">=", query.since_ms), ("<", query.until_ms)):
            if moment_ms is not None:
                conditions.append(f"at_ms {sign} %s")
                bounds.append(moment_ms)
        sql = f"select n, place from audit_rows where {' and '.join(conditions)}"  # noqa: S608 - own
        if query.limit is not None:
            sql += f" order by n {'' if query.oldest else 'desc'} limit %s"
            bounds.append(query.limit)
        return self._found(sql, [*values, *bounds])

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
        lock = "select {}(hashtextextended(%s, 0))"
        self._one(lock.format("pg_advisory_lock"), (self._log,))
        try:
            yield
        finally:
            self._one(lock.format("pg_advisory_unlock"), (self._log,))

    def clear(self) -> None:
        def work() -> None:
            with self._db.transaction():
                for table in ("audit_logs", "audit_marks", "audit_rows"):
                    self._db.execute(f"delete from {table} where log = %s", (self._log,))  # noqa: S608 - own words

        _guarded(work)

    def close(self) -> None:
        self._db.close()

    def _add(self, entries: Sequence[Entry], position: Position) -> None:
        for number in {week(entry.at_ms) for entry in entries} - self._weeks:
            bounds = number, week_start_ms(number), week_start_ms(number + 1)
            self._db.execute("select audit_week(%s, %s, %s)", bounds)
            self._weeks.add(number)
        rows = [
            (self._log, tenant, one.at_ms, one.n, one.place, agent, user, one.task, *one.facet)
            for one in entries
            for tenant, agent, user in (one.party,)
        ]
        marks = [
            (self._log, one.party.tenant, key, one.place, one.n)
            for one in entries
            for key in one.marks
        ]
        with self._db.transaction(), self._db.cursor() as cursor:
            # A column is one array: one statement, however many rows.
            cursor.execute(_ADD_ROWS, [list(column) for column in zip(*rows, strict=True)])
            if marks:
                cursor.execute(_ADD_MARKS, [list(column) for column in zip(*marks, strict=True)])
            cursor.execute(
                "insert into audit_logs values (%s, %s, %s) "
                "on conflict (log, tenant) do update set position = excluded.position",
                (self._log, self._tenant, msgspec.json.encode(position).decode()),
            )

    def _found(self, sql: str, values: Sequence[Any]) -> list[Found]:
        rows = _guarded(lambda: self._db.execute(sql.encode(), values).fetchall())
        return sorted(Found(*row) for row in rows)

    def _one(self, sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        return _guarded(lambda: self._db.execute(sql.encode(), values).fetchone())


def _guarded(work: Callable[[], _Answer]) -> _Answer:
    try:
        return work()
    except psycopg.Error as error:
        sentence = " ".join(str(error).split())
        raise IndexUnavailable(f"the index in PostgreSQL cannot be used: {sentence}") from error
