"""The data warehouse of the story: a real MCP server for read-only SQL over an SQLite file."""

import argparse
import dataclasses
import sqlite3
from contextlib import closing
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from safeconduct.demo import plot as fiction
from safeconduct.demo.serving import serve


@dataclasses.dataclass(frozen=True)
class Table:
    """The result of a query."""

    columns: list[str]
    rows: list[list[str | int | None]]


def build(database: Path) -> MCPServer:
    """Build the MCP server over an existing database."""
    server = MCPServer("warehouse", log_level="WARNING")

    def query(sql: str) -> Table:
        """Run one read-only SQL query."""
        try:
            with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
                cursor = db.execute(sql)
                columns = [column[0] for column in cursor.description or ()]
                return Table(columns=columns, rows=[list(row) for row in cursor])
        except sqlite3.Error as error:
            raise ToolError(str(error)) from error

    server.add_tool(query)
    return server


def seed(database: Path, plot: fiction.Plot) -> None:
    """Create the database with the customers of the plot."""
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("CREATE TABLE customers (email, name, company, account, revenue_minor)")
        db.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?, ?)",
            [(c.email, c.name, c.company, c.account, c.revenue_minor) for c in plot.customers],
        )


def main() -> None:
    """Serve a warehouse database until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m safeconduct.demo.warehouse")
    parser.add_argument("database", type=Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    serve(build(options.database.resolve()), port=options.port)


if __name__ == "__main__":
    main()
