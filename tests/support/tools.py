"""Tools at a path of a small web server, and a user's consent to them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec

from safeconduct.ports import JSON
from tests.support.installation import USER, Office
from tests.support.web import Answer, Asked, Web, document


class Tools:
    """An MCP server at a path of a web server."""

    def __init__(self, web: Web) -> None:
        self.url = f"{web.url}/mcp"
        self.definitions = Office().definitions
        self.status = 200
        web.pages["/mcp"] = self._serve

    def _serve(self, asked: Asked) -> Answer:
        said: JSON = msgspec.json.decode(asked.body)
        results: dict[str, JSON] = {
            "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {}},
            "tools/list": {"tools": list(self.definitions.values())},
            "tools/call": {"content": [{"type": "text", "text": "done"}]},
        }
        if said["method"] not in results:
            error = {"code": -32601, "message": "Method not found"}
            return document({"jsonrpc": "2.0", "id": said.get("id"), "error": error}, 404)
        if self.status != 200 and said["method"] == "tools/call":
            return Answer(self.status)
        result = {"resultType": "complete", **results[said["method"]]}
        return document({"jsonrpc": "2.0", "id": said["id"], "result": result})


def consent(directory: Path, *words: str) -> dict[str, object]:
    """What `safeconduct consent` says."""
    command = [sys.executable, "-m", "safeconduct", "consent", "office", USER, *words]
    command += ["--config", str(directory), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer
