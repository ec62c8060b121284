"""The index in PostgreSQL: the same answers, and to each role its own tenant's rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from safeconduct.audit.index.port import Index, IndexUnavailable
from safeconduct.audit.index.postgres import GRANTS, SETUP, PostgresIndex
from safeconduct.audit.index.searching import Search
from tests.e2e.postgres import Postgres, postgres
from tests.support.searching import Conformance, asking, trail
from tests.support.trails import TENANT

pytestmark = pytest.mark.debian
OTHER = "other.example"


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[Postgres]:
    """Role `a` belongs to a gateway that changed hands, `b` to the tenant that has it now."""
    with postgres() as running:
        running.run(SETUP)
        for role, tenant in (("a", TENANT), ("b", OTHER)):
            running.run(GRANTS.format(role=role, tenant=tenant))
        running.run("insert into audit_roles values ('a', 'other.example')")
        TestPostgres.server = running
        yield running


def dsn(server: Postgres, role: str) -> str:
    return f"{server.url(role)}?passfile={server.passwords}"


class TestPostgres(Conformance):
    server: ClassVar[Postgres]

    def opened(self, directory: Path) -> Index:
        return PostgresIndex(dsn(self.server, "a"), str(directory), TENANT)


def test_cross_tenant_query_leak(server: Postgres, tmp_path: Path) -> None:
    """Whatever is asked, and with whatever statement: a role sees its own tenant."""
    made = trail()
    made.write(tmp_path)
    with Search(tmp_path, PostgresIndex(dsn(server, "a"), "shared", TENANT), TENANT) as search:
        assert len(search.find(asking())) == len(made.records)
    other = PostgresIndex(dsn(server, "b"), "shared", OTHER)
    assert other.find(asking()) == []
    assert other.find(asking(decision=f"d_{TENANT}_1")) == []
    assert (other.task("t_1"), other.position()) == (None, None)
    other.close()
    for statement in (
        "select * from audit_rows",
        "select * from audit_marks",
        "select * from audit_logs",
        "set row_security = off; select * from audit_rows",
        "select * from only audit_rows_2968",
        "delete from audit_rows returning *",
        "set role a; select * from audit_rows",
        "insert into audit_roles values ('b', 'crm.example')",
        "insert into audit_logs values ('shared', 'crm.example', '')",
    ):
        told = server.told(statement, "b")
        assert "shared" not in told, statement
        assert "triage" not in told, statement
    rows = server.run("select count(*) from audit_rows where log = 'shared'")
    assert int(rows) == len(made.records)


def test_rows_lie_by_week(server: Postgres, tmp_path: Path) -> None:
    trail().write(tmp_path)
    TestPostgres().found(tmp_path)
    parts = server.run(
        "select c.relname from pg_inherits join pg_class c on c.oid = inhrelid "
        "where inhparent = 'audit_rows'::regclass order by 1"
    ).split()
    assert len(parts) >= 2
    plan = server.run("explain select * from audit_rows where at_ms < 0")
    assert "audit_rows_" not in plan


def test_a_server_that_is_gone_is_no_damaged_index(server: Postgres, tmp_path: Path) -> None:
    trail().write(tmp_path)
    index = PostgresIndex(dsn(server, "a"), str(tmp_path), TENANT)
    server.run("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'a'")
    with Search(tmp_path, index, TENANT) as search, pytest.raises(IndexUnavailable):
        search.find(asking())
    with pytest.raises(IndexUnavailable):
        PostgresIndex("postgresql://127.0.0.1:9/none", "x", TENANT)
