"""Which programs may send people here to sign in, and where people are sent back to.

A program is known by the configuration: nobody becomes an agent by publishing a document. What a
metadata document says (OAuth Client ID Metadata Document) is its name and its redirect URIs.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from safeconduct.config.clients import ClientBlock
from safeconduct.kit import strictjson
from safeconduct.kit.fetch import FetchError, fetch

MAX_DOCUMENT: Final = 16 * 1024
"""How long a metadata document may be, in bytes."""

KEEP_S: Final = 300.0
"""How long a document is believed without being asked for again, in seconds."""

RETRY_S: Final = 5.0
"""How long after a failure it is not asked for again, so that nobody has it asked for all the time
through us, in seconds.
"""

TIMEOUT_S: Final = 5.0

_NETLOC: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")


class UnknownClient(Exception):
    """No such program, or nothing intelligible is to be had of it; the message is for its user."""


_NEVER_ASKED: Final = UnknownClient("What the application says of itself was never asked for.")


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A program. `name` is what it calls itself, `host` where its word comes from, if anywhere."""

    id: str
    agent: str
    profile: str
    name: str
    host: str
    redirect_uris: tuple[str, ...]

    def redirects_to(self, uri: str) -> bool:
        """Whether people may be sent back there: to exactly a registered URI, but for the port of
        this machine, which a program finds out when it starts (RFC 8252 section 7.3).
        """
        return any(uri == one or _same_but_port(uri, one) for one in self.redirect_uris)


class _Document(msgspec.Struct, frozen=True):
    client_id: str
    redirect_uris: tuple[str, ...]
    client_name: str = ""
    token_endpoint_auth_method: str = "none"
    client_secret: msgspec.UnsetType | object = msgspec.UNSET


class Clients:
    """The programs of the configuration."""

    def __init__(
        self,
        blocks: Mapping[str, ClientBlock],
        *,
        ca: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._blocks = blocks
        self._ca = ca
        self._clock = clock
        self._turns = {client_id: asyncio.Lock() for client_id in blocks}
        self._known: dict[str, tuple[float, Client | UnknownClient]] = {}

    async def find(self, client_id: str) -> Client:
        """The program of this id. Raises UnknownClient."""
        block = self._blocks.get(client_id)
        if block is None:
            raise UnknownClient("This application is not registered here.")
        if block.redirect_uris:
            return Client(
                id=client_id,
                agent=block.agent,
                profile=block.profile,
                name=block.name or client_id,
                host="",
                redirect_uris=block.redirect_uris,
            )
        async with self._turns[client_id]:
            until_s, known = self._known.get(client_id, (float("-inf"), _NEVER_ASKED))
            if self._clock() > until_s:
                try:
                    known, keep_s = await self._fetch(client_id, block), KEEP_S
                except UnknownClient as fault:
                    known, keep_s = fault, RETRY_S
                self._known[client_id] = (self._clock() + keep_s, known)
        if isinstance(known, UnknownClient):
            raise UnknownClient(str(known))
        return known

    async def _fetch(self, client_id: str, block: ClientBlock) -> Client:
        try:
            got = await fetch(
                client_id,
                headers={"Accept": "application/json"},
                ca=self._ca,
                timeout_s=TIMEOUT_S,
                max_bytes=MAX_DOCUMENT,
            )
            said = msgspec.convert(
                strictjson.loads(got.body, max_depth=8, max_bytes=MAX_DOCUMENT), _Document
            )
        except (FetchError, ValueError):
            raise UnknownClient("What the application says of itself cannot be read.") from None
        if (
            got.status != 200
            or said.client_id != client_id
            or said.client_secret is not msgspec.UNSET
            or said.token_endpoint_auth_method != "none"
        ):
            raise UnknownClient("The application does not say of itself what it has to.")
        return Client(
            id=client_id,
            agent=block.agent,
            profile=block.profile,
            name=block.name or shown(said.client_name) or client_id,
            host=urlsplit(client_id).netloc,
            redirect_uris=tuple(uri for uri in said.redirect_uris if acceptable(uri)),
        )


def acceptable(uri: str) -> bool:
    """Whether a redirect URI keeps a code from others: https, or plain http on this machine; a
    scheme of a program's own could be anybody's (RFC 8252 section 8.1).
    """
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return False
    plain = uri.isascii() and uri.isprintable() and not set(uri) & set(' "<>\\^`{|}')
    if not plain or not _NETLOC.fullmatch(parts.netloc) or "#" in uri:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_local(str(parts.hostname)))


def shown(name: str) -> str:
    """A name that can stand in a sentence: one short line of printable text."""
    return name if name.isprintable() and len(name) <= 64 else ""


def _same_but_port(given: str, registered: str) -> bool:
    try:
        ours, theirs = urlsplit(registered), urlsplit(given)
        _ = theirs.port
    except ValueError:
        return False
    return (
        acceptable(given)
        and ours.scheme == theirs.scheme == "http"
        and ours.hostname == theirs.hostname
        and _is_local(str(ours.hostname))
        and (ours.path, ours.query) == (theirs.path, theirs.query)
    )


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
