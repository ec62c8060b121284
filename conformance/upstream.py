"""The gateway's own client of authorization servers, for the scenarios `auth/…` of the suite.

An operator looks up where an upstream's tokens come from and writes it into the configuration; here
this program is the operator, and the person who consents, too.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from safeconduct.cli.init import write
from safeconduct.config import load
from safeconduct.config.schema import Config, CredentialBlock, OAuthBlock, Upstream
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey, encode
from safeconduct.ports import JSON, Credential, Errand, NoConsent, UpstreamFault
from safeconduct.rooms import clock_ms
from safeconduct.secrets.broker import Broker
from safeconduct.upstreams import open_upstream

USER: Final = "jane@crm.example"
SECRET: Final = "CONFORMANCE_CLIENT_SECRET"
DOCUMENT: Final = "https://conformance-test.local/client-metadata.json"
"""The client-id metadata document that the suite knows."""


def ask(url: str, body: bytes | None = None) -> tuple[int, Mapping[str, str], bytes]:
    """Asks once, and follows nothing."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request("POST" if body else "GET", target, body, headers)
        with connection.getresponse() as answer:
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()
    finally:
        connection.close()


def described(url: str) -> dict[str, Any]:
    """The protected resource metadata (RFC 9728), found as MCP says."""
    hello = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'
    _, headers, _ = ask(url, hello)
    challenge = headers.get("www-authenticate", "")
    named = re.search(r'resource_metadata="([^"]+)"', challenge)
    parts = urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource"
    places = [named[1]] if named else [root + parts.path, root]
    for place in places:
        status, _, body = ask(place)
        if status == 200:
            found: dict[str, Any] = json.loads(body)
            scope = re.search(r'scope="([^"]+)"', challenge)
            found["scopes"] = scope[1].split() if scope else found.get("scopes_supported", [])
            return found
    raise SystemExit("no protected resource metadata")


def key_of(pem: str) -> PrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    numbers = key.private_numbers()
    x, y = numbers.public_numbers.x, numbers.public_numbers.y
    members = {"x": x, "y": y, "d": numbers.private_value}
    jwk = {name: encode(value.to_bytes(32, "big")) for name, value in members.items()}
    return PrivateKey.parse({"kty": "EC", "crv": "P-256", **jwk})


def configured(directory: Path, url: str, oauth: OAuthBlock) -> Config:
    write(directory / "gateway")
    config = load(directory / "gateway")
    credential = CredentialBlock(kind="upstream-oauth", oauth=oauth)
    block = Upstream(role="execution", credential=credential, manifests="unused", mcp=url)
    root = msgspec.structs.replace(config.root, upstreams={"suite": block})
    return msgspec.structs.replace(config, directory=str(directory), root=root)


async def consented(broker: Broker) -> None:
    """A person opens the page, agrees to everything, and comes back."""
    name = broker.tickets.make("suite", USER)
    url, browser = await broker.tickets.leave(name)
    status, headers, _ = await asyncio.to_thread(ask, url)
    assert status in {302, 303}, status
    answer = dict(parse_qsl(urlsplit(headers["location"]).query))
    await broker.tickets.arrive(answer, browser)


async def main(url: str) -> None:
    context: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    found = await asyncio.to_thread(described, url)
    own = "client-credentials" in scenario
    pem = context.get("private_key_pem")
    with tempfile.TemporaryDirectory() as directory:
        secret = context.get("client_secret")
        if secret is not None:
            os.environ[SECRET] = secret
        oauth = OAuthBlock(
            issuer=found["authorization_servers"][0],
            grant="client-credentials" if own else "authorization-code",
            client_id=context.get("client_id", DOCUMENT),
            secret=None if secret is None else f"env:{SECRET}",
            resource=found["resource"],
            scopes=tuple(found["scopes"]),
            lists_as=None if own else USER,
        )
        key = key_of(pem) if pem else PrivateKey.generate()

        async def record(_: Mapping[str, Any]) -> None: ...

        broker = Broker(
            configured(Path(directory), url, oauth),
            clock_ms=clock_ms,
            sign=lambda claims, typ: jose.sign(claims, key, typ),
            record=record,
        )
        if not own:
            await consented(broker)
        credential = await broker.credential(Errand(upstream="suite", user=USER))
        await used(url, credential)


async def used(url: str, credential: Credential | None) -> None:
    upstream = open_upstream("suite", url=url)
    try:
        call: JSON = {"name": "test-tool", "arguments": {}}
        for method, params in (("tools/list", JSON()), ("tools/call", call)):
            await upstream.request(
                method, params, owner="a|b|c", credential=credential, timeout_s=10
            )
    finally:
        await upstream.close()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[-1]))
    except (NoConsent, UpstreamFault) as fault:
        raise SystemExit(f"{type(fault).__name__}: {fault}") from None
