"""A second model that the gateway asks about what is sent: chat completions on this machine.

What answers is a rule and no network: what is sent may hold no account that the user did not name.
It reads what models read, and gives the answer that they are asked for.
"""

import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b")


def answer(document: dict[str, Any]) -> dict[str, str]:
    """The answer to a question, which holds the request and the call."""
    (mark,) = (name.removeprefix("call-") for name in document if name.startswith("call-"))
    request, call = document[f"request-{mark}"]["text"], document[f"call-{mark}"]
    accounts = _ACCOUNT.findall(json.dumps(call["arguments"]))
    if all(account in request for account in accounts):
        return {"answer": "consistent", "why": "as-asked", "mark": mark}
    return {"answer": "inconsistent", "why": "other-content", "mark": mark}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        document = json.loads(asked["messages"][-1]["content"])
        message = {"role": "assistant", "content": json.dumps(answer(document))}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        said = {"object": "chat.completion", "model": asked["model"], "choices": [choice]}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 so http.server names it
        """Nothing: what is answered stands in the gateway's log."""


@contextmanager
def answering(host: str) -> Generator[int]:
    """The port at which it answers until the context ends."""
    server = ThreadingHTTPServer((host, 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
