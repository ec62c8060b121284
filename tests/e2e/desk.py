"""A gateway with a console, an agent whose calls are asked about, and a person in a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from examples.stage.chromium import Chromium, chromium

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
    opened_office,
    running,
)

REFUND: Final = {"to": "CUST-7", "amount_minor": 90_000, "orders": ["O-1", "O-2", "O-3"]}
YES: Final = "form[data-ceremony] button[value=passkey]"
LESS: Final = "details:nth-of-type(1)"
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
    code, told = ended(verb(directory, "enrol", user))
    assert code == 0, told
    return str(told["url"])


def verb(directory: Path, *words: str) -> subprocess.Popen[str]:
    """`safeconduct approvals` beside a gateway that runs."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "safeconduct", "approvals", *words),
            *("--config", str(directory), "--format", "json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, Any]:
    """Its exit code and what it says: a value, or what was wrong."""
    out, err = process.communicate(timeout=60)
    return process.returncode, json.loads(out) if out else err


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
    window.until_run("return location.pathname === '/' && document.readyState === 'complete'")


def answered(window: Chromium) -> str:
    """What the inbox says of an answer that was given."""
    window.until_run("return location.pathname === '/' && document.readyState === 'complete'")
    return window.text("[role=status]")


def said(window: Chromium, selector: str) -> str:
    """What the script of the page says of what went wrong."""
    told = window.until_run(
        f"const said = document.querySelector('{selector}');"
        " return said.hidden ? '' : said.textContent"
    )
    return str(told)


class Desk:
    """Everything that stands and runs, and a person at a browser."""

    def __init__(
        self,
        tmp_path: Path,
        driver: Path,
        stack: ExitStack,
        approvals: JSON,
        approvers: Sequence[str] = (),
    ) -> None:
        """`approvers` are users beside the one that the agent acts for."""
        self.office: Office = stack.enter_context(opened_office())
        self.directory = tmp_path / "gateway"
        self.url = equip(self.directory, self.office, approvals)
        if approvers:
            users = json.loads((self.directory / "users.yaml").read_text())["users"]
            users |= {one: {"scopes": ["case:read"]} for one in approvers}
            change(self.directory / "users.yaml", {"users": users})
        self.gateway: Gateway = stack.enter_context(opened(self.directory))
        self.agent = self.gateway.task("Refund order O-1.")
        self.window: Chromium = stack.enter_context(chromium(driver, tmp_path / "driver.log"))
        self.authenticator = self.window.authenticator()

    def register(self) -> None:
        register(self.window, enrolment(self.directory, USER))

    def asked(self) -> str:
        """The agent asks for a refund, and the person looks at the page; the id of the question."""
        question = ask(self.agent)
        self.window.open(f"{self.url}/approvals/{question}")
        return question

    def answered(self) -> str:
        """What the inbox says of an answer that was given."""
        return answered(self.window)
