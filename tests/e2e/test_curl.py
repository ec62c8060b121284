"""Another client than Python's: curl, from Debian, against a gateway that runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safeconduct.identity.client import proof
from tests.support.installation import install, opened_office, running


def asked(curl: Path, url: str, *options: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON body of one request."""
    command = [str(curl), "--silent", "--include", "--max-time", "10", *options, url]
    said = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    head, _, body = said.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    fields = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return int(first.split()[1]), headers, json.loads(body) if body else None


def test_curl_finds_the_token_service_and_is_turned_away_without_a_token(
    tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    curl = require_program("curl")
    with opened_office() as office, running(install(tmp_path, office)) as gateway:
        status, headers, _ = asked(curl, f"{gateway.issuer}/mcp", "--data", "{}")
        assert status == 401
        _, _, where = headers["www-authenticate"].partition('resource_metadata="')
        status, _, resource = asked(curl, where.partition('"')[0])
        assert (status, resource["resource"]) == (200, f"{gateway.issuer}/mcp")
        server = resource["authorization_servers"][0]
        status, _, service = asked(curl, f"{server}/.well-known/oauth-authorization-server")
        assert (status, service["token_endpoint"]) == (200, f"{server}/oauth/token")
        assert office.effects == {}


def test_curl_calls_a_tool_with_a_token_and_a_proof_and_not_twice_with_one(
    tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    curl = require_program("curl")
    with opened_office() as office, running(install(tmp_path, office)) as gateway:
        task = gateway.task().task
        url = f"{gateway.issuer}/mcp"
        params = {"name": "office__get_case", "arguments": {"case_id": "C-1"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        fields = {
            "Authorization": f"DPoP {task.token}",
            "DPoP": proof(task.key, "POST", url, task.token),
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }
        options = [part for name, value in fields.items() for part in ("-H", f"{name}: {value}")]
        options += ["--data", json.dumps(message)]
        status, _, answer = asked(curl, url, *options)
        assert (status, "result" in answer) == (200, True)
        assert asked(curl, url, *options)[0] == 401
        assert office.effects["get_case"] == 1
