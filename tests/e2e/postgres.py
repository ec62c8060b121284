"""A PostgreSQL server of a test's own, with two tenants in one table."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.support.installation import HOST, free_port

DATABASE: Final = "shop"
OWNER: Final = "owner"
_UNPRIVILEGED: Final = "nobody"
"""Who runs the server where the tests run as root, which it refuses."""

SETUP: Final = """
revoke all on database shop from public;
revoke all on schema public from public;
create table orders (
  tenant_id text, id int, secret text, primary key (tenant_id, id)
);
create view recent_orders with (security_invoker) as select * from orders where id > 0;
alter table orders enable row level security;
create role a login password 'of-a';
create role b login password 'of-b';
create policy of_a on orders to a using (tenant_id = 'a.example');
create policy of_b on orders to b using (tenant_id = 'b.example');
grant connect on database shop to a, b;
grant usage on schema public to a, b;
grant select, insert, update, delete on orders to a, b;
grant select on recent_orders to a, b;
insert into orders values
  ('a.example', 1, 'amber-canary'), ('b.example', 1, 'basalt-canary'), ('b.example', 2, 'basalt-2');
analyze orders;
"""
"""A role for each tenant, which owns nothing and is a member of nothing, and rows by role: no
setting that a statement could change says whose they are.
"""


class Postgres(msgspec.Struct, frozen=True):
    """A running server. The key of `orders` names the tenant: a key that two tenants could both
    try would tell each what the other has.
    """

    port: int
    passwords: Path

    def url(self, role: str) -> str:
        """Where a role connects; its password is in the file that `PGPASSFILE` names."""
        return f"postgresql://{role}@{HOST}:{self.port}/{DATABASE}"

    def run(self, sql: str) -> str:
        """What the owner gets for statements, none of which fails."""
        done = self._psql(sql, OWNER, "-v", "ON_ERROR_STOP=1")
        done.check_returncode()
        return done.stdout

    def told(self, sql: str, role: str) -> str:
        """All that a role is told for statements, each of which may fail."""
        done = self._psql(sql, role)
        return done.stdout + done.stderr

    def _psql(self, sql: str, role: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [_program("psql"), "-qAtX", *options, self.url(role)],
            input=sql,
            env={"PATH": os.environ["PATH"], "PGPASSFILE": str(self.passwords)},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )


def _program(name: str) -> str:
    """A program of PostgreSQL's; Debian keeps those of the server out of the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(versions[-1]) if versions else None)
    if found is None:
        missing = f"{name} is not installed: scripts/debian-packages.txt names its package"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@contextmanager
def postgres() -> Generator[Postgres]:
    """Runs one until the context ends. Where it lies has to be open to another user."""
    initdb, server = _program("initdb"), _program("postgres")
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="safeconduct-pg-") as place:
        home = Path(place)
        home.chmod(0o755)
        data, secret, passwords = home / "data", home / "secret", home / "passwords"
        data.mkdir()
        secret.write_text("of-owner\n", encoding="utf-8")
        passwords.write_text(
            "".join(f"{HOST}:{port}:*:{role}:of-{role}\n" for role in (OWNER, "a", "b")),
            encoding="utf-8",
        )
        passwords.chmod(0o600)
        if user is not None:
            shutil.chown(data, user)
        subprocess.run(
            [
                *(initdb, "--pgdata", str(data), "--username", OWNER, "--no-sync"),
                *("--auth", "scram-sha-256", "--pwfile", str(secret), "--locale", "C"),
            ],
            user=user,
            cwd=home,
            check=True,
            capture_output=True,
        )
        options = [f"port={port}", f"listen_addresses={HOST}", "unix_socket_directories="]
        process = subprocess.Popen(
            [server, "-D", str(data), *(part for one in options for part in ("-c", one))],
            user=user,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            assert any(b"ready to accept" in line for line in process.stderr)
            running = Postgres(port, passwords)
            _made(running)
            yield running
        finally:
            process.terminate()
            process.communicate()


def _made(running: Postgres) -> None:
    """The database and what is in it."""
    url = running.url(OWNER).replace(DATABASE, "postgres")
    subprocess.run(
        [_program("psql"), "-qX", url, "-c", f"create database {DATABASE}"],
        env={"PATH": os.environ["PATH"], "PGPASSFILE": str(running.passwords)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    running.run(SETUP)
