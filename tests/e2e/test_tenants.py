"""Two tenants in one PostgreSQL table, each behind a gateway of its own, and a model that may write
any SQL: what keeps them apart is the role, and the gateway that wants one.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from safeconduct.ports import JSON
from tests.e2e import workshop
from tests.e2e.parts import npm_server
from tests.e2e.postgres import OWNER, Postgres, postgres
from tests.e2e.servers import Behind
from tests.support.front import Reply
from tests.support.installation import Agent, Gateway, done, refusal, running

pytestmark = pytest.mark.timeout(180)

CANARIES: Final = {"a": ("amber-canary",), "b": ("basalt-canary", "basalt-2")}
QUERY: Final[JSON] = {
    "effect": "execute",
    "scopes": ["parts:write"],
    "arguments": {"sql": {"role": "query", "type": "sql"}},
    # Whether rows could steer the agent is another matter: here it is told what to ask.
    "returns": {"source": {"integrity": "trusted", "confidentiality": "internal"}},
    "sink": {"clearance": "confidential"},
}

ALL: Final = "select * from orders"
ATTACKS: Final = (
    ALL,
    "select * from orders where tenant_id = 'b.example'",
    "select * from recent_orders",
    "select 1, 'x', 'y' union all select id, tenant_id, secret from orders",
    "with x as (select * from orders) select * from x",
    "select count(*) from orders having count(*) > 1",
    # Other roles.
    "set role b; select * from orders",
    "set local role b; select * from orders",
    "set role owner; select * from orders",
    "reset role; select * from orders",
    "reset session authorization; select * from orders",
    "set session authorization b; select * from orders",
    "select set_config('role', 'b', false); select * from orders",
    "select set_config('session_authorization', 'b', false); select * from orders",
    "grant b to a; set role b; select * from orders",
    "alter role a bypassrls; select * from orders",
    "alter role a superuser; select * from orders",
    "select * from pg_authid",
    "select * from pg_shadow",
    # Other settings.
    "set row_security = off; select * from orders",
    "select set_config('row_security', 'off', false); select * from orders",
    "set search_path = information_schema; select * from public.orders",
    "select set_config('app.tenant', 'b.example', false); select * from orders",
    # Out of the transaction that the server thinks is read only.
    "commit; set role b; select * from orders",
    "commit; alter table orders disable row level security; select * from orders",
    "commit; drop policy of_a on orders; select * from orders",
    "commit; create policy all_of_it on orders to a using (true); select * from orders",
    "commit; update orders set tenant_id = 'a.example'; select * from orders",
    "commit; update orders set secret = 'gone' where tenant_id = 'b.example'",
    "commit; delete from orders where tenant_id = 'b.example'",
    "commit; insert into orders values ('b.example', 3, 'planted')",
    (
        "commit; insert into orders values ('b.example', 1, 'x') on conflict (tenant_id, id) "
        "do update set secret = excluded.secret returning *"
    ),
    "commit; create table stolen as select * from orders; select * from stolen",
    "rollback; begin; set local role b; select * from orders",
    "commit; truncate orders",
    "commit; drop table orders",
    # Functions, of the database's and of the attacker's.
    "select query_to_xml('select * from orders', true, false, '')",
    "select table_to_xml('orders', true, false, '')",
    "select database_to_xml(true, false, '')",
    "select pg_read_file('postgresql.conf')",
    "select pg_ls_dir('.')",
    "select lo_import('/etc/passwd')",
    "select * from dblink('dbname=shop user=b password=of-b', 'select * from orders') as t(x text)",
    "create extension dblink",
    "create extension file_fdw",
    (
        "commit; create function leak(text) returns bool language plpgsql cost 0.0000001 as $$ "
        "begin raise notice '%', $1; return true; end $$; select * from orders where leak(secret)"
    ),
    (
        "commit; create function pg_temp.leak(text) returns bool language plpgsql cost 0.0000001 "
        "as $$ begin raise exception '%', $1; end $$; "
        "select * from orders where pg_temp.leak(secret)"
    ),
    "do $$ begin raise exception '%', (select string_agg(secret, ',') from orders); end $$",
    (
        "do $$ begin execute 'set role b'; raise exception '%', "
        "(select string_agg(secret, ',') from orders); end $$"
    ),
    # Errors that quote what they met.
    "select cast(string_agg(secret, ',') as int) from orders",
    "select 1 / (case when secret like 'basalt%' then 0 else 1 end) from orders",
    "select cast(secret as int) from orders where tenant_id = 'b.example'",
    # Files, programs, statistics, what others are doing.
    "copy orders to stdout",
    "copy orders to program 'cat'",
    "copy orders from program 'id'",
    "select * from pg_stats where tablename = 'orders'",
    "select * from pg_statistic",
    "select * from pg_stat_activity",
    "explain analyze select * from orders",
    "table orders",
    "prepare p as select * from orders; execute p",
    "declare c cursor with hold for select * from orders; fetch all from c",
    "select ctid, xmin, * from orders",
    "select * from orders tablesample system (100)",
    "select * from orders for update",
    "lock table orders; select * from orders",
)


class Bound(Behind, frozen=True):
    """A PostgreSQL server whose credential is said to end at one tenant, or at none."""

    tenant: str | None = None

    def configured(self) -> JSON:
        return super().configured() | {"credential": {"kind": "none", "tenant": self.tenant}}


class Shop:
    """The database, and the gateway of each tenant."""

    def __init__(self, database: Postgres, gateways: dict[str, Gateway]) -> None:
        self.database = database
        self.gateways = gateways

    def agent(self, tenant: str) -> Agent:
        gateway = self.gateways[tenant]
        return Agent(gateway, workshop.started(gateway, "Look into the orders."))

    def rows(self) -> str:
        """What is there, whoever asks."""
        return self.database.run("select * from orders order by tenant_id, id")


def upstream(name: str, database: Postgres, role: str, tenant: str | None) -> Bound:
    part = npm_server("postgres", "new").required()
    return Bound(
        name=name,
        part=part,
        tools={"query": QUERY},
        command=(*part.command, database.url(role)),
        env={"PGPASSFILE": str(database.passwords)},
        tenant=tenant,
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shop]:
    directory = tmp_path_factory.mktemp("tenants")
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        gateways: dict[str, Gateway] = {}
        for role in ("a", "b"):
            tenant = f"{role}.example"
            upstreams = [
                upstream("db", database, role, tenant),
                # Somebody says so of a credential that opens everything, and nobody of another.
                upstream("misjudged", database, OWNER, tenant),
                upstream("unbound", database, OWNER, None),
            ]
            manifests = workshop.reviewed(upstreams)
            config = workshop.install(directory / role, upstreams, manifests, tenant=tenant)
            gateways[role] = stack.enter_context(running(config))
        yield Shop(database, gateways)
        for gateway in gateways.values():
            gateway.verified()


def ask(agent: Agent, sql: str, where: str = "db") -> Reply:
    return agent.call(f"{where}__query", {"sql": sql})


def text(reply: Reply) -> str:
    assert done(reply), reply.body
    parts: list[dict[str, Any]] = reply.json["result"]["content"]
    return "".join(part["text"] for part in parts)


@pytest.mark.parametrize(("tenant", "other"), [("a", "b"), ("b", "a")])
def test_each_tenant_sees_its_own_rows(shop: Shop, tenant: str, other: str) -> None:
    seen = text(ask(shop.agent(tenant), ALL))
    assert all(canary in seen for canary in CANARIES[tenant])
    assert not any(canary in seen for canary in CANARIES[other])


@pytest.mark.parametrize("sql", ATTACKS)
def test_no_statement_brings_out_or_changes_what_is_another_tenant_s(shop: Shop, sql: str) -> None:
    before = shop.rows()
    agent = shop.agent("a")
    reply = ask(agent, sql)
    assert reply.status == 200
    assert not any(canary in reply.body.decode() for canary in CANARIES["b"])
    # The server shows nothing of several statements: the database itself is asked as well.
    told = shop.database.told(sql, "a")
    assert not any(canary in told for canary in CANARIES["b"])
    # Nor is anything left behind in a connection that the server uses again.
    seen = text(ask(agent, ALL))
    assert CANARIES["a"][0] in seen
    assert not any(canary in seen for canary in CANARIES["b"])
    assert shop.rows() == before


def test_it_is_the_role_that_holds_and_not_the_server_or_the_gateway(shop: Shop) -> None:
    agent = shop.agent("a")
    assert all(canary in text(ask(agent, ALL, "misjudged")) for canary in CANARIES["b"])
    before = shop.rows()
    sql = "commit; insert into orders values ('b.example', 9, 'planted')"
    ask(agent, sql, "misjudged")
    assert "planted" in shop.rows()
    shop.database.run("delete from orders where id = 9")
    assert shop.rows() == before


def test_without_such_a_role_free_sql_is_neither_listed_nor_run(shop: Shop) -> None:
    agent = shop.agent("a")
    reply = ask(agent, "commit; delete from orders", "unbound")
    assert refusal(reply) == "query-unbound"
    listed = {tool["name"] for tool in agent.ask("tools/list").json["result"]["tools"]}
    assert listed == {"db__query", "misjudged__query"}
    assert all(canary in shop.rows() for canary in CANARIES["b"])
