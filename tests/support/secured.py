"""An installed gateway that speaks TLS, and agents that show it certificates."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import orjson
from cryptography import x509

from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.identity import dev
from safeconduct.identity.client import proof
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON
from safeconduct.rooms import clock_ms
from tests.support.certificates import Authority, Held, anonymous
from tests.support.front import Fields, Reply, replaced, without
from tests.support.installation import COPILOT, USER, Serves, calling, install, received
from tests.support.parties import GRANT, JWT

CORPORATE: Final = Authority("corporate.example")
"""Signs for the gateway."""


def secured(
    directory: Path,
    office: Serves,
    *authorities: Authority,
    gateway: JSON | None = None,
    **blocks: JSON,
) -> Config:
    """A configuration whose gateway shows a certificate and takes those of these domains, unless
    its block says something else; further blocks replace those of `install`.
    """
    made = install(directory, office)
    CORPORATE.server().write(directory, "gateway")
    trust = {one.domain: {"bundle": f"{one.domain}.json"} for one in authorities}
    for one in authorities:
        (directory / f"{one.domain}.json").write_bytes(one.bundle())
    path = directory / "safeconduct.yaml"
    root: JSON = json.loads(path.read_text())
    root["gateway"] |= gateway or {
        "issuer": made.root.gateway.issuer.replace("http:", "https:"),
        "tls": {
            "certificate": "gateway.pem",
            "key": "gateway.key",
            "client_certificates": True,
        },
    }
    path.write_text(json.dumps({**root, "trust": {**root["trust"], **trust}, **blocks}))
    return load(directory)


class Client:
    """Somebody with a certificate, or none, who has seen what agents send."""

    def __init__(
        self,
        config: Config,
        directory: Path,
        held: Held | None,
        authority: bytes | None = None,
    ) -> None:
        """With an `authority` it looks for a SPIFFE ID in the gateway's certificate, no host."""
        self.config = config
        self._context = anonymous(CORPORATE) if held is None else held.client(directory, CORPORATE)
        if authority is not None:
            self._context.check_hostname = False
            self._context.load_verify_locations(cadata=authority)

    def shown(self) -> str:
        """The one URI in the gateway's certificate, which is good."""
        host, port = self.config.root.gateway.listen.split(":")
        with (
            socket.create_connection((host, int(port))) as plain,
            self._context.wrap_socket(plain, server_hostname=host) as link,
        ):
            leaf = x509.load_der_x509_certificate(link.getpeercert(binary_form=True) or b"")
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (found,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        return found

    def post(self, path: str, body: bytes, fields: Fields) -> Reply:
        """Raises ssl.SSLError, ConnectionError: the handshake failed."""
        listen = self.config.root.gateway.listen
        if self.config.root.gateway.tls is None:
            link = HTTPConnection(listen, timeout=30)
        else:
            link = HTTPSConnection(listen, timeout=30, context=self._context)
        try:
            link.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
            for name, value in replaced(fields, "host", listen):
                link.putheader(name, value.encode())
            link.putheader("content-length", str(len(body)))
            link.endheaders(body)
            return received(link)
        finally:
            link.close()

    def start(
        self, *, agent: str = COPILOT, key: PrivateKey | None = None, fields: Fields = ()
    ) -> Reply:
        """Asks for a task as an agent that its certificate has to prove."""
        state = Path(self.config.directory) / self.config.root.gateway.state
        issuer = self.config.root.gateway.issuer
        form = {
            "grant_type": GRANT,
            "client_id": agent,
            "subject_token": dev.user_token(state, self.config, USER, clock_ms()),
            "subject_token_type": JWT,
            "task_profile": "triage",
            "purpose": "Answer case C-1.",
        }
        sent = [("content-type", "application/x-www-form-urlencoded"), *fields]
        if key is not None:
            sent.append(("dpop", proof(key, "POST", f"{issuer}/oauth/token", None)))
        return self.post("/oauth/token", urlencode(form).encode(), sent)

    def call(
        self,
        token: str,
        *,
        key: PrivateKey | None = None,
        scheme: str = "Bearer",
        fields: Sequence[tuple[str, str]] = (),
    ) -> Reply:
        """Calls a tool with a token."""
        body, sent = calling("office__get_case", {"case_id": "C-1"})
        sent = [*replaced(without(sent, "dpop"), "authorization", f"{scheme} {token}"), *fields]
        if key is not None:
            url = f"{self.config.root.gateway.issuer}/mcp"
            sent.append(("dpop", proof(key, "POST", url, token)))
        return self.post("/mcp", body, sent)


def token_of(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    return str(orjson.loads(reply.body)["access_token"])


def refused(reply: Reply) -> str:
    """The error of a token request."""
    assert reply.status in {400, 401}, reply.body
    return str(orjson.loads(reply.body)["error"])


HANDSHAKE_FAILED: Final = (ssl.SSLError, ConnectionError)
