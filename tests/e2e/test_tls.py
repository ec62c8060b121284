"""curl with a certificate, and nginx that ends TLS before the gateway, both from Debian."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safeconduct.identity import dev
from safeconduct.rooms import clock_ms
from tests.support.certificates import Authority
from tests.support.installation import (
    COPILOT,
    HOST,
    USER,
    Gateway,
    free_port,
    opened_office,
    running,
)
from tests.support.secured import CORPORATE, secured

HOME = Authority("crm.example")
AGENT = HOME.svid(COPILOT)

NGINX = """
daemon off;
pid %(directory)s/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path %(directory)s/body;
  proxy_temp_path %(directory)s/proxy;
  fastcgi_temp_path %(directory)s/fastcgi;
  uwsgi_temp_path %(directory)s/uwsgi;
  scgi_temp_path %(directory)s/scgi;
  map $ssl_client_escaped_cert $told { "" ""; default 'Cert="$ssl_client_escaped_cert"'; }
  server {
    listen %(listen)s ssl;
    ssl_certificate %(directory)s/gateway.pem;
    ssl_certificate_key %(directory)s/gateway.key;
    ssl_verify_client optional_no_ca;
    location / {
      proxy_pass http://%(gateway)s;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Client-Cert $told;
    }
  }
}
"""


class Curl:
    """curl, with the agent's certificate unless told otherwise."""

    def __init__(self, program: Path, directory: Path) -> None:
        (directory / "authorities.pem").write_bytes(CORPORATE.pem)
        AGENT.write(directory, "svid")
        self._program = program
        self._directory = directory

    def __call__(self, url: str, *options: str, certified: bool = True) -> tuple[int, Any]:
        """Status and JSON body of one request."""
        shown = ["--cert", "svid.pem", "--key", "svid.key"] if certified else []
        said = subprocess.run(
            [
                *(str(self._program), "--silent", "--show-error", "--max-time", "10"),
                *("--cacert", "authorities.pem", *shown, "--write-out", "\n%{http_code}"),
                *(*options, url),
            ],
            cwd=self._directory,
            capture_output=True,
            check=True,
        ).stdout
        body, _, status = said.rpartition(b"\n")
        return int(status), json.loads(body) if body else None

    def start(
        self, gateway: Gateway, *options: str, certified: bool = True
    ) -> tuple[int, dict[str, Any]]:
        """Asks for a task, as the guide does."""
        state = Path(gateway.config.directory) / gateway.config.root.gateway.state
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "client_id": COPILOT,
            "subject_token": dev.user_token(state, gateway.config, USER, clock_ms()),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "task_profile": "triage",
            "purpose": "Answer case C-1.",
        }
        fields = [part for item in form.items() for part in ("--data", "=".join(item))]
        return self(f"{gateway.issuer}/oauth/token", *fields, *options, certified=certified)

    def call(self, gateway: Gateway, token: str, *, certified: bool = True) -> int:
        """The status of a call with a token."""
        params = {"name": "office__get_case", "arguments": {"case_id": "C-1"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        fields = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }
        options = [part for name, value in fields.items() for part in ("-H", f"{name}: {value}")]
        options += ["--data", json.dumps(message)]
        return self(f"{gateway.issuer}/mcp", *options, certified=certified)[0]


def test_curl_starts_a_task_with_a_certificate_and_calls_a_tool(
    tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    curl = Curl(require_program("curl"), tmp_path)
    with opened_office() as office, running(secured(tmp_path, office, HOME)) as gateway:
        status, answer = curl.start(gateway)
        assert (status, answer["token_type"]) == (200, "Bearer")
        assert curl.call(gateway, answer["access_token"], certified=False) == 401
        assert office.effects == {}
        assert curl.call(gateway, answer["access_token"]) == 200
        assert office.effects["get_case"] == 1


@contextmanager
def balancing(nginx: Path, directory: Path, listen: str, gateway: str) -> Generator[None]:
    """nginx, which asks clients for certificates and says what it was shown."""
    file = directory / "nginx.conf"
    told = {"directory": directory, "listen": listen, "gateway": gateway}
    file.write_text(NGINX % told)
    process = subprocess.Popen([str(nginx), "-e", "stderr", "-p", str(directory), "-c", str(file)])
    try:
        while not reachable(listen):
            assert process.poll() is None
            threading.Event().wait(0.01)
        yield
    finally:
        process.terminate()
        process.wait(10)


def reachable(listen: str) -> bool:
    host, port = listen.split(":")
    try:
        socket.create_connection((host, int(port))).close()
    except ConnectionRefusedError:
        return False
    return True


def test_nginx_says_which_certificate_it_was_shown(
    tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    nginx, curl = require_program("nginx"), Curl(require_program("curl"), tmp_path)
    listen = f"{HOST}:{free_port()}"
    told = {"from": [HOST], "header": "x-forwarded-client-cert"}
    block = {"issuer": f"https://{listen}", "forwarded_certificate": told}
    with opened_office() as office:
        config = secured(tmp_path, office, HOME, gateway=block)
        inner = config.root.gateway.listen
        with running(config) as gateway, balancing(nginx, tmp_path, listen, inner):
            status, answer = curl.start(gateway)
            assert (status, answer["token_type"]) == (200, "Bearer")
            token = answer["access_token"]
            # What a client writes into the header itself does not arrive.
            forged = ("-H", "X-Forwarded-Client-Cert: URI=" + COPILOT)
            assert curl.start(gateway, *forged, certified=False)[0] == 401
            assert curl.start(gateway, "-H", "Client-Cert: :AA==:")[0] == 400
            assert curl.call(gateway, token, certified=False) == 401
            assert office.effects == {}
            assert curl.call(gateway, token) == 200
            assert office.effects["get_case"] == 1
