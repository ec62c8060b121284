"""Open Policy Agent itself behind the shape of its REST API: `opa_server.py FILE...`.

Its first line tells the port. There is no `opa` program to install, but the engine as a library.
"""

import json
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from opa_bindings import OpaEngine, OpaUndefinedError

ENGINE = OpaEngine()


class Data(BaseHTTPRequestHandler):
    """`POST /v1/data/<path>`; nothing else."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        path = self.path.partition("?")[0].removeprefix("/v1/data/").replace("/", ".")
        answer: dict[str, Any] = {"decision_id": "1"}
        with suppress(OpaUndefinedError):
            answer["result"] = ENGINE.eval_document(path, json.loads(body)["input"])
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None: ...


def main() -> None:
    """Serves until it is ended."""
    for name in sys.argv[1:]:
        ENGINE.add_policy(name, Path(name).read_text(encoding="utf-8"))
    with HTTPServer(("127.0.0.1", 0), Data) as server:
        print(json.dumps({"port": server.server_port}), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
