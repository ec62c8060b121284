"""Serves one MCP server of the story over Streamable HTTP on a loopback port."""

import hmac
import json
import socket
from pathlib import Path

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that is free right now."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def require_bearer(app: ASGIApp, token: str) -> ASGIApp:
    """Wrap an ASGI application so that every request needs `Authorization: Bearer TOKEN`."""
    expected = f"Bearer {token}".encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        given = headers.get(b"authorization", b"")
        if scope["type"] != "http" or hmac.compare_digest(given, expected):
            await app(scope, receive, send)
            return
        challenge = (b"www-authenticate", b"Bearer")
        await send({"type": "http.response.start", "status": 401, "headers": [challenge]})
        await send({"type": "http.response.body", "body": b""})

    return guarded


def serve(server: MCPServer, *, port: int, token_file: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT. The first line on stdout is `{"port": N}`, once bound.

    `port` 0 takes a free one. With `token_file`, requests must carry the token that it holds.
    """
    app: ASGIApp = server.streamable_http_app(stateless_http=True, json_response=True)
    if token_file is not None:
        app = require_bearer(app, token_file.read_text(encoding="utf-8").strip())
    with socket.create_server((HOST, port)) as listener:
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        # A stream that somebody listens to has no end of its own, and must not hold up the stop.
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=1
        )
        uvicorn.Server(config).run(sockets=[listener])
