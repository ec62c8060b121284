"""A real SMTP server that files every mail into a Maildir of each recipient.

It accepts any address, as the internet does: whether a mail should have been sent is not its
concern.
"""

import asyncio
import mailbox
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast
from urllib.parse import quote, unquote

from aiosmtpd.smtp import SMTP, Envelope, Session

_HOST = "127.0.0.1"


class Filing:
    """The handler: one Maildir per recipient below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """File one mail and answer with the SMTP status."""
        for recipient in envelope.rcpt_tos:
            box = mailbox.Maildir(self._directory / _folder(recipient), create=True)
            box.add(cast("bytes", envelope.content))
        return "250 filed"


@asynccontextmanager
async def serve(directory: Path) -> AsyncGenerator[int]:
    """Serve on a free loopback port, which is what this yields, until the context ends.

    `directory` exists; every recipient gets a folder in it.
    """
    loop = asyncio.get_running_loop()
    handler = Filing(directory)

    def protocol() -> SMTP:
        # A fixed name: asking the resolver for ours would need a network.
        return SMTP(handler, hostname="mail.crm.example", loop=loop)

    server = await loop.create_server(protocol, _HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def read(directory: Path) -> Iterator[tuple[str, EmailMessage]]:
    """Yield every delivered mail with the address that received it."""
    for box in sorted(directory.iterdir()):
        for path in sorted((box / "new").iterdir()):
            yield unquote(box.name), message_from_bytes(path.read_bytes(), policy=policy.default)


def _folder(address: str) -> str:
    """Name a recipient's folder. Quoting keeps a hostile address inside the directory."""
    name = quote(address.lower(), safe="@")
    return f"%2E{name[1:]}" if name.startswith(".") else name
