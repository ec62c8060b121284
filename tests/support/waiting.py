"""A gateway at which every mail waits for a person's yes, and the person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from safeconduct.cli.operator import ask
from safeconduct.config import load
from safeconduct.config.schema import Config
from tests.support.installation import DANA, HOST, Gateway, Office, change, free_port, install

SEND: Final = {"to": DANA, "body": "hello"}


def waiting(directory: Path, office: Office, *, terminal: bool = True) -> Config:
    """A configuration with a console, in which each mail waits for the user's yes. `terminal`: one
    that is given at the operator socket counts.
    """
    install(directory, office)
    path, port = directory / "agents" / "copilot.yaml", free_port()
    agent = json.loads(path.read_text())["agent"]
    change(path, {"agent": {**agent, "jit_approval_required": ["mail:send"]}})
    change(
        directory / "safeconduct.yaml",
        {
            "approvals": {"unsafe_terminal": terminal},
            "console": {"listen": f"{HOST}:{port}", "url": f"http://localhost:{port}"},
        },
    )
    return load(directory)


def operated(gateway: Gateway, verb: str, **request: Any) -> Any:
    """What the operator socket answers."""
    config = gateway.config
    return ask(Path(config.directory) / config.root.gateway.operator_socket, verb, **request)


def approve(gateway: Gateway) -> str:
    """Says yes to the one call that waits, and returns the approval."""
    (question,) = operated(gateway, "approvals")["pending"]
    operated(gateway, "answer", approval=question["approval"], granted=True)
    return str(question["approval"])
