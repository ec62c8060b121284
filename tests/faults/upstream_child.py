"""A child process that speaks MCP badly on request. Its one argument names its era."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

MODERN = "2026-07-28"


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer(request_id: object, result: object) -> None:
    write(json.dumps({"jsonrpc": "2.0", "id": request_id, "result": result}))


def fail(request_id: object, code: int, data: object = None) -> None:
    error = {"code": code, "message": "no", "data": data}
    write(json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}))


def negotiate(era: str, message: dict[str, Any]) -> bool:
    """Answer a message of the negotiation, and say whether it was one."""
    method, request_id = message.get("method"), message.get("id")
    if method == "server/discover":
        if era == "newer":
            answer(request_id, {"supportedVersions": [MODERN], "capabilities": {}})
        elif era in {"older", "logs"}:
            fail(request_id, -32601)
        elif era == "other":
            fail(request_id, -32022, {"supported": ["2030-01-01"]})
        elif era == "exits":
            sys.exit(1)
        return True
    if method == "logging/setLevel" and era == "logs":
        answer(request_id, {})
        return True
    if method == "initialize":
        if era == "locked":
            fail(request_id, -32022, {"supported": [MODERN]})
        elif era == "refuses":
            fail(request_id, -32602)
        else:
            capabilities: dict[str, Any] = {"logging": {}} if era == "logs" else {}
            answer(request_id, {"protocolVersion": "2025-11-25", "capabilities": capabilities})
        return True
    return False


def surroundings() -> dict[str, Any]:
    """What this process can see."""
    return {
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "home": sorted(path.name for path in Path.home().iterdir()),
        "pid": os.getpid(),
        "group": os.getpgid(0),
    }


class Asking:
    """A request that is answered with the replies to what the child asked meanwhile."""

    def __init__(self, request_id: object, wait: int) -> None:
        self.request_id = request_id
        self.wait = wait
        self.replies: list[dict[str, Any]] = []

    def replied(self, message: dict[str, Any]) -> None:
        self.replies.append(message)
        if len(self.replies) == self.wait:
            answer(self.request_id, {"replies": self.replies})


def perform(method: str, request_id: object, params: dict[str, Any]) -> None:
    """Do what a request says; "hang" and whatever is not here gets no answer."""
    if params.get("uri") == "note://refused":
        fail(request_id, -32602)
    elif method in {"echo", "resources/subscribe", "resources/unsubscribe"}:
        answer(request_id, params)
    elif method == "surroundings":
        answer(request_id, surroundings())
    elif method == "lines":
        for text in params["lines"]:
            write(text.replace("ID", str(request_id)))
    elif method == "long":
        write("x" * params["length"])
    elif method == "complain":
        sys.stderr.write(params["text"])
        sys.stderr.flush()
        answer(request_id, {})
    elif method == "breed":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        answer(request_id, {"pid": child.pid})
    elif method == "die":
        os._exit(3)


def serve(era: str) -> None:
    seen: list[dict[str, Any]] = []
    asking: Asking | None = None
    for line in sys.stdin:
        message = json.loads(line)
        seen.append(message)
        method, request_id = message.get("method"), message.get("id")
        if asking is not None and method is None:
            asking.replied(message)
        if negotiate(era, message) or request_id is None or method is None:
            continue
        if method == "ask":
            asking = Asking(request_id, message["params"]["wait"])
            for text in message["params"]["lines"]:
                write(text)
        elif method == "seen":
            answer(request_id, {"messages": seen})
        else:
            perform(method, request_id, message.get("params", {}))


if __name__ == "__main__":
    starts = os.environ.get("STARTS")
    if starts:
        with Path(starts).open("a", encoding="ascii") as file:
            file.write("started\n")
    if sys.argv[1] == "crashes":
        sys.stderr.write("cannot go on\x1b[31m\n")
        sys.exit(7)
    if sys.argv[1] == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        serve("newer")
        while True:
            signal.pause()
    serve(sys.argv[1])
