"""Issuers of users that others wrote, running, and people who sign in there."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from joserfc.jwk import RSAKey

from safeconduct.ports import JSON
from tests.e2e.browser import Browser, Page
from tests.e2e.parts import npm_issuer, python_issuer
from tests.support.installation import HOST, free_port

CLIENT: Final = "copilot"
SECRET: Final = "a-secret-of-this-test-alone"
REDIRECT: Final = "http://127.0.0.1:9/callback"
PASSWORD: Final = "correct horse"
CODE: Final = "123456"
_BASIC: Final = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
AUTHENTICATION: Final = {"Authorization": f"Basic {_BASIC}"}


class Issuer(msgspec.Struct, frozen=True):
    """An issuer that runs, as its metadata describes it."""

    url: str
    metadata: JSON
    process: subprocess.Popen[bytes]

    def browser(self) -> Browser:
        """A browser of somebody who has not signed in yet."""
        return Browser(REDIRECT)

    def sign_in(self, browser: Browser, filled: JSON, *, acr: Sequence[str] = ()) -> JSON:
        """Signs in (code and PKCE, RFC 7636) and returns the token response; `filled` is what a
        person types into the login page, `acr` how strongly they must sign in.
        """
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        wanted: JSON = {"essential": True, "values": list(acr)} if acr else {}
        asked = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT,
            "scope": "openid",
            "state": state,
            # Without one, two tokens of one second can be one.
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "claims": json.dumps({"id_token": {"amr": None, "acr": wanted or None}}),
        }
        page = browser.open(f"{self.metadata['authorization_endpoint']}?{urlencode(asked)}")
        if not page.url.startswith(REDIRECT):
            page = browser.submit(page, **filled)
        assert page.query["state"] == state
        return self._redeem(page, verifier)

    def _redeem(self, page: Page, verifier: str) -> JSON:
        form = {
            "grant_type": "authorization_code",
            "code": page.query["code"],
            "redirect_uri": REDIRECT,
            "code_verifier": verifier,
        }
        url, body = str(self.metadata["token_endpoint"]), urlencode(form).encode()
        return asked_for(url, body, **AUTHENTICATION)


def asked_for(url: str, body: bytes | None = None, **headers: str) -> JSON:
    """The JSON that is answered. Raises HTTPError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, body, headers)  # noqa: S310  a URL of the test's own
    with opener.open(request, timeout=20) as answer:
        told: JSON = json.load(answer)
        return told


@contextmanager
def oidc_provider(
    users: dict[str, Any], log: Path, redirect: str | Sequence[str] = REDIRECT
) -> Generator[Issuer]:
    """The issuer from npm; it knows these users, with `claims` and how they sign in."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    said = {
        "issuer": url,
        "port": port,
        "jwks": {"keys": [key.as_dict(private=True)]},
        "client": CLIENT,
        "secret": SECRET,
        "redirect": redirect,
        "users": users,
    }
    command = [*npm_issuer().required().command, json.dumps(said)]
    with running_issuer(command, log, b"ready") as process:
        yield Issuer(url, asked_for(f"{url}/.well-known/openid-configuration"), process)


@contextmanager
def nanoidp(users: dict[str, Any], directory: Path, redirect: str = REDIRECT) -> Generator[Issuer]:
    """The issuer from PyPI, in a directory of its own."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    client = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [redirect]}
    settings = {
        "config_version": 1,
        "server": {"host": HOST, "port": port},
        "oauth": {"issuer": url, "audience": "another-api", "clients": [client]},
    }
    directory.mkdir()
    # JSON is YAML.
    (directory / "settings.yaml").write_text(json.dumps(settings))
    (directory / "users.yaml").write_text(json.dumps({"config_version": 1, "users": users}))
    options = ["--config", str(directory), "--port", str(port), "--profile", "oauth21"]
    command = [*python_issuer().required().command, *options]
    with running_issuer(command, directory / "log", b"Running on") as process:
        yield Issuer(url, asked_for(f"{url}/.well-known/openid-configuration"), process)


@contextmanager
def running_issuer(
    command: list[str], log: Path, ready: bytes
) -> Generator[subprocess.Popen[bytes]]:
    """Runs a program, which tells when it is ready."""
    process = subprocess.Popen(
        command,
        cwd=log.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        assert any(ready in line for line in process.stdout)
        yield process
    finally:
        process.kill()
        said, _ = process.communicate()
        log.write_bytes(said)
