"""Those who publish keys: an issuer on a port of this machine, with whatever it pleases to say."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import warnings
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey

METADATA = "/.well-known/openid-configuration"
KEYS = "/keys"


@cache
def rsa(name: str, bits: int = 2048) -> RSAKey:
    """An RSA key of that name; it is made once, as that takes its time."""
    with warnings.catch_warnings():
        # Weak keys are made to be refused.
        warnings.simplefilter("ignore", SecurityWarning)
        return RSAKey.generate_key(bits, {"kid": name})


def ec(name: str) -> ECKey:
    """A P-256 key of that name."""
    return ECKey.generate_key("P-256", {"kid": name})


def public(key: RSAKey | ECKey, **members: object) -> dict[str, Any]:
    """The public half as an issuer publishes it; None takes a member out."""
    jwk = {**key.as_dict(private=False), "use": "sig", **members}
    return {name: value for name, value in jwk.items() if value is not None}


def signed(
    key: RSAKey | ECKey,
    claims: Mapping[str, Any],
    *,
    alg: str = "RS256",
    typ: str | None = "JWT",
    **header: object,
) -> str:
    """A token as an issuer signs it; None takes a member of the header out."""
    members = {"alg": alg, "typ": typ, "kid": key.kid, **header}
    given = {name: value for name, value in members.items() if value is not None}
    return jws.serialize_compact(given, orjson.dumps(claims), key, algorithms=[alg])


class Publisher:
    """Serves metadata and keys. `documents` are bodies by path, a status stands for an error;
    `asked` are the paths that were asked for, with the tag of what the asker has.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str | None]] = []
        self.headers: dict[str, str] = {}
        self.documents: dict[str, bytes | int] = {}
        self.heard = asyncio.Event()
        self.held = asyncio.Event()
        self.held.set()
        self.say(KEYS, {"keys": []})
        self.say(METADATA, {"issuer": url, "jwks_uri": url + KEYS, "scopes_supported": ["openid"]})

    def say(self, path: str, document: object) -> None:
        self.documents[path] = orjson.dumps(document)

    def publish(self, *jwks: Mapping[str, Any]) -> None:
        self.say(KEYS, {"keys": jwks})

    @property
    def fetches(self) -> int:
        """How often the keys were asked for."""
        return sum(path == KEYS for path, _ in self.asked)

    async def fetched(self, times: int) -> None:
        """Waits until the keys were asked for so often."""
        while self.fetches < times:
            self.heard.clear()
            await self.heard.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}
        path, tag = line.split(" ")[1], headers.get("if-none-match")
        self.asked.append((path, tag))
        self.heard.set()
        await self.held.wait()
        said = self.documents.get(path, 404)
        body = b"" if isinstance(said, int) else said
        own = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        status = said if isinstance(said, int) else 304 if tag == own else 200
        if status == 304:
            body = b""
        told = {"ETag": own, "Content-Length": str(len(body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def publishing(tls: ssl.SSLContext | None = None) -> AsyncGenerator[Publisher]:
    """An issuer while the context lasts; afterwards nobody answers."""
    served: list[Publisher] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await served[0].serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        served.append(Publisher(f"http{'s' if tls else ''}://127.0.0.1:{port}"))
        yield served[0]
