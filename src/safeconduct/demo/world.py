"""The company of the story: its databases, its tool servers and its mail exchange."""

import asyncio
import secrets
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from safeconduct.demo import crm, smtp, warehouse
from safeconduct.demo.plot import Plot
from safeconduct.demo.process import child
from safeconduct.demo.serving import HOST


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A running company. Everything it stores is below `directory`."""

    directory: Path
    crm_port: int
    crm_token: str
    warehouse_port: int
    smtp_port: int

    @property
    def crm_url(self) -> str:
        """The CRM's MCP endpoint."""
        return f"http://{HOST}:{self.crm_port}/mcp"

    @property
    def warehouse_url(self) -> str:
        """The warehouse's MCP endpoint."""
        return f"http://{HOST}:{self.warehouse_port}/mcp"

    @property
    def mail_command(self) -> tuple[str, ...]:
        """The command that starts the mail tool on stdio."""
        relay = f"{HOST}:{self.smtp_port}"
        return (sys.executable, "-m", "safeconduct.demo.mail", "--smtp", relay)

    @property
    def crm_database(self) -> Path:
        """The CRM's SQLite file."""
        return self.directory / "crm.sqlite"

    @property
    def mailboxes(self) -> Path:
        """Where the mail exchange files what it delivers."""
        return self.directory / "mailboxes"


@asynccontextmanager
async def open_world(directory: Path, plot: Plot) -> AsyncGenerator[World]:
    """Found the company of the plot in an empty directory and run it until the context ends."""
    mailboxes = directory / "mailboxes"
    mailboxes.mkdir()
    token = secrets.token_urlsafe(32)
    token_file = directory / "crm.token"
    token_file.write_text(token, encoding="utf-8")
    crm_file, warehouse_file = directory / "crm.sqlite", directory / "warehouse.sqlite"
    crm.seed(crm_file, plot)
    warehouse.seed(warehouse_file, plot)
    run = (sys.executable, "-m")
    async with (
        smtp.serve(mailboxes) as smtp_port,
        child(
            "crm",
            *(*run, "safeconduct.demo.crm", str(crm_file), "--token-file", str(token_file)),
            directory=directory,
        ) as crm_server,
        child(
            "warehouse",
            *(*run, "safeconduct.demo.warehouse", str(warehouse_file)),
            directory=directory,
        ) as warehouse_server,
    ):
        ready = await asyncio.gather(crm_server.first_line(), warehouse_server.first_line())
        crm_port, warehouse_port = (msgspec.json.decode(line)["port"] for line in ready)
        yield World(
            directory=directory,
            crm_port=crm_port,
            crm_token=token,
            warehouse_port=warehouse_port,
            smtp_port=smtp_port,
        )
