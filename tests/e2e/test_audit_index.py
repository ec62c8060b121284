"""The index in PostgreSQL: the same answers, and roles that share nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from safeconduct.audit import segments
from safeconduct.audit.faults import Damaged
from safeconduct.audit.index.following import catch_up
from safeconduct.audit.index.port import Index, IndexUnavailable
from safeconduct.audit.index.postgres import SETUP, PostgresIndex
from safeconduct.audit.index.searching import Search
from tests.e2e.postgres import Postgres, postgres
from tests.support.installation import HOST
from tests.support.searching import Conformance, asking, by_reading, trail
from tests.support.trails import TENANT

pytestmark = pytest.mark.debian


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[Postgres]:
    """Role `a` belongs to a gateway that changed hands, `b` to another tenant's."""
    with postgres() as running:
        for role in ("a", "b"):
            running.run(SETUP.format(role=role))
        TestPostgres.server = running
        yield running


def dsn(server: Postgres, role: str) -> str:
    """Who waits for another's lock is told so, instead of waiting for it."""
    return f"{server.url(role)}?passfile={server.passwords}&options=-c%20lock_timeout%3D5s"


class TestPostgres(Conformance):
    server: ClassVar[Postgres]

    def opened(self, directory: Path) -> Index:
        return PostgresIndex(dsn(self.server, "a"), str(directory))


def test_cross_tenant_query_leak(server: Postgres, tmp_path: Path) -> None:
    """Whatever is asked, and with whatever statement: a role sees its own schema."""
    made = trail()
    made.write(tmp_path)
    with Search(tmp_path, PostgresIndex(dsn(server, "a"), "shared"), TENANT) as search:
        assert len(search.find(asking())) == len(made.records)
    other = PostgresIndex(dsn(server, "b"), "shared")
    assert other.find(asking()) == []
    assert other.find(asking(decision=f"d_{TENANT}_1")) == []
    assert (other.task("t_1"), other.position()) == (None, None)
    other.close()
    for statement in (
        "select * from a.audit_rows",
        "select * from a.audit_marks",
        "select * from a.audit_logs",
        "select * from only a.audit_rows_2968",
        "set search_path to a; select * from audit_rows",
        "delete from a.audit_rows returning *",
        "truncate a.audit_rows",
        "begin; lock table a.audit_logs in access share mode",
        "set role a; select * from a.audit_rows",
        "grant usage on schema a to b",
        "create table a.audit_rows_2999 (log text)",
        "create table audit_rows_2999 partition of a.audit_rows for values from (0) to (1)",
        "create rule r as on insert to a.audit_rows do instead nothing",
        "drop schema a cascade",
        "create schema stolen authorization a",
    ):
        told = server.told(statement, "b")
        assert any(word in told for word in ("permission denied", "owner", "does not exist")), told
        assert "shared" not in told, statement
    assert int(server.run("select count(*) from a.audit_rows where log = 'shared'")) == len(
        made.records
    )


def test_one_tenants_role_cannot_block_another_s_index(server: Postgres, tmp_path: Path) -> None:
    """By rows that are there already, weeks that are taken, or any lock that it can have."""
    made = trail()
    made.write(tmp_path)
    mine = PostgresIndex(dsn(server, "b"), "contended")
    with psycopg.connect(dsn(server, "b")) as held, mine.writing():
        catch_up(tmp_path, mine, tenant=TENANT)
        held.execute("create table b.audit_rows_0 (at_ms bigint)")
        held.execute("select pg_advisory_lock(hashtextextended('contended', 0))")
        held.execute("select pg_advisory_lock(key) from generate_series(0, 99) key")
        held.execute("select * from pg_catalog.pg_class")
        with Search(tmp_path, PostgresIndex(dsn(server, "a"), "contended"), TENANT) as search:
            assert [hit.entry.n for hit in search.find(asking())] == by_reading(made)
            search.rebuild("to see that it can be")
            assert [hit.entry.n for hit in search.find(asking())] == by_reading(made)
        held.rollback()
    mine.close()


def test_two_of_one_role_add_one_after_the_other(server: Postgres, tmp_path: Path) -> None:
    trail().write(tmp_path)
    first = PostgresIndex(dsn(server, "a"), "one")
    second = PostgresIndex(dsn(server, "a").replace("5s", "100ms"), "one")
    with first.writing():
        with pytest.raises(IndexUnavailable, match="lock timeout"), second.writing():
            raise AssertionError
        catch_up(tmp_path, first)
        assert second.position() is None
    with second.writing():
        assert second.position() == first.position() is not None
    first.close()
    second.close()


def test_what_was_added_before_a_fault_stays(server: Postgres, tmp_path: Path) -> None:
    made = trail()
    made.write(tmp_path, group=5)
    index = PostgresIndex(dsn(server, "a"), "faulty")
    path = segments.path(tmp_path, 0)
    path.write_bytes(path.read_bytes().replace(b'"n":7,', b'"n":8,'))

    def added() -> None:
        with index.writing():
            catch_up(tmp_path, index)

    with pytest.raises(Damaged):
        added()
    position = index.position()
    assert position is not None
    assert [n for n, _ in index.find(asking())] == [*range(position.size)] == [*range(5)]
    index.close()


def test_tables_are_made_once_and_where_there_is_no_schema_it_is_said(server: Postgres) -> None:
    server.run("create role c login password 'of-c'; grant connect on database shop to c")
    with server.passwords.open("a", encoding="utf-8") as file:
        file.write(f"{HOST}:{server.port}:*:c:of-c\n")
    with pytest.raises(IndexUnavailable, match="no schema has been selected to create in"):
        PostgresIndex(dsn(server, "c"), "log")
    server.run(SETUP.format(role="c"))
    with ThreadPoolExecutor(8) as many:
        made = list(many.map(lambda _: PostgresIndex(dsn(server, "c"), "log"), range(8)))
    for index in made:
        assert index.position() is None
        index.close()


def test_rows_lie_by_week(server: Postgres, tmp_path: Path) -> None:
    trail().write(tmp_path)
    TestPostgres().found(tmp_path)
    parts = server.run(
        "select c.relname from pg_inherits join pg_class c on c.oid = inhrelid "
        "where inhparent = 'a.audit_rows'::regclass order by 1"
    ).split()
    assert len(parts) >= 2
    plan = server.run("explain select * from a.audit_rows where at_ms < 0")
    assert "audit_rows_" not in plan


def test_a_server_that_is_gone_is_no_damaged_index(server: Postgres, tmp_path: Path) -> None:
    trail().write(tmp_path)
    index = PostgresIndex(dsn(server, "a"), str(tmp_path))
    server.run("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'a'")
    with Search(tmp_path, index, TENANT) as search, pytest.raises(IndexUnavailable):
        search.find(asking())
    with pytest.raises(IndexUnavailable):
        PostgresIndex("postgresql://127.0.0.1:9/none", "x")
