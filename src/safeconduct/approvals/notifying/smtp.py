"""Mail: SMTP (RFC 5321) with STARTTLS (RFC 3207) or TLS from the first byte (RFC 8314), and AUTH
(RFC 4954).

Python's own client blocks, so each mail has a thread for as long as it takes, and is cut off when
that is too long. Without TLS nothing is said to another machine, not even a name.
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from safeconduct.approvals.notifying.notice import Notice, Settled
from safeconduct.approvals.notifying.notifier import To, Undelivered

STEP_S: Final = 10.0
"""How long one step of the conversation may take, in seconds."""

LONGEST_S: Final = 30.0
"""How long all of it may take, in seconds."""

_LOCAL: Final = frozenset({"localhost", "127.0.0.1"})


class Mail:
    """`safeconduct.approvals.notifying.notifier.Wire` by mail."""

    def __init__(
        self,
        url: str,
        *,
        sender: str,
        login: Callable[[], str] | None = None,
        ca: Path | None = None,
        longest_s: float = LONGEST_S,
    ) -> None:
        """`url` is `smtp://HOST:PORT` or `smtps://`; `login` reads `NAME:PASSWORD` anew each
        time, `ca` is a file of authorities to trust instead of the system's.
        """
        parts = urlsplit(url)
        self._host = str(parts.hostname)
        self._wrapped = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._wrapped else 587)
        self._sender = sender
        self._login = login
        self._ca = ca
        self._longest_s = longest_s

    async def tell(self, notice: Notice, to: To, now_ms: int) -> str | None:
        """A mail, which nothing can change."""
        message = mail(notice, self._sender, str(to.address), now_ms)
        try:
            await asyncio.to_thread(self._send, message)
        except smtplib.SMTPResponseException as fault:
            # RFC 5321 section 4.2.1: 4xx may pass, 5xx will not.
            raise Undelivered(f"SMTP {fault.smtp_code}", again=fault.smtp_code < 500) from None
        except smtplib.SMTPRecipientsRefused as fault:
            code = next((code for code, _ in fault.recipients.values()), 0)
            raise Undelivered(f"SMTP {code} for the recipient", again=code < 500) from None
        except ssl.SSLCertVerificationError as fault:
            raise Undelivered(type(fault).__name__, again=False) from None
        except (OSError, smtplib.SMTPException) as fault:
            raise Undelivered(type(fault).__name__, again=True) from None
        return None

    async def settle(self, notice: Notice, to: To, message: str, settled: Settled) -> None:
        """Never called: no message has a name."""

    def _send(self, message: EmailMessage) -> None:
        with _bounded(self._connected(), self._longest_s) as client:
            if not self._wrapped and (client.has_extn("starttls") or self._host not in _LOCAL):
                client.starttls(context=self._trust())
                client.ehlo()
            if self._login is not None:
                name, _, password = self._login().partition(":")
                client.login(name, password)
            client.send_message(message)
            with suppress(smtplib.SMTPException):
                client.quit()

    def _connected(self) -> smtplib.SMTP:
        name = "[127.0.0.1]"  # ours is looked up otherwise, which can take long and says much
        if self._wrapped:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, name, timeout=STEP_S, context=self._trust()
            )
        else:
            client = smtplib.SMTP(self._host, self._port, name, timeout=STEP_S)
        client.ehlo()
        return client

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca)


@contextmanager
def _bounded(client: smtplib.SMTP, longest_s: float) -> Generator[smtplib.SMTP]:
    """Cuts the connection when all of it takes too long: a time-out starts anew with every byte."""

    def cut() -> None:
        if client.sock is not None:
            with suppress(OSError):
                client.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(longest_s, cut)
    timer.start()
    try:
        yield client
    finally:
        timer.cancel()
        client.close()


def mail(notice: Notice, sender: str, address: str, now_ms: int) -> EmailMessage:
    """The mail: plain text and simple HTML. Raises ValueError for a header with a line break."""
    facts = notice.facts(now_ms)
    message = EmailMessage(WIRE)
    message["From"] = sender
    message["To"] = address
    message["Subject"] = notice.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    # The same for every try, so that a mail that arrives twice is seen once.
    name = hashlib.sha256(f"{notice.approval} {address}".encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{name}@{sender.rpartition('@')[2].rstrip('>')}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    said = "\n".join(f"{name}: {value}" for name, value in facts)
    message.set_content(
        f"{notice.subject}\n\n{said}\n\nLook at it and answer:\n{notice.link}\n\n"
        "You are asked to sign in there. Nobody can answer by replying to this mail.\n"
    )
    rows = "".join(
        f"<tr><th align='left'>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in facts
    )
    message.add_alternative(
        f"<h3>{html.escape(notice.subject)}</h3><table>{rows}</table>"
        f"<p><a href='{html.escape(notice.link)}'>Look at it and answer</a></p>"
        "<p>You are asked to sign in there. Nobody can answer by replying to this mail.</p>",
        subtype="html",
    )
    return message
