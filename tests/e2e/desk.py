"""A gateway with a console, an agent whose calls are asked about, and a person in a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from examples.stage.chromium import Chromium

from safeconduct.config import load
from safeconduct.core.canonical import digest
from safeconduct.ports import JSON
from tests.support.installation import (
    HOST,
    USER,
    Agent,
    Gateway,
    Office,
    change,
    free_port,
    install,
    running,
)

REFUND: Final = {"to": "CUST-7", "amount_minor": 90_000, "orders": ["O-1", "O-2", "O-3"]}
_SCOPES: Final = ["case:read", "customer:read", "mail:send", "refund:pay"]
_DEFINITION: Final[JSON] = {
    "name": "refund",
    "description": "Pays money back.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "to": {"type": "string"},
            "amount_minor": {"type": "integer"},
            "orders": {"type": "array", "items": {"type": "string"}},
        },
    },
}


def equip(directory: Path, office: Office, approvals: JSON | None = None, *, port: int = 0) -> str:
    """Writes a configuration directory in which every refund is asked about; the console's URL.
    `port` is the gateway's.
    """
    office.definitions["refund"] = _DEFINITION
    own = free_port()
    url = f"http://localhost:{own}"
    names = dict(office.definitions)
    del office.definitions["refund"]
    install(directory, office, port=port)
    office.definitions.update(names)
    root = json.loads((directory / "safeconduct.yaml").read_text())
    root["scopes"]["refund:pay"] = {"system": "office", "object": "refund", "action": "pay"}
    root["profiles"]["triage"]["scopes"] = _SCOPES
    root["console"] = {"listen": f"{HOST}:{own}", "url": url}
    root["approvals"] = approvals or {}
    change(directory / "safeconduct.yaml", root)
    agent = json.loads((directory / "agents" / "copilot.yaml").read_text())
    agent["agent"]["jit_approval_required"] = ["refund:pay"]
    change(directory / "agents" / "copilot.yaml", agent)
    manifest = json.loads((directory / "manifests" / "office.yaml").read_text())
    manifest["tools"]["refund"] = {
        "effect": "write",
        "scopes": ["refund:pay"],
        "arguments": {
            "to": {"role": "object-id", "needs": "any"},
            "amount_minor": {"role": "amount", "needs": "any"},
            "orders": {"role": "object-id", "needs": "any"},
        },
        "returns": {"source": {"integrity": "trusted", "confidentiality": "public"}},
        "sink": {"clearance": "confidential"},
        "pin": digest(_DEFINITION),
    }
    change(directory / "manifests" / "office.yaml", manifest)
    change(directory / "users.yaml", {"users": {USER: {"scopes": _SCOPES}}})
    rules = directory / "policy" / "rules" / "office.rego"
    rules.write_text(rules.read_text().replace('"office.send",', '"office.send", "office.refund",'))
    return url


@contextmanager
def opened(directory: Path) -> Generator[Gateway]:
    """Runs the gateway of a directory; its log verifies in the end."""
    with running(load(directory)) as gateway:
        yield gateway
    gateway.verified()


def enrolment(directory: Path, user: str) -> str:
    """A one-time link, as the operator gets it."""
    words = ["approvals", "enrol", user, "--format", "json", "--config", str(directory)]
    command = [sys.executable, "-m", "safeconduct", *words]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    return str(json.loads(done.stdout)["url"])


def ask(agent: Agent, arguments: JSON | None = None) -> str:
    """The agent calls, and is told to wait; the id of the question."""
    reply = agent.call("office__refund", arguments or dict(REFUND))
    told: dict[str, Any] = reply.json["result"]["_meta"]["dev.safeconduct/refusal"]
    assert told["reason"] == "approval-required", told
    return str(told["approval"])


def register(window: Chromium, link: str) -> None:
    """Opens a one-time link, registers a passkey, and signs in with it."""
    site = link.partition("/enrol/")[0]
    window.open(link)
    window.click("main button")
    window.until(f"{site}/keys")
    window.fill("#label", "Laptop")
    window.click("form[data-ceremony] button")
    window.until(f"{site}/sign-in")
    window.click("form[data-ceremony] button")
    window.until(f"{site}/")
