"""The CRM of the story: a real MCP server over an SQLite file.

Its tools trust their caller, as most do; who may call them is not decided here.
"""

import argparse
import dataclasses
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from safeconduct.demo import plot as fiction
from safeconduct.demo.serving import serve

_SCHEMA = """
CREATE TABLE customers (
  email TEXT PRIMARY KEY, name TEXT NOT NULL, company TEXT NOT NULL,
  account TEXT NOT NULL, revenue_minor INTEGER NOT NULL);
CREATE TABLE opportunities (
  opportunity_id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, stage TEXT NOT NULL,
  amount_minor INTEGER NOT NULL, close_date TEXT NOT NULL, next_step TEXT NOT NULL,
  payment_terms TEXT NOT NULL);
CREATE TABLE cases (
  case_id TEXT PRIMARY KEY, subject TEXT NOT NULL, status TEXT NOT NULL, notes TEXT NOT NULL,
  customer_email TEXT NOT NULL REFERENCES customers,
  opportunity_id TEXT NOT NULL REFERENCES opportunities);
CREATE TABLE messages (
  case_id TEXT NOT NULL REFERENCES cases, sent_at TEXT NOT NULL, sender TEXT NOT NULL,
  body TEXT NOT NULL);
"""


@dataclasses.dataclass(frozen=True)
class Message:
    """An e-mail of a case. Anybody can have written `body`."""

    sent_at: str
    sender: str
    body: str


@dataclasses.dataclass(frozen=True)
class Case:
    """A support case. The CRM itself fills every field but the message bodies."""

    case_id: str
    subject: str
    status: str
    notes: str
    customer_name: str
    customer_email: str
    opportunity_id: str
    messages: list[Message]


@dataclasses.dataclass(frozen=True)
class Opportunity:
    """A deal that is being made. Amounts are in minor units, dates in ISO 8601."""

    opportunity_id: str
    name: str
    owner: str
    stage: str
    amount_minor: int
    close_date: str
    next_step: str
    payment_terms: str


@dataclasses.dataclass(frozen=True)
class Customer:
    """A row of the customer table."""

    email: str
    name: str
    company: str
    account: str
    revenue_minor: int


@dataclasses.dataclass(frozen=True)
class CustomerTable:
    """All customers."""

    customers: list[Customer]


@dataclasses.dataclass(frozen=True)
class Addresses:
    """The addresses of the customers on file."""

    emails: list[str]


class Crm:
    """The tools. Each call opens the database anew, since the SDK runs them on threads."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def get_case(self, case_id: str) -> Case:
        """Read a support case with its messages, oldest first."""
        with self._open() as db:
            row = db.execute(
                "SELECT c.*, u.name AS customer_name FROM cases c"
                " JOIN customers u ON u.email = c.customer_email WHERE case_id = ?",
                (case_id,),
            ).fetchone()
            if row is None:
                raise ToolError("no such case")
            messages = db.execute(
                "SELECT sent_at, sender, body FROM messages WHERE case_id = ? ORDER BY sent_at",
                (case_id,),
            ).fetchall()
        return Case(**dict(row), messages=[Message(**dict(message)) for message in messages])

    def get_opportunity(self, opportunity_id: str) -> Opportunity:
        """Read an opportunity."""
        with self._open() as db:
            row = db.execute(
                "SELECT * FROM opportunities WHERE opportunity_id = ?", (opportunity_id,)
            ).fetchone()
        if row is None:
            raise ToolError("no such opportunity")
        return Opportunity(**dict(row))

    def update_opportunity(
        self,
        opportunity_id: str,
        amount_minor: int | None = None,
        stage: str | None = None,
        next_step: str | None = None,
        close_date: str | None = None,
        owner: str | None = None,
        payment_terms: str | None = None,
    ) -> Opportunity:
        """Change the given fields of an opportunity and return it."""
        values = (amount_minor, stage, next_step, close_date, owner, payment_terms)
        with self._open() as db, db:
            db.execute(
                "UPDATE opportunities SET amount_minor = coalesce(?, amount_minor),"
                " stage = coalesce(?, stage), next_step = coalesce(?, next_step),"
                " close_date = coalesce(?, close_date), owner = coalesce(?, owner),"
                " payment_terms = coalesce(?, payment_terms) WHERE opportunity_id = ?",
                (*values, opportunity_id),
            )
        return self.get_opportunity(opportunity_id)

    def list_customers(self) -> CustomerTable:
        """List all customers with their accounts and revenue."""
        with self._open() as db:
            rows = db.execute("SELECT * FROM customers ORDER BY email").fetchall()
        return CustomerTable(customers=[Customer(**dict(row)) for row in rows])

    def customers_on_file(self) -> Addresses:
        """List the e-mail addresses of the customers on file."""
        with self._open() as db:
            rows = db.execute("SELECT email FROM customers ORDER BY email").fetchall()
        return Addresses(emails=[row["email"] for row in rows])

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._database)) as db:
            db.row_factory = sqlite3.Row
            yield db


def build(database: Path) -> MCPServer:
    """Build the MCP server over an existing database."""
    server = MCPServer("crm", log_level="WARNING")
    crm = Crm(database)
    for tool in (
        crm.get_case,
        crm.get_opportunity,
        crm.update_opportunity,
        crm.list_customers,
        crm.customers_on_file,
    ):
        server.add_tool(tool)
    return server


def seed(database: Path, plot: fiction.Plot) -> None:
    """Create the database with the customers, the opportunity and the case of the plot."""
    notes = f"Under contract {plot.contract}; discount ceiling agreed with legal: 12 %."
    customer = plot.customer.email
    with closing(sqlite3.connect(database)) as db, db:
        db.executescript(_SCHEMA)
        db.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?, ?)",
            [(c.email, c.name, c.company, c.account, c.revenue_minor) for c in plot.customers],
        )
        db.execute(
            "INSERT INTO opportunities VALUES (?, ?, ?, ?, ?, ?, '', ?)",
            (
                fiction.OPPORTUNITY_ID,
                f"{plot.customer.company}: renewal",
                fiction.USER,
                "negotiation",
                48_000_00,
                "2027-01-15",
                "net 30",
            ),
        )
        db.execute(
            "INSERT INTO cases VALUES (?, ?, 'open', ?, ?, ?)",
            (fiction.CASE_ID, fiction.SUBJECT, notes, customer, fiction.OPPORTUNITY_ID),
        )
        db.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?)",
            [
                (fiction.CASE_ID, "2026-11-02T08:12:00Z", customer, fiction.EARLIER_MAIL),
                (fiction.CASE_ID, "2026-11-09T16:40:00Z", customer, fiction.INJECTED_MAIL),
            ],
        )


def main() -> None:
    """Serve a CRM database until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m safeconduct.demo.crm")
    parser.add_argument("database", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token-file", type=Path)
    options = parser.parse_args()
    serve(build(options.database), port=options.port, token_file=options.token_file)


if __name__ == "__main__":
    main()
